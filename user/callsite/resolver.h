// Names for call stacks: functions, files and lines, whose code each frame is, and the application's frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/process_id.h"
#include "callsite/call_site.h"
#include "probe/call_stack.h"

namespace sockdog {

struct ResolverOptions {
    std::size_t max_call_sites = 16384;  // remembered; the oldest are forgotten
    std::filesystem::path proc = "/proc";
    std::filesystem::path debug_directory = "/usr/lib/debug";  // separate debug files, by build-id
};

/// Loop thread. Memory of the watched processes is read with process_vm_readv(2) in bounded, checked reads;
/// no content of it can make this throw, block or grow without bound.
class CallSiteResolver {
  public:
    explicit CallSiteResolver(ResolverOptions options = {});
    ~CallSiteResolver();
    CallSiteResolver(const CallSiteResolver&) = delete;
    CallSiteResolver& operator=(const CallSiteResolver&) = delete;

    /// Names a stack at once, while its process lives, and remembers it under its id. A process that is gone
    /// has frames without names, and unknown_because says so. Valid until the next resolve().
    const CallSite& resolve(const CallStack& stack);
    /// Null for an id that was never resolved or was forgotten.
    [[nodiscard]] const CallSite* find(std::uint64_t id) const;
    /// Drops what was cached of its maps; its call sites stay.
    void process_ended(ProcessId process);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sockdog
