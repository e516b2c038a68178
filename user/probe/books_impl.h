// The inside of Books, shared by its two source files. Private to the room.
#pragma once

#include <map>
#include <unordered_map>
#include <vector>

#include "probe/books.h"
#include "probe/bpf_object.h"
#include "probe/gauge_table.h"
#include "probe/record_pass.h"

struct ring_buffer;

namespace sockdog {

struct RingBufferFree {
    void operator()(ring_buffer* ring) const;
};
using Ring = std::unique_ptr<ring_buffer, RingBufferFree>;

struct Books::Impl {
    explicit Impl(BpfObject loaded) : object(std::move(loaded)) {}

    Status start(const BooksOptions& options);
    Status map_tables(const BooksOptions& options);
    /// What earlier agents left undone: nobody traces any more, a call for room may have gone unheard.
    void take_over();
    Status look_at_the_past();
    /// Births of sockets in backlogs are found again by nobody else; a pass over all sockets of all network
    /// namespaces is worth it at the start, and when the kernel skipped runs of programs since the last one.
    enum class Backlogs : std::uint8_t { kAlways, kAfterMisses };
    Status find_the_unbooked(Backlogs backlogs);
    /// What lives as long as the books do.
    [[nodiscard]] sockdog_kept& kept() const { return object.skeleton().bss->kept; }
    [[nodiscard]] std::uint32_t used_slots() const;
    [[nodiscard]] std::optional<std::uint32_t> slot_of(ProcessId process) const;
    [[nodiscard]] sockdog_clock read_clock() const;
    void learn_jiffies();
    /// Sets the parameters of the next iterator run.
    void aim(std::uint32_t pass, Duration quiet, std::uint32_t only_slot, std::uint32_t state_mask,
             Duration graves_older_than = kGravesOlderThan) const;
    Status audit(std::uint32_t pass, Duration quiet, Duration graves_older_than = kGravesOlderThan);
    /// The kernel side said that it has no room: removes all graves, at most once in kMakeRoomEvery.
    void make_room(MonoTime now);
    void correct_drift(const std::vector<sockdog_gauge>& before);
    void release(std::uint32_t slot);

    BpfObject object;
    GaugeTable table;
    SumTable sums;
    VisitTable visits;
    Ring notices;
    Ring traces;
    std::function<void(const KernelEvent&)> notice_handler;
    std::function<void(const TraceEvent&)> trace_handler;
    std::function<void(const LeftSocket&)> leftover_handler;
    std::vector<Capability> capabilities;
    sockdog_clock first_clock{};
    std::uint32_t hz = 0;
    std::uint32_t max_processes = 0;
    SyscallFailures syscall_failures = SyscallFailures::kNever;
    bool counts_file_failures = false;  // of suspects
    std::map<std::pair<std::uint32_t, std::size_t>, std::int32_t>
        suspected_drift;                                // (slot, state) -> records - gauge
    std::unordered_map<std::uint32_t, MonoTime> ended;  // slots of processes that are gone, since when
    std::optional<MonoTime> last_alive_check;
    std::uint64_t missed_before_backlogs = 0;  // skipped runs when backlogs were last looked at
    bool full = false;                         // a socket went unbooked, and make_room() has not answered yet
    MonoTime last_room{};

    static constexpr Duration kMakeRoomEvery = 5s;
};

}  // namespace sockdog
