// What the agent does so that the books stay right and small: sweeps, reconciliation, losses, pruning.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>

#include "app/agent.h"

namespace sockdog {
namespace {

constexpr Duration kUncertainFor = 5min;  // a reconcile pass has run by then
/// Files of an ended process are closed just after its exit notice (do_exit); by then they are.
constexpr Duration kFilesClosedAfter = 200ms;
constexpr Duration kPruneEvery = std::chrono::hours(6);

/// What can give a socket another holder leaves its trace here. Nothing moved: nothing to sweep.
std::uint64_t activity(const Gauges& totals) {
    return totals.opened + totals.accepted + totals.closed;
}

/// Sockets that are only made and never used fire no event. The kernel counts them all the same: "alloc" of
/// TCP in /proc/net/sockstat, which is of all network namespaces. What it has more than the books grows with
/// them.
std::uint64_t unbooked_sockets(const ProcRoot& proc, const Gauges& totals) {
    const auto sockstat = proc.read_global("net/sockstat");
    if (!sockstat) return 0;
    constexpr std::string_view kAlloc = " alloc ";
    const std::size_t line = sockstat->find("TCP:");
    const std::size_t start = line == std::string::npos ? line : sockstat->find(kAlloc, line);
    if (start == std::string::npos) return 0;
    const std::uint64_t alloc = std::strtoull(sockstat->c_str() + start + kAlloc.size(), nullptr, 10);
    return alloc > totals.total() ? alloc - totals.total() : 0;
}

/// So many more of them, and a sweep is worthwhile: below what the class asks for, above what is on its way
/// through a handshake at any moment.
constexpr std::uint64_t kUnbooked = 8;

/// Counts that are missing in the books; lost trace events and notices are told but spoil no count.
std::uint64_t spoiling(const LossCounters& losses) {
    return losses.record_refused + losses.gauge_full + losses.cas_exhausted + losses.drift_corrected;
}

}  // namespace

void Agent::upkeep(const Now& now) {
    books_->rearm();
    books_->release_ended(now.mono, [this](ProcessId process) { return resolver_.is_alive(process); });
    watch_losses(now);

    const Duration before = thread_cpu_time();
    const Gauges totals = books_->totals();
    const std::uint64_t active = activity(totals);
    const std::uint64_t unbooked = unbooked_sockets(proc_, totals);
    const bool due = now.mono - last_sweep_ >= config_.books.sweep_interval;
    const bool something = active != activity_at_sweep_ || unbooked >= unbooked_at_sweep_ + kUnbooked;
    if (sockets_outlived_somebody(now) || (due && something)) {
        last_sweep_ = now.mono;
        activity_at_sweep_ = active;
        auto swept = books_->sweep();
        if (!swept) spdlog::warn("{}", swept.error().message);
        unbooked_at_sweep_ = unbooked_sockets(proc_, books_->totals());
    }
    unbooked_at_sweep_ = std::min(unbooked_at_sweep_, unbooked);
    if (now.mono - last_reconcile_ >= config_.books.reconcile_interval) {
        last_reconcile_ = now.mono;
        auto reconciled = books_->reconcile();
        if (!reconciled) spdlog::warn("{}", reconciled.error().message);
    }
    watch_.throttle().charge(now.mono, thread_cpu_time() - before);
    if (now.mono - last_prune_ >= kPruneEvery) {
        last_prune_ = now.mono;
        const auto horizon = std::chrono::duration_cast<std::chrono::milliseconds>(config_.keep_resolved);
        auto pruned = journal_.prune(now.wall - horizon);
        if (!pruned) spdlog::warn("{}", pruned.error().message);
    }
}

/// An ended process that still owns sockets with a life ahead: somebody else holds them. Those on their way
/// out do not count (FIN_WAIT, LAST_ACK, CLOSING).
bool Agent::sockets_outlived_somebody(const Now& now) {
    bool outlived = false;
    std::erase_if(exits_, [&](const KernelEvent& exit) {
        if (now.mono - exit.at < kFilesClosedAfter) return false;
        const auto gauges = books_->gauges_of(exit.process);
        if (!gauges) return true;
        for (const TcpState state :
             {TcpState::kEstablished, TcpState::kCloseWait, TcpState::kListen, TcpState::kClose})
            outlived = outlived || gauges->in(state) > 0;
        return true;
    });
    return outlived;
}

/// Every loss is told in the log when it happens (once a tick, with the cause) and counted in `sockdog
/// status`.
void Agent::watch_losses(const Now& now) {
    const LossCounters losses = books_->losses();
    const auto tell = [](const char* what, std::uint64_t before, std::uint64_t after) {
        if (after > before) spdlog::warn("{}: {} more, {} in all", what, after - before, after);
    };
    tell("sockets not booked, the table is full (books.max_sockets)", known_losses_.record_refused,
         losses.record_refused);
    tell("processes without gauges, the table is full (books.max_processes)", known_losses_.gauge_full,
         losses.gauge_full);
    tell("kernel events dropped, the ring buffer is full (books.event_buffer)", known_losses_.event_dropped,
         losses.event_dropped);
    tell("trace events dropped, the reader is too slow (books.trace_buffer)", known_losses_.trace_dropped,
         losses.trace_dropped);
    tell("transitions given up after 16 lost races", known_losses_.cas_exhausted, losses.cas_exhausted);
    if (losses.recursion_missed > known_losses_.recursion_missed) {
        spdlog::debug("the kernel skipped {} program runs: reconciling", losses.recursion_missed);
        last_reconcile_ = {};
    }
    if (spoiling(losses) > spoiling(known_losses_)) lost_at_ = now.mono;
    known_losses_ = losses;
    books_->note({.told = losses, .lost_at = lost_at_});
}

bool Agent::uncertain() const {
    return lost_at_ && read_now().mono - *lost_at_ < kUncertainFor;
}

}  // namespace sockdog
