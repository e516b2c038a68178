// The skeleton under RAII: sized, loaded, attached; and what the kernel refused. Private to the room. Loop
// thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "bpf/sockdog.h"
#include "probe/books.h"
#include "probe/pins.h"
#include "probe_bpf/sockdog.skel.h"  // after sockdog.h: it uses its structs

namespace sockdog {

/// A part of the kernel side as docs/kernels.md lists them.
struct BpfPart {
    std::string_view program;
    std::string_view hook;
    bool required;     // for following
    bool needed_once;  // for a single look (scan)
    std::string_view without;
};
const std::vector<BpfPart>& bpf_parts();

class BpfObject {
  public:
    /// Opened, sized and loaded; programs that the kernel refuses are left out unless they are required. Maps
    /// are those that are pinned, where the options name a directory and the layout is the same.
    static Result<BpfObject> load(const BooksOptions& options);
    /// Attaches in the order that keeps counts right: the farewell before the first transition. Programs that
    /// are pinned and the same are left as they are, others replaced.
    void attach_file_failures();
    void detach_file_failures();
    Status attach(const BooksOptions& options);

    [[nodiscard]] sockdog_bpf& skeleton() const { return *skeleton_; }
    [[nodiscard]] const std::vector<Capability>& capabilities() const { return capabilities_; }
    /// Runs that the kernel's recursion guard skipped, over all programs. Kernel:
    /// bpf_prog_info.recursion_misses (5.12).
    [[nodiscard]] std::uint64_t recursion_misses() const;
    [[nodiscard]] ProgramRuns runs() const;
    [[nodiscard]] const Keeping& keeping() const { return keeping_; }
    /// Removes the pins; what is attached goes with this object.
    void discard();

  private:
    struct Destroy {
        void operator()(sockdog_bpf* skeleton) const { sockdog_bpf__destroy(skeleton); }
    };
    using Skeleton = std::unique_ptr<sockdog_bpf, Destroy>;
    friend std::vector<Capability> probe_capabilities();

    static Result<Skeleton> open_sized(const BooksOptions& options);
    static std::vector<Capability> try_each();
    bool do_without(std::string_view program, const Error& error);
    Status take_pins(const BooksOptions& options);
    void give_up_pins(const Error& why);
    [[nodiscard]] bool is_taken(std::string_view program) const;
    Status load_chosen(const BooksOptions& options);
    Status find_refused(const BooksOptions& options, const Error& refusal);
    void replace_programs();
    Status follow(bpf_program* program, bpf_link** link);
    void each_info(const std::function<void(const bpf_prog_info&)>& take) const;

    /// Pinned by an earlier sockdogd, attached, and the same as ours, which is therefore not loaded.
    struct TakenProgram {
        std::string_view name;
        UniqueFd fd;
    };

    Skeleton skeleton_;
    std::vector<Capability> capabilities_;
    std::optional<PinFolder> pins_;
    std::vector<TakenProgram> taken_;
    Keeping keeping_;
};

}  // namespace sockdog
