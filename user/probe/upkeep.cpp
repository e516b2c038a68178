// Keeping the books right: sweeps, reconciliation, gauges of ended processes, losses.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>

#include "probe/books_impl.h"
#include "probe/iterator.h"

namespace sockdog {
namespace {

/// How long the gauges of an ended process are kept at zero before its slot is given to another: a child of
/// its listener may be on its way through a softirq.
constexpr Duration kReleaseAfter = 60s;
/// How often processes are looked up in /proc that no exit notice named (it may have been dropped).
constexpr Duration kAliveCheckEvery = 5min;

bool same(const sockdog_gauge& a, const sockdog_gauge& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace

Status Books::Impl::audit(std::uint32_t for_pass, Duration quiet, Duration graves_older_than) {
    for (std::uint32_t slot = 0; slot < used_slots(); slot++) sums[slot] = {};
    aim(for_pass, quiet, SOCKDOG_SLOT_ANY, 0xffff, graves_older_than);
    return visit_records(object.skeleton(), object.skeleton().progs.audit, visits);
}

void Books::Impl::make_room(MonoTime now) {
    if (!full || (last_room != MonoTime{} && now - last_room < kMakeRoomEvery)) return;
    full = false;
    last_room = now;
    __atomic_store_n(&object.skeleton().bss->full_noticed, 0, __ATOMIC_RELEASE);
    auto audited = audit(0, 1s, Duration::zero());
    if (!audited) spdlog::warn("{}", audited.error().within("make room in the books").message);
}

/// Holders of every fd (listeners among them), then what waits in backlogs, where no fd is.
Status Books::Impl::find_the_unbooked(Backlogs backlogs) {
    const auto& links = object.skeleton().links;
    const std::uint64_t missed = object.recursion_misses();  // of births before the passes that find them
    aim(++kept().pass, 1s, SOCKDOG_SLOT_ANY, 0xffff);
    auto stamped = run_iterator(links.stamp);
    if (!stamped) return stamped.error().within("look at the fds");
    if (links.adopt == nullptr || (backlogs == Backlogs::kAfterMisses && missed == missed_before_backlogs))
        return Ok{};
    missed_before_backlogs = missed;
    std::size_t unreachable = 0;
    auto adopted = run_iterator_everywhere(links.adopt, &unreachable);
    if (!adopted) return adopted.error().within("look at the backlogs");
    if (unreachable > 0)
        spdlog::warn(
            "{} network namespaces could not be entered: connections that wait there in a backlog and whose "
            "birth was not seen stay unknown until they are accepted",
            unreachable);
    return Ok{};
}

Status Books::sweep() {
    auto found = impl_->find_the_unbooked(Impl::Backlogs::kAfterMisses);
    if (!found) return found.error().within("sweep the fds");
    auto audited = impl_->audit(impl_->kept().pass, 1s);
    if (!audited) return audited.error().within("sweep the records");
    return Ok{};
}

Status Books::reconcile(Duration quiet, Duration graves_older_than) {
    std::vector<sockdog_gauge> before;
    before.reserve(impl_->used_slots());
    for (std::uint32_t slot = 0; slot < impl_->used_slots(); slot++) before.push_back(impl_->table[slot]);
    auto audited = impl_->audit(0, quiet, graves_older_than);
    if (!audited) return audited.error().within("reconcile the books");
    impl_->correct_drift(before);
    return Ok{};
}

/// A gauge that stood still during the audit must equal the records. One that differs twice running by the
/// same amount is put right: once alone may be a transition between its swap and its addition.
void Books::Impl::correct_drift(const std::vector<sockdog_gauge>& before) {
    decltype(suspected_drift) seen;
    for (std::uint32_t slot = 0; slot < before.size(); slot++) {
        sockdog_gauge& row = table[slot];
        if (!same(before[slot], row)) continue;
        for (std::size_t state = 1; state < kTcpStateCount; state++) {
            const auto difference =
                static_cast<std::int32_t>(sums[slot].sockets[state] - before[slot].sockets[state]);
            if (difference == 0) continue;
            const auto key = std::make_pair(slot, state);
            const auto earlier = suspected_drift.find(key);
            if (earlier == suspected_drift.end() || earlier->second != difference) {
                seen[key] = difference;
                continue;
            }
            __atomic_fetch_add(&row.sockets[state], static_cast<std::uint32_t>(difference), __ATOMIC_RELAXED);
            kept().drift_corrected += static_cast<std::uint64_t>(std::abs(difference));
            spdlog::warn("gauge of pid {} in {} was off by {}: corrected", row.tgid,
                         to_string(static_cast<TcpState>(state)), -difference);
        }
    }
    suspected_drift = std::move(seen);
}

/// Killed on the way, it leaves gauges that the next agent releases, or at worst a slot that nobody gets:
/// never one that two processes share.
void Books::Impl::release(std::uint32_t slot) {
    sockdog_gauge& row = table[slot];
    const sockdog_process key{row.start_boottime_ns, row.tgid};
    bpf_map_delete_elem(bpf_map__fd(object.skeleton().maps.slots), &key);
    add_counters(kept().retired, gauges_from(row));
    row = {};
    bpf_map_update_elem(bpf_map__fd(object.skeleton().maps.free_slots), nullptr, &slot, BPF_ANY);
}

void Books::release_ended(MonoTime now, const std::function<bool(ProcessId)>& is_alive) {
    // At once after a start: they may have ended while no agent was there.
    if (!impl_->last_alive_check || now - *impl_->last_alive_check >= kAliveCheckEvery) {
        impl_->last_alive_check = now;
        for (std::uint32_t slot = 1; slot < impl_->used_slots(); slot++) {
            const ProcessId process = process_of(impl_->table[slot]);
            if (process.known() && !is_alive(process)) impl_->ended.try_emplace(slot, now);
        }
    }
    impl_->make_room(now);  // where it had to wait
    std::erase_if(impl_->ended, [&](const auto& entry) {
        const auto& [slot, at] = entry;
        if (now - at < kReleaseAfter || gauges_from(impl_->table[slot]).total() != 0) return false;
        impl_->release(slot);
        return true;
    });
}

namespace {

/// What the kernel side counts of them.
LossCounters losses_from(const sockdog_losses& raw) {
    LossCounters losses;
    losses.record_refused = raw.record_refused;
    losses.gauge_full = raw.gauge_full;
    losses.event_dropped = raw.notice_dropped;
    losses.trace_dropped = raw.trace_dropped;
    losses.cas_exhausted = raw.cas_exhausted;
    losses.state_repaired = raw.state_repaired;
    losses.phantom_removed = raw.phantom_removed;
    return losses;
}

}  // namespace

LossCounters Books::losses() const {
    LossCounters losses = losses_from(impl_->object.skeleton().bss->losses);
    losses.recursion_missed = impl_->object.recursion_misses();
    losses.drift_corrected = impl_->kept().drift_corrected;
    return losses;
}

BookNotes Books::notes() const {
    const sockdog_kept& kept = impl_->kept();
    BookNotes notes;
    notes.told = losses_from(kept.told);
    notes.told.recursion_missed = kept.told_recursion_missed;
    notes.told.drift_corrected = kept.told_drift_corrected;
    if (kept.lost_at_ns != 0) notes.lost_at = MonoTime(Duration(kept.lost_at_ns));
    return notes;
}

void Books::note(const BookNotes& notes) {
    sockdog_kept& kept = impl_->kept();
    kept.told = {.record_refused = notes.told.record_refused,
                 .gauge_full = notes.told.gauge_full,
                 .notice_dropped = notes.told.event_dropped,
                 .trace_dropped = notes.told.trace_dropped,
                 .cas_exhausted = notes.told.cas_exhausted,
                 .state_repaired = notes.told.state_repaired,
                 .phantom_removed = notes.told.phantom_removed};
    kept.told_recursion_missed = notes.told.recursion_missed;
    kept.told_drift_corrected = notes.told.drift_corrected;
    kept.lost_at_ns =
        notes.lost_at ? static_cast<std::uint64_t>(notes.lost_at->time_since_epoch().count()) : 0;
}

}  // namespace sockdog
