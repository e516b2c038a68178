// Where sockets were opened: stacks of chosen processes at connect() and accept(), told once for each call
// site, their execs, and the births and ends of processes that are followed. An object of its own beside the
// books, whose records it marks with the call site. Nothing is attached while no process is watched. Loop
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/process_id.h"
#include "base/result.h"
#include "probe/books.h"
#include "probe/call_stack.h"
#include "probe/types.h"

namespace sockdog {

struct CallTracerOptions {
    std::uint32_t max_processes = 4096;           // watched at the same time, children included
    std::uint32_t stack_buffer_bytes = 1U << 22;  // a power of two, pages; a copied stack takes 18 KiB
    std::uint32_t follow_buffer_bytes = 1U << 18;
};

/// Everything about call sites that was not kept, by cause. Only grows.
struct CallLosses {
    std::uint64_t captured = 0;         // no loss: connects and accepts whose call site was noted
    std::uint64_t stack_dropped = 0;    // ring full: the call site is told of when it comes again
    std::uint64_t follow_dropped = 0;   // ring full: births and ends that nobody heard of
    std::uint64_t scratch_busy = 0;     // connects without a call site: the CPU was in the middle of another
    std::uint64_t record_missing = 0;   // connects and accepts of sockets that are not in the books
    std::uint64_t runtime_refused = 0;  // children not watched: the table was full
    std::uint64_t malformed = 0;        // entries of the rings that cannot be
};

class CallTracer {
  public:
    /// Loads, attaches nothing. `books` follow the kernel, were opened before, and outlive the tracer. EPERM
    /// without CAP_BPF and CAP_PERFMON. Parts that the kernel refuses are left out and told of once; only
    /// connect() is indispensable.
    static Result<std::unique_ptr<CallTracer>> open(const Books& books, const CallTracerOptions& options);
    ~CallTracer();
    CallTracer(const CallTracer&) = delete;
    CallTracer& operator=(const CallTracer&) = delete;

    /// Begins to watch a process, or gives it another layout; `layout.start_ticks` is filled from `process`.
    /// E2BIG when the table is full, EINVAL for {0, 0}. A process that is gone is no error, and stays in the
    /// table until unwatch(): its end was before anybody listened.
    Status watch(ProcessId process, RuntimeLayout layout);
    /// Nothing where it is not watched. The last one detaches everything.
    void unwatch(ProcessId process);
    /// The kernel's own table: children are in it from birth, processes that are followed until they end.
    [[nodiscard]] bool watches(ProcessId process) const;

    /// The call site is told of again when it comes again: for names that were not kept.
    void forget(std::uint64_t call_site);

    /// Readable when there are new call sites or follow events; for epoll.
    [[nodiscard]] int fd() const;
    /// Hands over all there are, follow events first. Detaches when the last watched process has ended. The
    /// handlers may watch, unwatch and forget.
    void drain(const std::function<void(CallStack)>& stack,
               const std::function<void(const FollowEvent&)>& follow);

    [[nodiscard]] CallLosses losses() const;
    /// As Books::capabilities().
    [[nodiscard]] const std::vector<Capability>& capabilities() const;

  private:
    struct Impl;
    explicit CallTracer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// What this kernel offers for call sites, each program loaded by itself and thrown away. For `sockdog
/// doctor`.
std::vector<Capability> probe_call_site_capabilities();

}  // namespace sockdog
