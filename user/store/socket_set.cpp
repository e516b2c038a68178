#include "store/socket_set.h"

#include <algorithm>
#include <cstdlib>

#include "store/bytes.h"
#include "store/endpoint_bytes.h"

namespace sockdog {
namespace {

constexpr Duration kUnit = 10ms;
/// Without a segment counted: a clock that was read late, up to a second, is no traffic.
constexpr std::int64_t kLate = 1s / kUnit;

// The parts of a socket that change together.
constexpr std::uint8_t kIdentity = 1;
constexpr std::uint8_t kState = 2;
constexpr std::uint8_t kQueues = 4;
constexpr std::uint8_t kTraffic = 8;
constexpr std::uint8_t kAll = kIdentity | kState | kQueues | kTraffic;

std::int64_t units(MonoTime t) {
    return (t.time_since_epoch() + kUnit / 2) / kUnit;
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

}  // namespace

std::uint64_t SocketSetEncoder::take_slot() {
    if (free_slots_.empty()) return next_slot_++;
    const std::uint64_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
}

/// What is to be told of a socket; its instants are told anew only where data moved.
std::uint8_t SocketSetEncoder::renew(Told& told, const SocketRecord& s, MonoTime at, bool fresh) {
    const std::int64_t sent = units(at - s.idle_sent);
    const std::int64_t received = units(at - s.idle_received);
    std::uint8_t parts = kAll;
    if (!fresh && same_identity(told.socket, s)) {
        const bool moved = !same_counts(told.socket, s) || std::abs(told.sent - sent) > kLate ||
                           std::abs(told.received - received) > kLate;
        parts =
            static_cast<std::uint8_t>((same_state(told.socket, s) ? 0 : kState) |
                                      (same_queues(told.socket, s) ? 0 : kQueues) | (moved ? kTraffic : 0));
    }
    if ((parts & kTraffic) != 0) {
        told.sent = sent;
        told.received = received;
    }
    told.socket = s;
    return parts;
}

void SocketSetEncoder::write(ByteWriter& to, const Told& told, std::uint8_t parts, MonoTime at) {
    const SocketRecord& s = told.socket;
    to.number(told.slot);
    to.byte(parts);
    if ((parts & kIdentity) != 0) write_identity(to, s, at);
    if ((parts & kState) != 0) write_state(to, s, at);
    if ((parts & kQueues) != 0) {
        to.number(s.recv_queue_bytes);
        to.number(s.send_queue_bytes);
    }
    if ((parts & kTraffic) != 0) {
        to.offset(units(at) - told.sent);
        to.offset(units(at) - told.received);
        write_counts(to, s);
    }
}

std::vector<std::uint64_t> SocketSetEncoder::take_out_gone() {
    std::vector<std::uint64_t> gone;
    for (auto it = told_.begin(); it != told_.end();) {
        if (it->second.seen_in == walk_) {
            ++it;
            continue;
        }
        gone.push_back(it->second.slot);
        it = told_.erase(it);
    }
    free_slots_.insert(free_slots_.end(), gone.begin(), gone.end());
    return gone;
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
        const std::uint8_t parts = renew(told, s, at, fresh);
        if (parts == 0 && !whole) continue;
        ++changed;
        write(changes, told, whole ? kAll : parts, at);
    }
    const std::vector<std::uint64_t> gone = take_out_gone();
    ByteWriter bytes;
    bytes.byte(whole ? 1 : 0);
    bytes.number(whole ? 0 : gone.size());
    if (!whole) {
        for (const std::uint64_t slot : gone) bytes.number(slot);
    }
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
