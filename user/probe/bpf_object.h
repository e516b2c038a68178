// The skeleton under RAII: sized, loaded, attached; and what the kernel refused. Private to the room. Loop
// thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bpf/sockdog.h"
#include "probe/books.h"
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
    /// Opened, sized and loaded; programs that the kernel refuses are left out unless they are required.
    static Result<BpfObject> load(const BooksOptions& options);
    /// Attaches in the order that keeps counts right: the farewell before the first transition.
    void attach_file_failures();
    void detach_file_failures();
    Status attach(const BooksOptions& options);

    [[nodiscard]] sockdog_bpf& skeleton() const { return *skeleton_; }
    [[nodiscard]] const std::vector<Capability>& capabilities() const { return capabilities_; }
    /// Runs that the kernel's recursion guard skipped, over all programs. Kernel:
    /// bpf_prog_info.recursion_misses (5.12).
    [[nodiscard]] std::uint64_t recursion_misses() const;

  private:
    struct Destroy {
        void operator()(sockdog_bpf* skeleton) const { sockdog_bpf__destroy(skeleton); }
    };
    using Skeleton = std::unique_ptr<sockdog_bpf, Destroy>;
    friend std::vector<Capability> probe_capabilities();

    static Result<Skeleton> open_sized(const BooksOptions& options);
    static std::vector<Capability> try_each();
    bool do_without(std::string_view program, const Error& error);

    Skeleton skeleton_;
    std::vector<Capability> capabilities_;
};

}  // namespace sockdog
