// The skeleton of the call sites under RAII: sized, loaded, attached part by part; and what the kernel
// refused. Private to the room. Loop thread.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "probe/call_stack.h"
#include "probe/call_tracer.h"
#include "probe_bpf/callsite.skel.h"  // after callsite.h: it uses its structs

namespace sockdog {

class CallObject {
  public:
    /// Which programs belong together: attached and detached as one.
    enum class Group { kConnect, kExec, kAccept, kFollow };

    /// `records_fd`: the map of the books.
    static Result<CallObject> load(const CallTracerOptions& options, int records_fd);
    static std::vector<Capability> try_each();

    /// Attaches what is not attached yet, or detaches. Of an optional group what cannot be attached is told
    /// once, and is no error.
    Status set_attached(Group group, bool on);

    [[nodiscard]] callsite_bpf& skeleton() const { return *skeleton_; }
    [[nodiscard]] const std::vector<Capability>& capabilities() const { return capabilities_; }

  private:
    struct Destroy {
        void operator()(callsite_bpf* skeleton) const { callsite_bpf__destroy(skeleton); }
    };
    using Skeleton = std::unique_ptr<callsite_bpf, Destroy>;

    static Result<Skeleton> open_sized(const CallTracerOptions& options);
    Status load_available(const CallTracerOptions& options, int records_fd);
    void do_without(Capability& capability, const std::string& why);

    Skeleton skeleton_;
    std::vector<Capability> capabilities_;  // one for each part, in their order
};

}  // namespace sockdog
