#include "store/sample_codec.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "store/bytes.h"

namespace sockdog {
namespace {

constexpr Duration kUnit = 10ms;
/// Without a segment counted: a clock that was read late, up to a second, is no traffic.
constexpr std::int64_t kLate = 1s / kUnit;
/// Ports below this share of the limit are far from an end, whoever holds them (exhaustion.cpp asks from a
/// tenth on).
constexpr double kFarFromLimit = 0.05;

// The parts of a socket that change together.
constexpr std::uint8_t kIdentity = 1;
constexpr std::uint8_t kState = 2;
constexpr std::uint8_t kQueues = 4;
constexpr std::uint8_t kTraffic = 8;
constexpr std::uint8_t kAll = kIdentity | kState | kQueues | kTraffic;

std::int64_t units(MonoTime t) {
    return (t.time_since_epoch() + kUnit / 2) / kUnit;
}

void write(ByteWriter& to, const Endpoint& endpoint) {
    to.byte(endpoint.family);
    const std::size_t length = endpoint.family == 0 ? 0 : endpoint.family == AF_INET ? 4 : 16;
    for (std::size_t i = 0; i < length; ++i) to.byte(endpoint.address[i]);
    to.number(endpoint.port);
}

Endpoint read_endpoint(ByteReader& from) {
    Endpoint endpoint;
    endpoint.family = from.byte();
    const std::size_t length = endpoint.family == 0 ? 0 : endpoint.family == AF_INET ? 4 : 16;
    for (std::size_t i = 0; i < length; ++i) endpoint.address[i] = from.byte();
    endpoint.port = static_cast<std::uint16_t>(from.number());
    return endpoint;
}

void write(ByteWriter& to, const ProcessId& process) {
    to.number(process.pid);
    to.number(process.start_ticks);
}

ProcessId read_process(ByteReader& from) {
    const auto pid = static_cast<std::uint32_t>(from.number());
    return {pid, from.number()};
}

/// Relative to the walk, which is near.
void write(ByteWriter& to, const std::optional<MonoTime>& t, MonoTime at) {
    to.byte(t ? 1 : 0);
    if (t) to.offset((at - *t).count());
}

std::optional<MonoTime> read_time(ByteReader& from, MonoTime at) {
    if (from.byte() == 0) return std::nullopt;
    return at - Duration(from.offset());
}

bool same_identity(const SocketRecord& a, const SocketRecord& b) {
    return a.role == b.role && a.local == b.local && a.remote == b.remote && a.netns == b.netns &&
           a.cgroup_id == b.cgroup_id && a.cookie == b.cookie && a.uid == b.uid && a.opened == b.opened;
}

bool same_state(const SocketRecord& a, const SocketRecord& b) {
    return a.state == b.state && a.attribution == b.attribution && a.has_fd == b.has_fd &&
           a.orphaned == b.orphaned && a.inode == b.inode && a.opener_pid == b.opener_pid &&
           a.holders == b.holders && a.state_since == b.state_since;
}

bool same_queues(const SocketRecord& a, const SocketRecord& b) {
    return a.recv_queue_bytes == b.recv_queue_bytes && a.send_queue_bytes == b.send_queue_bytes;
}

bool same_counts(const SocketRecord& a, const SocketRecord& b) {
    return a.bytes_received == b.bytes_received && a.bytes_acked == b.bytes_acked &&
           a.data_segments_in == b.data_segments_in && a.data_segments_out == b.data_segments_out;
}

void write_identity(ByteWriter& to, const SocketRecord& s, MonoTime at) {
    to.fixed(s.id);
    to.byte(static_cast<std::uint8_t>(s.role));
    write(to, s.local);
    write(to, s.remote);
    to.number(s.netns);
    to.number(s.cgroup_id);
    to.number(s.cookie);
    to.number(s.uid);
    write(to, s.opened, at);
}

void read_identity(ByteReader& from, SocketRecord& s, MonoTime at) {
    s.id = from.fixed();
    s.role = static_cast<SocketRole>(std::min<std::uint8_t>(from.byte(), 3));
    s.local = read_endpoint(from);
    s.remote = read_endpoint(from);
    s.netns = static_cast<std::uint32_t>(from.number());
    s.cgroup_id = from.number();
    s.cookie = from.number();
    s.uid = static_cast<std::uint32_t>(from.number());
    s.opened = read_time(from, at);
}

void write_state(ByteWriter& to, const SocketRecord& s, MonoTime at) {
    const int flags = (s.has_fd ? 1 : 0) | (s.orphaned ? 2 : 0);
    to.byte(static_cast<std::uint8_t>(static_cast<int>(s.state) << 2 | flags));
    to.byte(static_cast<std::uint8_t>(s.attribution));
    to.number(s.inode);
    to.number(s.opener_pid);
    to.number(s.holders);
    write(to, s.state_since, at);
}

void read_state(ByteReader& from, SocketRecord& s, MonoTime at) {
    const std::uint8_t state = from.byte();
    s.state = static_cast<TcpState>(std::min<std::size_t>(state >> 2, kTcpStateCount - 1));
    s.has_fd = (state & 1) != 0;
    s.orphaned = (state & 2) != 0;
    s.attribution = static_cast<Attribution>(
        std::min<std::uint8_t>(from.byte(), static_cast<std::uint8_t>(Attribution::kInherited)));
    s.inode = from.number();
    s.opener_pid = static_cast<std::uint32_t>(from.number());
    s.holders = static_cast<std::uint32_t>(from.number());
    s.state_since = read_time(from, at);
}

void write_counts(ByteWriter& to, const SocketRecord& s) {
    to.number(s.bytes_received);
    to.number(s.bytes_acked);
    to.number(s.data_segments_in);
    to.number(s.data_segments_out);
}

void read_counts(ByteReader& from, SocketRecord& s) {
    s.bytes_received = from.number();
    s.bytes_acked = from.number();
    s.data_segments_in = static_cast<std::uint32_t>(from.number());
    s.data_segments_out = static_cast<std::uint32_t>(from.number());
}

constexpr std::array<std::uint64_t Gauges::*, 11> kCounters{&Gauges::opened,
                                                            &Gauges::accepted,
                                                            &Gauges::closed,
                                                            &Gauges::peer_closed_first,
                                                            &Gauges::reset,
                                                            &Gauges::connect_refused,
                                                            &Gauges::connect_timed_out,
                                                            &Gauges::connect_address_unavailable,
                                                            &Gauges::connect_failed_other,
                                                            &Gauges::too_many_files,
                                                            &Gauges::inherited};
static_assert(sizeof(Gauges) == kTcpStateCount * 4 + kCounters.size() * 8, "a counter is missing above");

/// The tuples that matter to this process: it holds ports of them, or could not get one.
HostUse relevant(const Scene& scene) {
    const HostUse& host = *scene.host;
    HostUse told;
    std::set<PortTuple> short_of;
    std::set<std::uint32_t> namespaces;
    for (const Shortage& s : host.shortages) {
        if (s.process == scene.process) short_of.insert(port_tuple(s.local, s.remote, s.netns));
    }
    for (const auto& [tuple, own] : count_ports(scene.sockets)) {
        namespaces.insert(tuple.netns);
        const auto all = host.tuples.find(tuple);
        if (all == host.tuples.end()) continue;
        const auto limit = host.local_ports.find(tuple.netns);
        const bool far = limit == host.local_ports.end() ||
                         static_cast<double>(all->second.used) < kFarFromLimit * limit->second;
        const bool alone = all->second.used == own.used && all->second.top == scene.process;
        const bool failed = std::any_of(host.shortages.begin(), host.shortages.end(), [&](const Shortage& s) {
            return port_tuple(s.local, s.remote, s.netns) == tuple;
        });
        if (failed) short_of.insert(tuple);
        if (!far || !alone || failed) told.tuples.insert(*all);
    }
    for (const PortTuple& tuple : short_of) {
        namespaces.insert(tuple.netns);
        if (const auto all = host.tuples.find(tuple); all != host.tuples.end()) told.tuples.insert(*all);
    }
    for (const Shortage& s : host.shortages) {
        if (short_of.contains(port_tuple(s.local, s.remote, s.netns))) told.shortages.push_back(s);
    }
    for (const std::uint32_t netns : namespaces) {
        if (const auto ports = host.local_ports.find(netns); ports != host.local_ports.end())
            told.local_ports.insert(*ports);
    }
    return told;
}

void write(ByteWriter& to, const HostUse& host) {
    to.number(host.local_ports.size());
    for (const auto& [netns, ports] : host.local_ports) {
        to.number(netns);
        to.number(ports);
    }
    to.number(host.tuples.size());
    for (const auto& [tuple, use] : host.tuples) {
        write(to, tuple.local);
        write(to, tuple.remote);
        to.number(tuple.netns);
        to.number(use.used);
        write(to, use.top);
        to.number(use.by_top);
    }
    to.number(host.shortages.size());
    for (const Shortage& s : host.shortages) {
        write(to, s.process);
        write(to, s.local);
        write(to, s.remote);
        to.number(s.netns);
        to.number(s.failures);
        to.offset(s.first.time_since_epoch().count());
        to.offset((s.last - s.first).count());
    }
}

HostUse read_host(ByteReader& from) {
    HostUse host;
    for (std::size_t n = from.count(); n > 0 && from.ok(); --n) {
        const auto netns = static_cast<std::uint32_t>(from.number());
        host.local_ports[netns] = static_cast<std::uint32_t>(from.number());
    }
    for (std::size_t n = from.count(); n > 0 && from.ok(); --n) {
        PortTuple tuple;
        tuple.local = read_endpoint(from);
        tuple.remote = read_endpoint(from);
        tuple.netns = static_cast<std::uint32_t>(from.number());
        PortUse use;
        use.used = static_cast<std::uint32_t>(from.number());
        use.top = read_process(from);
        use.by_top = static_cast<std::uint32_t>(from.number());
        host.tuples[tuple] = use;
    }
    for (std::size_t n = from.count(); n > 0 && from.ok(); --n) {
        Shortage s;
        s.process = read_process(from);
        s.local = read_endpoint(from);
        s.remote = read_endpoint(from);
        s.netns = static_cast<std::uint32_t>(from.number());
        s.failures = from.number();
        s.first = MonoTime(Duration(from.offset()));
        s.last = s.first + Duration(from.offset());
        host.shortages.push_back(s);
    }
    return host;
}

}  // namespace

std::string encode_gauges(const Gauges& gauges) {
    std::uint64_t present = 0;
    ByteWriter values;
    unsigned bit = 0;
    const auto add = [&](std::uint64_t value) {
        if (value != 0) {
            present |= std::uint64_t{1} << bit;
            values.number(value);
        }
        ++bit;
    };
    for (const std::uint32_t count : gauges.sockets) add(count);
    for (const auto counter : kCounters) add(gauges.*counter);
    ByteWriter bytes;
    bytes.number(present);
    bytes.raw(values.take());
    return bytes.take();
}

std::optional<Gauges> decode_gauges(std::string_view bytes) {
    ByteReader from(bytes);
    const std::uint64_t present = from.number();
    Gauges gauges;
    unsigned bit = 0;
    const auto next = [&] { return (present >> bit++ & 1) != 0 ? from.number() : 0; };
    for (std::uint32_t& count : gauges.sockets) count = static_cast<std::uint32_t>(next());
    for (const auto counter : kCounters) gauges.*counter = next();
    if (!from.finished()) return std::nullopt;
    return gauges;
}

std::string encode_surroundings(const Scene& scene) {
    ByteWriter bytes;
    bytes.byte(static_cast<std::uint8_t>((scene.host != nullptr ? 1 : 0) | (scene.fds ? 2 : 0)));
    if (scene.fds) {
        bytes.number(scene.fds->used);
        bytes.number(scene.fds->limit);
    }
    if (scene.host != nullptr) write(bytes, relevant(scene));
    return bytes.take();
}

std::optional<SampledSurroundings> decode_surroundings(std::string_view bytes) {
    ByteReader from(bytes);
    SampledSurroundings surroundings;
    const std::uint8_t present = from.byte();
    if ((present & 2) != 0) {
        const std::uint64_t used = from.number();
        surroundings.fds = FdUse{.used = used, .limit = from.number()};
    }
    if ((present & 1) != 0) surroundings.host = read_host(from);
    if (!from.finished()) return std::nullopt;
    return surroundings;
}

std::uint64_t SocketSetEncoder::take_slot() {
    if (free_slots_.empty()) return next_slot_++;
    const std::uint64_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
}

std::string SocketSetEncoder::encode(MonoTime at, std::span<const SocketRecord> sockets, bool whole) {
    ++walk_;
    std::size_t changed = 0;
    ByteWriter changes;
    for (const SocketRecord& s : sockets) {
        const auto [known, fresh] = told_.try_emplace(s.id);
        Told& told = known->second;
        if (fresh) told.slot = take_slot();
        told.seen_in = walk_;
        const std::int64_t sent = units(at - s.idle_sent);
        const std::int64_t received = units(at - s.idle_received);
        std::uint8_t parts = kAll;
        if (!fresh && same_identity(told.socket, s)) {
            const bool moved = !same_counts(told.socket, s) || std::abs(told.sent - sent) > kLate ||
                               std::abs(told.received - received) > kLate;
            parts = static_cast<std::uint8_t>((same_state(told.socket, s) ? 0 : kState) |
                                              (same_queues(told.socket, s) ? 0 : kQueues) |
                                              (moved ? kTraffic : 0));
        }
        if ((parts & kTraffic) != 0) {
            told.sent = sent;
            told.received = received;
        }
        told.socket = s;
        if (whole) parts = kAll;
        if (parts == 0) continue;
        ++changed;
        changes.number(told.slot);
        changes.byte(parts);
        if ((parts & kIdentity) != 0) write_identity(changes, s, at);
        if ((parts & kState) != 0) write_state(changes, s, at);
        if ((parts & kQueues) != 0) {
            changes.number(s.recv_queue_bytes);
            changes.number(s.send_queue_bytes);
        }
        if ((parts & kTraffic) != 0) {
            changes.offset(units(at) - told.sent);
            changes.offset(units(at) - told.received);
            write_counts(changes, s);
        }
    }
    std::size_t gone = 0;
    ByteWriter ends;
    for (auto it = told_.begin(); it != told_.end();) {
        if (it->second.seen_in == walk_) {
            ++it;
            continue;
        }
        ++gone;
        ends.number(it->second.slot);
        free_slots_.push_back(it->second.slot);
        it = told_.erase(it);
    }
    ByteWriter bytes;
    bytes.byte(whole ? 1 : 0);
    bytes.number(whole ? 0 : gone);
    if (!whole) bytes.raw(ends.take());
    bytes.number(changed);
    bytes.raw(changes.take());
    return bytes.take();
}

SocketSetDecoder::Applied SocketSetDecoder::apply(MonoTime at, std::string_view bytes) {
    at_ = at;
    ByteReader from(bytes);
    if (from.byte() != 0) {
        known_.clear();
        whole_ = true;
    }
    if (!whole_) return Applied::kNotYet;
    for (std::size_t n = from.count(); n > 0 && from.ok(); --n) known_.erase(from.number());
    for (std::size_t n = from.count(); n > 0 && from.ok(); --n) {
        Known& known = known_[from.number()];
        SocketRecord& s = known.socket;
        const std::uint8_t parts = from.byte();
        if ((parts & kIdentity) != 0) read_identity(from, s, at);
        if ((parts & kState) != 0) read_state(from, s, at);
        if ((parts & kQueues) != 0) {
            s.recv_queue_bytes = static_cast<std::uint32_t>(from.number());
            s.send_queue_bytes = static_cast<std::uint32_t>(from.number());
        }
        if ((parts & kTraffic) != 0) {
            known.sent = units(at) - from.offset();
            known.received = units(at) - from.offset();
            read_counts(from, s);
        }
    }
    whole_ = from.finished();
    return whole_ ? Applied::kYes : Applied::kDamaged;
}

std::vector<SocketRecord> SocketSetDecoder::sockets(ProcessId owner) const {
    std::vector<SocketRecord> all;
    all.reserve(known_.size());
    for (const auto& [slot, known] : known_) {
        SocketRecord s = known.socket;
        s.owner = owner;
        s.idle_sent = std::max(Duration::zero(), at_.time_since_epoch() - known.sent * kUnit);
        s.idle_received = std::max(Duration::zero(), at_.time_since_epoch() - known.received * kUnit);
        all.push_back(s);
    }
    return all;
}

}  // namespace sockdog
