// The kernel side, loaded and attached: gauges per process, records per socket, notices. The only door to
// libbpf. Promises: what it loaded is detached and freed with it, unless it is pinned; gauges are read
// without a system call. Loop thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "probe/types.h"

namespace sockdog {

struct BooksOptions {
    std::uint32_t max_sockets = 262144;
    std::uint32_t max_processes = 16384;
    std::uint32_t event_buffer_bytes = 1 << 18;  // power of two, at least a page
    std::uint32_t trace_buffer_bytes = 1 << 22;
    std::uint32_t wake_limit = 0;  // CLOSE_WAIT sockets of one process that wake the agent; 0: never
    SyscallFailures syscall_failures = SyscallFailures::kNever;
    bool follow = true;  // false: look once (iterators only), nothing is attached to the TCP stack
    /// A second program on each tracepoint books what the first one missed because the kernel skipped it;
    /// nothing: where programs can be preempted, which is since Linux 7.0. Costs a lookup a transition.
    std::optional<bool> second_look = {};
    bool leftovers = false;  // tell of sockets that processes leave open when they end
    /// Where the books live on in bpffs when this process ends, however it ends; empty: they end with it.
    std::filesystem::path pin_directory = {};
};

/// Where the books are kept beyond this process, or why they are not.
struct Keeping {
    std::string pinned_at;    // the folder in bpffs; empty: they end with this process
    std::string why_not;      // where they were to be pinned and are not
    bool taken_over = false;  // they are from before this process
    bool replaced = false;    // by programs other than ours, which were replaced: some events went by
};

/// What the agent noted about the books, and finds again with them after a restart.
struct BookNotes {
    LossCounters told;                // losses that were logged
    std::optional<MonoTime> lost_at;  // the last one that spoils counts
};

struct WalkFilter {
    std::optional<ProcessId> owner;
    std::uint32_t state_mask = 0xffff;  // bit (1 << TcpState)
};

class Books {
  public:
    /// A host that is busy reuses an address within milliseconds; after this the memory went elsewhere.
    static constexpr Duration kGravesOlderThan = 10s;

    /// Loads, attaches, and books the sockets that are there already. EPERM without CAP_BPF and CAP_PERFMON.
    /// Where an optional part is refused by the kernel the rest starts, and capabilities() says what stopped
    /// working. Books that are pinned in `pin_directory` under the same layout are taken up, with all that
    /// they have counted; where nothing can be pinned they are kept for as long as this process, and
    /// keeping() says why.
    static Result<std::unique_ptr<Books>> open(const BooksOptions& options);
    ~Books();
    Books(const Books&) = delete;
    Books& operator=(const Books&) = delete;

    /// Every process with gauges, ended ones included while they still own sockets or for a minute after; {0,
    /// 0} first.
    [[nodiscard]] std::vector<GaugeSample> gauges() const;
    [[nodiscard]] std::optional<Gauges> gauges_of(ProcessId process) const;
    /// Over all processes, ended and forgotten ones included in the counters.
    [[nodiscard]] Gauges totals() const;
    [[nodiscard]] std::uint32_t process_count() const;
    [[nodiscard]] std::uint64_t socket_count() const;

    /// Sockets of all network namespaces, in no order. Costs about 1 us a socket.
    Result<std::vector<SocketRecord>> walk(const WalkFilter& filter) const;

    /// Who found no free port to where, since the books were opened; the latest 1,024. Empty on any host that
    /// is well.
    [[nodiscard]] std::vector<Shortage> shortages() const;

    /// Finds the holders of all sockets and moves those whose owner does not hold them to who does; repairs
    /// on the way.
    Status sweep();
    /// Repairs states, ends records of sockets that went unseen, removes graves (records of ended sockets
    /// whose address nobody took again for `graves_older_than`), then holds the gauges against the records.
    /// `quiet`: records that changed state more recently are left alone.
    Status reconcile(Duration quiet = 1s, Duration graves_older_than = kGravesOlderThan);
    /// Takes back gauges of processes that ended; `is_alive` is asked for those that no exit notice named.
    /// Once a tick.
    void release_ended(MonoTime now, const std::function<bool(ProcessId)>& is_alive);

    [[nodiscard]] LossCounters losses() const;
    [[nodiscard]] ProgramRuns program_runs() const;
    /// Readable when a notice came that cannot wait; for epoll.
    [[nodiscard]] int notice_fd() const;
    /// Hands over all notices there are, also those that did not wake anybody.
    void drain_notices(const std::function<void(const KernelEvent&)>& handle);

    /// A limit of its own for one process, 0: the default. Re-arms its alarm when the count is below half the
    /// limit.
    void set_wake_limit(ProcessId process, std::uint32_t sockets);
    void rearm();

    /// Begins or ends counting EMFILE and ENFILE, where the options say kSuspects; else nothing.
    void count_file_failures(bool on);

    /// Transitions of one process, or of all where `process` is not known; drain_traces() polls, nothing
    /// wakes.
    void trace(ProcessId process, bool on);
    void drain_traces(const std::function<void(const TraceEvent&)>& handle);
    /// What processes left open when they ended, of all processes of the host; only where the options say
    /// so. Takes transitions off the same buffer, and drain_traces() these: use one of them. Nothing wakes;
    /// a full buffer loses some and counts them (LossCounters::trace_dropped).
    void drain_leftovers(const std::function<void(const LeftSocket&)>& handle);

    [[nodiscard]] const std::vector<Capability>& capabilities() const;
    /// When the books were first opened; before this process where they were taken up.
    [[nodiscard]] MonoTime since() const;
    [[nodiscard]] const Keeping& keeping() const;
    /// Removes the pins: the books end with this process. Nothing where they are not pinned.
    void discard();
    [[nodiscard]] BookNotes notes() const;
    void note(const BookNotes& notes);

    struct Impl;  // books_impl.h, for the room's own files
    [[nodiscard]] const Impl& impl() const { return *impl_; }

  private:
    explicit Books(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// What this kernel offers, each program loaded by itself and thrown away. For `sockdog doctor`.
std::vector<Capability> probe_capabilities();

}  // namespace sockdog
