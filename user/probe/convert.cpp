#include "probe/convert.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "probe/gauge_table.h"

namespace sockdog {
namespace {

/// The kernel's identity of a socket is an address, which readers of the control socket must not learn: mixed
/// with a secret of this process (a bijection, splitmix64's finalizer, so that different sockets stay
/// different).
std::uint64_t hidden(std::uint64_t address) {
    static const std::uint64_t kSecret = [] {
        std::uint64_t secret = 0;
        if (getrandom(&secret, sizeof secret, 0) != sizeof secret)
            secret = static_cast<std::uint64_t>(getpid()) << 32U;
        return secret;
    }();
    std::uint64_t mixed = address ^ kSecret;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
}

Endpoint endpoint(std::uint16_t family, const std::uint8_t (&address)[16], std::uint16_t port) {
    Endpoint result;
    result.family = static_cast<std::uint8_t>(family);
    std::copy(std::begin(address), std::end(address), result.address.begin());
    result.port = port;
    return result;
}

Duration from_jiffies(std::uint32_t jiffies, std::uint32_t per_second) {
    if (per_second == 0) return {};
    return Duration(static_cast<Duration::rep>(jiffies) * 1'000'000'000 / per_second);
}

}  // namespace

MonoTime mono_from(std::uint64_t ns) {
    return MonoTime(Duration(static_cast<Duration::rep>(ns)));
}

ProcessId process_from(std::uint32_t tgid, std::uint64_t start_boottime_ns) {
    return {tgid, start_boottime_ns / kNanosecondsPerTick};
}

SocketRecord socket_from(const sockdog_socket& raw, ProcessId owner, std::uint32_t jiffies_per_second) {
    SocketRecord socket;
    socket.id = hidden(raw.id);
    socket.owner = owner;
    socket.state = static_cast<TcpState>(raw.state < kTcpStateCount ? raw.state : 0);
    socket.role = static_cast<SocketRole>(raw.role <= SOCKDOG_ROLE_LISTENING ? raw.role : 0);
    socket.attribution =
        static_cast<Attribution>(raw.attribution <= SOCKDOG_BY_INHERITANCE ? raw.attribution : 0);
    socket.local = endpoint(raw.family, raw.local, raw.local_port);
    socket.remote = endpoint(raw.family, raw.remote, raw.remote_port);
    socket.netns = raw.netns;
    socket.cgroup_id = raw.cgroup_id;
    socket.cookie = raw.cookie;
    socket.inode = raw.inode;
    socket.uid = raw.uid;
    socket.has_fd = (raw.flags & SOCKDOG_SOCKET_HAS_FD) != 0;
    socket.orphaned = (raw.flags & SOCKDOG_SOCKET_ORPHANED) != 0;
    socket.opener_pid = raw.opener;
    socket.holders = raw.holders;
    if (raw.opened_ns != 0) socket.opened = mono_from(raw.opened_ns);
    if (raw.since_ns != 0) socket.state_since = mono_from(raw.since_ns);
    socket.recv_queue_bytes = raw.recv_queue;
    socket.send_queue_bytes = raw.send_queue;
    socket.idle_sent = from_jiffies(raw.idle_sent_jiffies, jiffies_per_second);
    socket.idle_received = from_jiffies(raw.idle_received_jiffies, jiffies_per_second);
    socket.bytes_received = raw.bytes_received;
    socket.bytes_acked = raw.bytes_acked;
    socket.data_segments_in = raw.data_segments_in;
    socket.data_segments_out = raw.data_segments_out;
    socket.call_site = raw.call_site;
    return socket;
}

Shortage shortage_from(const sockdog_shortage_key& key, const sockdog_shortage& value) {
    return Shortage{.process = process_from(key.tgid, key.start_boottime_ns),
                    .local = endpoint(key.family, key.local, 0),
                    .remote = endpoint(key.family, key.remote, key.remote_port),
                    .netns = key.netns,
                    .failures = value.failures,
                    .first = mono_from(value.first_ns),
                    .last = mono_from(value.last_ns)};
}

KernelEvent event_from(const sockdog_notice& raw) {
    return KernelEvent{.kind = static_cast<KernelEvent::Kind>(raw.kind),
                       .at = mono_from(raw.at_ns),
                       .process = process_from(raw.tgid, raw.start_boottime_ns),
                       .value = raw.value,
                       .comm = comm_from(raw.comm)};
}

TraceEvent trace_from(const sockdog_trace& raw) {
    TraceEvent event;
    event.at = mono_from(raw.at_ns);
    event.owner = process_from(raw.tgid, raw.start_boottime_ns);
    event.comm = comm_from(raw.comm);
    event.from = static_cast<TcpState>(raw.from < kTcpStateCount ? raw.from : 0);
    event.to = static_cast<TcpState>(raw.to < kTcpStateCount ? raw.to : 0);
    event.role = static_cast<SocketRole>(raw.role <= SOCKDOG_ROLE_LISTENING ? raw.role : 0);
    event.local = endpoint(raw.family, raw.local, raw.local_port);
    event.remote = endpoint(raw.family, raw.remote, raw.remote_port);
    event.socket_id = hidden(raw.id);
    if (raw.opened_ns != 0 && raw.at_ns > raw.opened_ns) event.lived = event.at - mono_from(raw.opened_ns);
    event.error = static_cast<int>(raw.error);
    return event;
}

LeftSocket leftover_from(const sockdog_leftover& raw, ProcessId owner, std::uint32_t jiffies_per_second) {
    return LeftSocket{.at = mono_from(raw.at_ns),
                      .process = process_from(raw.tgid, raw.start_boottime_ns),
                      .comm = comm_from(raw.comm),
                      .socket = socket_from(raw.socket, owner, jiffies_per_second)};
}

std::uint32_t jiffies_per_second(const sockdog_clock& first, const sockdog_clock& second) {
    if (second.now_ns < first.now_ns + 50'000'000) return 0;
    const double seconds = static_cast<double>(second.now_ns - first.now_ns) / 1e9;
    const double measured = static_cast<double>(second.jiffies - first.jiffies) / seconds;
    constexpr std::array<std::uint32_t, 4> kKernelHz = {100, 250, 300, 1000};
    return *std::min_element(kKernelHz.begin(), kKernelHz.end(), [&](std::uint32_t a, std::uint32_t b) {
        return std::abs(measured - a) < std::abs(measured - b);
    });
}

}  // namespace sockdog
