// What the agent does so that the books stay right and small: sweeps, reconciliation, losses, pruning.
#include <spdlog/spdlog.h>

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

/// Counts that are missing in the books; lost trace events and notices are told but spoil no count.
std::uint64_t spoiling(const LossCounters& losses) {
    return losses.record_refused + losses.gauge_full + losses.cas_exhausted + losses.drift_corrected;
}

}  // namespace

void Agent::upkeep(const Now& now) {
    books_->rearm();
    books_->release_ended(now.mono, [this](ProcessId process) { return resolver_.is_alive(process); });
    watch_losses(now);

    const std::uint64_t active = activity(books_->totals());
    const bool due = now.mono - last_sweep_ >= config_.books.sweep_interval;
    if (sockets_outlived_somebody(now) || (due && active != activity_at_sweep_)) {
        last_sweep_ = now.mono;
        activity_at_sweep_ = active;
        auto swept = books_->sweep();
        if (!swept) spdlog::warn("{}", swept.error().message);
    }
    if (now.mono - last_reconcile_ >= config_.books.reconcile_interval) {
        last_reconcile_ = now.mono;
        auto reconciled = books_->reconcile();
        if (!reconciled) spdlog::warn("{}", reconciled.error().message);
    }
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
}

bool Agent::uncertain() const {
    return lost_at_ && read_now().mono - *lost_at_ < kUncertainFor;
}

}  // namespace sockdog
