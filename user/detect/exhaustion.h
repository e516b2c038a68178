// What runs out: the local ports to one endpoint, and the fds of a process. Who holds them, who failed for
// want of them, and when the end comes. Pure. Any thread.
//
// A connected socket needs a local port of its own for each (source address, destination address, destination
// port) of its network namespace; connect() takes it from ip_local_port_range. Another destination still
// works when one is used up.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "detect/finding.h"

namespace sockdog {

struct Scene;
struct Limits;

/// What local ports run out for.
struct PortTuple {
    Endpoint local;  // port 0
    Endpoint remote;
    std::uint32_t netns = 0;
    auto operator<=>(const PortTuple&) const = default;
};
PortTuple port_tuple(const Endpoint& local, const Endpoint& remote, std::uint32_t netns);

struct PortUse {
    std::uint32_t used = 0;  // by all processes
    ProcessId top;           // who holds most of them,
    std::uint32_t by_top = 0;
};

/// Failures older than this belong to another story.
inline constexpr Duration kShortageLasts = 10min;

/// What goes beyond one process.
struct HostUse {
    std::map<std::uint32_t, std::uint32_t>
        local_ports;                      // that connect() may choose from, by network namespace
    std::map<PortTuple, PortUse> tuples;  // of the latest look at all sockets
    std::vector<Shortage> shortages;      // of late
};

/// Every socket that holds a local port which connect() chose, of all processes.
std::map<PortTuple, PortUse> count_ports(std::span<const SocketRecord> sockets);

struct FdUse {
    std::uint64_t used = 0;
    std::uint64_t limit = 0;  // soft RLIMIT_NOFILE
};

/// Sockets that the process may have opened itself: those, and what is older than the books and has no role.
std::uint32_t opened_at_most(const Gauges& gauges);

/// Whether the gauges alone say that a process may be short of fds or ports: at least `share` of a limit in
/// sockets that it may have opened. A limit of 0 is not known.
bool may_exhaust(const Gauges& gauges, std::uint64_t fd_limit, std::uint64_t port_limit, double share);

/// When `remaining` are used up, if it goes on as it did: `gained` are the times, sorted, of those that came
/// and stayed. Nothing below three of them in the look-back, which is `window`, or all that is known up to an
/// hour.
std::optional<Forecast> forecast(std::uint64_t remaining, std::span<const MonoTime> gained, MonoTime now,
                                 Duration window);

/// Adds to each finding what it uses up, and turns those into exhaustion that are at the end, or near it and
/// growing. Adds findings where no leak is behind it: the process is the one that holds most, or, where ports
/// are short and nobody holds many, the one that failed most.
void judge_exhaustion(const Scene& scene, std::vector<Finding>& findings);

}  // namespace sockdog
