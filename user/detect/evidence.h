// What the detectors share: sockets by endpoint, and how many of those that were open once have left since.
// Pure. Any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "detect/detector.h"
#include "detect/history.h"

namespace sockdog {

/// An IPv4 address as such, also where it comes mapped into IPv6.
Endpoint unmapped(const Endpoint& endpoint);

/// The sockets by endpoint, each list in an order that does not depend on that of `sockets`. Listeners,
/// unused and inherited sockets are left out. Sockets older than the books have no role: one that shares its
/// local port with a listener, an accepted socket or two more of the kind was accepted, else it was opened.
/// The pointers live as long as `sockets`.
SocketGroups by_endpoint(std::span<const SocketRecord> sockets);

/// In a program's hands: an fd refers to it.
bool is_held(const SocketRecord& socket);
/// Connected, given up by its peer, and never accepted.
bool is_waiting(const SocketRecord& socket);
/// socket() and nothing after it.
bool is_unused(const SocketRecord& socket);
/// Came to its process with its birth, from another that still runs and has closed it.
bool is_inherited(const SocketRecord& socket);

/// An order that does not depend on that of the walk: by birth, then by identity.
void sort_by_birth(SocketRefs& sockets);

/// When the program last could have known the socket in another state; what was so before the books is as old
/// as they are.
MonoTime entered_state(const SocketRecord& socket, const Scene& scene);
/// Nothing: before the books.
inline const std::optional<MonoTime>& born(const SocketRecord& socket) {
    return socket.opened;
}
Duration age(const SocketRecord& socket, const Scene& scene);

/// No data since its first exchange, which may take `allowance` or a tenth of the socket's age, whichever is
/// longer.
bool idle_since_first_exchange(const SocketRecord& socket, const Scene& scene, Duration allowance);

/// How many instants of `sorted` are at or before `t`.
std::size_t count_until(std::span<const MonoTime> sorted, MonoTime t);
/// How many steps of `width`, counted from `anchor`, hold at least one of the instants.
std::size_t steps(std::span<const MonoTime> sorted, MonoTime anchor, Duration width);

/// Sockets that were destroyed, less the attempts that never connected.
std::uint64_t closed(const Gauges& gauges);
std::uint64_t births(const Gauges& gauges);
/// The newest gauge point at or before `t`; nothing where the history does not reach back that far.
const GaugePoint* point_at(const ProcessHistory& history, MonoTime t);

/// How far a counter has risen since `t`, 0 without a history. Counters that began before `t` and are older
/// than the history (kept books) tell nothing of before it: what they have risen by since then.
template <typename Counter>
std::uint64_t rise_since(const ProcessHistory& history, MonoTime t, Counter counter) {
    if (history.gauges().empty()) return 0;
    const std::uint64_t now = counter(history.gauges().back().gauges);
    if (const GaugePoint* const base = point_at(history, t)) return now - counter(base->gauges);
    const bool counts_since_then = history.since() && *history.since() >= t;
    return counts_since_then ? now : now - counter(history.gauges().front().gauges);
}

template <typename T>
T median(std::vector<T> values) {
    if (values.empty()) return T{};
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// Fills in what every class tells alike: counts, window, births and deaths in it, slope, receive queues,
/// requests.
struct Telling {
    EndpointKey key;
    const SocketRefs* all = nullptr;  // of the endpoint
    SocketRefs leaked;
    std::vector<MonoTime> since;       // when each of them came to count, sorted
    std::optional<Duration> window{};  // nothing: since the first of these, up to that of idle_growth
};
Finding tell(const Scene& scene, LeakClass leak_class, const Telling& telling);

/// What detect_idle_growth() and detect_churn() demand of the gauges before they look at a socket, and
/// is_suspect() with them.
bool may_grow_idle(const ProcessHistory& history, const IdleGrowthLimits& limits);
bool may_churn(const ProcessHistory& history, const Limits& limits);

}  // namespace sockdog
