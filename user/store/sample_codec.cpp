#include "store/sample_codec.h"

#include <algorithm>
#include <array>
#include <set>

#include "store/bytes.h"
#include "store/endpoint_bytes.h"

namespace sockdog {
namespace {

/// Ports below this share of the limit are far from an end, whoever holds them (exhaustion.cpp asks from a
/// tenth on).
constexpr double kFarFromLimit = 0.05;

void write(ByteWriter& to, const ProcessId& process) {
    to.number(process.pid);
    to.number(process.start_ticks);
}

ProcessId read_process(ByteReader& from) {
    const auto pid = static_cast<std::uint32_t>(from.number());
    return {pid, from.number()};
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
    for (const auto& entry : count_ports(scene.sockets)) {
        const PortTuple& tuple = entry.first;
        namespaces.insert(tuple.netns);
        const auto all = host.tuples.find(tuple);
        if (all == host.tuples.end()) continue;
        const auto limit = host.local_ports.find(tuple.netns);
        const bool far = limit == host.local_ports.end() ||
                         static_cast<double>(all->second.used) < kFarFromLimit * limit->second;
        const bool alone = all->second.used == entry.second.used && all->second.top == scene.process;
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

}  // namespace sockdog
