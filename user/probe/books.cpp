#include "probe/books.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>

#include "probe/books_impl.h"
#include "probe/convert.h"
#include "probe/iterator.h"
#include "probe/read_once.h"

namespace sockdog {
namespace {

int on_notice(void* context, void* data, std::size_t size) {
    auto* impl = static_cast<Books::Impl*>(context);
    if (size < sizeof(sockdog_notice)) return 0;
    const auto* notice = static_cast<sockdog_notice*>(data);
    if (notice->kind == SOCKDOG_EVENT_BOOKS_FULL)
        impl->full = true;
    else
        impl->notice_handler(event_from(*notice));
    return 0;
}

int on_trace(void* context, void* data, std::size_t size) {
    auto* impl = static_cast<Books::Impl*>(context);
    if (size == sizeof(sockdog_trace) && impl->trace_handler)
        impl->trace_handler(trace_from(*static_cast<sockdog_trace*>(data)));
    if (size == sizeof(sockdog_leftover) && impl->leftover_handler) {
        const auto& raw = *static_cast<sockdog_leftover*>(data);
        const std::uint32_t slot = raw.socket.slot;
        const ProcessId owner = slot < impl->table.size() ? process_of(impl->table[slot]) : ProcessId{};
        impl->leftover_handler(leftover_from(raw, owner, impl->hz));
    }
    return 0;
}

}  // namespace

void RingBufferFree::operator()(ring_buffer* ring) const {
    ring_buffer__free(ring);
}

Books::Books(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Books::~Books() = default;

Result<std::unique_ptr<Books>> Books::open(const BooksOptions& options) {
    auto object = BpfObject::load(options);
    if (!object) {
        if (object.error().code == EPERM || object.error().code == EACCES)
            return object.error().within("BPF needs root, or CAP_BPF and CAP_PERFMON");
        return object.error();
    }
    auto impl = std::make_unique<Impl>(std::move(object).value());
    auto started = impl->start(options);
    if (!started) return started.error();
    return std::unique_ptr<Books>(new Books(std::move(impl)));
}

Status Books::Impl::map_tables(const BooksOptions& options) {
    sockdog_bpf& bpf = object.skeleton();
    auto mapped = GaugeTable::map(bpf_map__fd(bpf.maps.gauges), options.max_processes);
    if (!mapped) return mapped.error();
    table = std::move(mapped).value();
    auto mapped_sums = SumTable::map(bpf_map__fd(bpf.maps.sums), options.max_processes);
    if (!mapped_sums) return mapped_sums.error();
    sums = std::move(mapped_sums).value();
    auto mapped_visits = VisitTable::map(bpf_map__fd(bpf.maps.visits), SOCKDOG_STEP);
    if (!mapped_visits) return mapped_visits.error();
    visits = std::move(mapped_visits).value();
    notices.reset(ring_buffer__new(bpf_map__fd(bpf.maps.notices), on_notice, this, nullptr));
    traces.reset(ring_buffer__new(bpf_map__fd(bpf.maps.traces), on_trace, this, nullptr));
    if (!notices || !traces) return Error::from_errno("open the ring buffers");
    return Ok{};
}

void Books::Impl::take_over() {
    auto& shared = *object.skeleton().bss;
    shared.trace_everything = 0;
    for (std::uint32_t slot = 0; slot < used_slots(); slot++) table[slot].traced = 0;
    ring_buffer__consume(traces.get());
    full = read_once(shared.full_noticed) != 0;
}

Status Books::Impl::start(const BooksOptions& options) {
    sockdog_bpf& bpf = object.skeleton();
    max_processes = options.max_processes;
    syscall_failures = options.syscall_failures;
    capabilities = object.capabilities();
    auto mapped = map_tables(options);
    if (!mapped) return mapped;
    bpf.bss->default_wake_limit = options.wake_limit;
    if (object.keeping().taken_over)
        take_over();
    else
        kept().opened_ns = static_cast<std::uint64_t>(MonoClock::now().time_since_epoch().count());
    first_clock = read_clock();
    auto attached = object.attach(options);
    if (!attached) return attached;
    auto looked = look_at_the_past();
    if (!looked) return looked;
    learn_jiffies();
    return Ok{};
}

/// In books that were taken up that is a sweep: what went by while programs were replaced is found, and
/// repaired.
Status Books::Impl::look_at_the_past() {
    auto found = find_the_unbooked(Backlogs::kAlways);
    if (!found) return found.error().within("look at the sockets that are there already");
    if (!object.keeping().taken_over) return Ok{};
    auto audited = audit(kept().pass, 1s);
    if (!audited) return audited.error().within("look at the books that are there already");
    return Ok{};
}

std::uint32_t Books::Impl::used_slots() const {
    const std::uint32_t next = read_once(object.skeleton().data->next_slot);
    return std::min(next, table.size());
}

sockdog_clock Books::Impl::read_clock() const {
    const int fd = bpf_program__fd(object.skeleton().progs.read_clock);
    LIBBPF_OPTS(bpf_test_run_opts, options);
    if (fd < 0 || bpf_prog_test_run_opts(fd, &options) != 0) return {};
    const auto& clock = object.skeleton().bss->clock;
    return {clock.jiffies, clock.now_ns};
}

void Books::Impl::learn_jiffies() {
    if (hz != 0 || first_clock.now_ns == 0) return;
    hz = jiffies_per_second(first_clock, read_clock());
}

void Books::Impl::aim(std::uint32_t for_pass, Duration quiet, std::uint32_t only_slot,
                      std::uint32_t state_mask, Duration graves_older_than) const {
    auto& sweep = object.skeleton().bss->sweep;
    sweep.now_ns = static_cast<std::uint64_t>(MonoClock::now().time_since_epoch().count());
    sweep.quiet_ns = static_cast<std::uint64_t>(quiet.count());
    sweep.grave_ns = static_cast<std::uint64_t>(graves_older_than.count());
    sweep.pass = for_pass;
    sweep.only_slot = only_slot;
    sweep.state_mask = state_mask;
}

std::optional<std::uint32_t> Books::Impl::slot_of(ProcessId process) const {
    if (!process.known()) return SOCKDOG_SLOT_NOBODY;
    for (std::uint32_t slot = 1; slot < used_slots(); slot++)
        if (table[slot].tgid == process.pid && process_of(table[slot]) == process) return slot;
    return std::nullopt;
}

std::vector<GaugeSample> Books::gauges() const {
    std::vector<GaugeSample> samples;
    const std::uint32_t used = impl_->used_slots();
    for (std::uint32_t slot = 0; slot < used; slot++) {
        const sockdog_gauge& row = impl_->table[slot];
        if (slot != SOCKDOG_SLOT_NOBODY && read_once(row.tgid) == 0) continue;
        samples.push_back({process_of(row), comm_from(row.comm), gauges_from(row)});
    }
    return samples;
}

std::optional<Gauges> Books::gauges_of(ProcessId process) const {
    const auto slot = impl_->slot_of(process);
    if (!slot) return std::nullopt;
    return gauges_from(impl_->table[*slot]);
}

Gauges Books::totals() const {
    Gauges totals = gauges_from(impl_->kept().retired);
    for (const GaugeSample& sample : gauges()) {
        add_counters(totals, sample.gauges);
        for (std::size_t state = 0; state < kTcpStateCount; state++)
            totals.sockets[state] += sample.gauges.sockets[state];
    }
    return totals;
}

std::uint32_t Books::process_count() const {
    std::uint32_t count = 0;
    for (std::uint32_t slot = 1; slot < impl_->used_slots(); slot++)
        if (read_once(impl_->table[slot].tgid) != 0) count++;
    return count;
}

std::uint64_t Books::socket_count() const {
    std::uint64_t count = 0;
    for (const GaugeSample& sample : gauges()) count += sample.gauges.total();
    return count;
}

Result<std::vector<SocketRecord>> Books::walk(const WalkFilter& filter) const {
    impl_->learn_jiffies();
    std::uint32_t only_slot = SOCKDOG_SLOT_ANY;
    std::vector<SocketRecord> sockets;
    if (filter.owner) {
        const auto slot = impl_->slot_of(*filter.owner);
        if (!slot) return sockets;
        only_slot = *slot;
    }
    impl_->aim(0, 1s, only_slot, filter.state_mask);
    auto status = visit_records(
        impl_->object.skeleton(), impl_->object.skeleton().progs.walk, impl_->visits,
        [&](const sockdog_record& record) {  // saves the kernel a look at graves and at sockets of others
            return WORD_STATE(record.word) != SOCKDOG_STATE_DEAD &&
                   (only_slot == SOCKDOG_SLOT_ANY || WORD_SLOT(record.word) == only_slot);
        },
        [&](const sockdog_visit& visit) {
            if (visit.found == 0) return;
            const sockdog_socket& raw = visit.socket;
            const ProcessId owner =
                raw.slot < impl_->table.size() ? process_of(impl_->table[raw.slot]) : ProcessId{};
            sockets.push_back(socket_from(raw, owner, impl_->hz));
        });
    if (!status) return status.error().within("walk over the sockets");
    return sockets;
}

std::vector<Shortage> Books::shortages() const {
    std::vector<Shortage> all;
    const int map = bpf_map__fd(impl_->object.skeleton().maps.shortages);
    sockdog_shortage_key key{};
    const sockdog_shortage_key* previous = nullptr;
    // An entry that is pushed out under our feet starts the kernel's walk again: bounded by twice the
    // capacity.
    for (int i = 0; i < 2048 && bpf_map_get_next_key(map, previous, &key) == 0; i++) {
        sockdog_shortage value{};
        if (bpf_map_lookup_elem(map, &key, &value) == 0) all.push_back(shortage_from(key, value));
        previous = &key;
    }
    return all;
}

ProgramRuns Books::program_runs() const {
    return impl_->object.runs();
}

int Books::notice_fd() const {
    return ring_buffer__epoll_fd(impl_->notices.get());
}

void Books::drain_notices(const std::function<void(const KernelEvent&)>& handle) {
    impl_->notice_handler = [&](const KernelEvent& event) {
        if (event.kind == KernelEvent::Kind::kProcessExit)
            if (const auto slot = impl_->slot_of(event.process)) impl_->ended.try_emplace(*slot, event.at);
        handle(event);
    };
    ring_buffer__consume(impl_->notices.get());
    impl_->notice_handler = nullptr;
    impl_->make_room(MonoClock::now());
}

void Books::drain_traces(const std::function<void(const TraceEvent&)>& handle) {
    impl_->trace_handler = handle;
    ring_buffer__consume(impl_->traces.get());
    impl_->trace_handler = nullptr;
}

void Books::drain_leftovers(const std::function<void(const LeftSocket&)>& handle) {
    impl_->learn_jiffies();
    impl_->leftover_handler = handle;
    ring_buffer__consume(impl_->traces.get());
    impl_->leftover_handler = nullptr;
}

void Books::set_wake_limit(ProcessId process, std::uint32_t sockets) {
    if (const auto slot = impl_->slot_of(process)) impl_->table[*slot].wake_limit = sockets;
}

void Books::rearm() {
    const std::uint32_t standard = impl_->object.skeleton().bss->default_wake_limit;
    for (std::uint32_t slot = 1; slot < impl_->used_slots(); slot++) {
        sockdog_gauge& row = impl_->table[slot];
        if (read_once(row.alerted) == 0) continue;
        const std::uint32_t limit = row.wake_limit != 0 ? row.wake_limit : standard;
        if (gauges_from(row).in(TcpState::kCloseWait) < (limit + 1) / 2)
            __atomic_store_n(&row.alerted, 0, __ATOMIC_RELEASE);
    }
}

void Books::count_file_failures(bool on) {
    if (impl_->syscall_failures != SyscallFailures::kSuspects || on == impl_->counts_file_failures) return;
    impl_->counts_file_failures = on;  // also where it cannot be done: that is told once
    if (on)
        impl_->object.attach_file_failures();
    else
        impl_->object.detach_file_failures();
}

void Books::trace(ProcessId process, bool on) {
    if (!process.known())
        impl_->object.skeleton().bss->trace_everything = on ? 1 : 0;
    else if (const auto slot = impl_->slot_of(process))
        impl_->table[*slot].traced = on ? 1 : 0;
}

const std::vector<Capability>& Books::capabilities() const {
    return impl_->capabilities;
}
MonoTime Books::since() const {
    return MonoTime(Duration(impl_->kept().opened_ns));
}

const Keeping& Books::keeping() const {
    return impl_->object.keeping();
}

void Books::discard() {
    impl_->object.discard();
}

}  // namespace sockdog
