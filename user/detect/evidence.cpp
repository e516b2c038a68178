#include "detect/evidence.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace sockdog {
namespace {

using LocalPort = std::pair<std::uint32_t, std::uint16_t>;  // netns, port

/// Evidence that a local port serves, by port: listeners and accepted sockets weigh as much as three of no
/// known role.
std::map<LocalPort, std::uint32_t> serving_ports(std::span<const SocketRecord> sockets) {
    std::map<LocalPort, std::uint32_t> weight;
    for (const auto& s : sockets) {
        if (s.role == SocketRole::kOpened) continue;
        weight[{s.netns, s.local.port}] += s.role == SocketRole::kUnknown ? 1 : 3;
    }
    return weight;
}

bool earlier(const SocketRecord* a, const SocketRecord* b) {
    const MonoTime a_opened = a->opened.value_or(MonoTime::min());
    const MonoTime b_opened = b->opened.value_or(MonoTime::min());
    if (a_opened != b_opened) return a_opened < b_opened;
    if (a->id != b->id) return a->id < b->id;
    return std::tie(a->local, a->remote) < std::tie(b->local, b->remote);
}

std::uint64_t less(std::uint64_t a, std::uint64_t b) {
    return a > b ? a - b : 0;
}

std::uint32_t narrow(std::size_t n) {
    return static_cast<std::uint32_t>(std::min<std::size_t>(n, UINT32_MAX));
}

bool born_between(const SocketRecord& socket, MonoTime start, MonoTime end) {
    return socket.opened && *socket.opened > start && *socket.opened <= end;
}

/// Of the sockets born since `start`, those that closed again, as far as that can be told apart by endpoint:
/// exactly where the process talks to this endpoint alone, else as the walks saw it; never more than the
/// process closed in all. Births are counted from sample to sample, from the one before `start`: an open
/// socket that was born outside of them has no part in the difference.
std::uint64_t closed_again(const Scene& scene, const Telling& telling, MonoTime start) {
    const GaugePoint* const base = point_at(*scene.history, start);
    std::uint64_t most = UINT64_MAX;
    if (base != nullptr) {
        const auto& [last, now] = scene.history->gauges().back();
        std::uint64_t born_in_all = 0;
        std::uint64_t born_here = 0;
        for (const auto& s : scene.sockets) born_in_all += born_between(s, base->at, last) ? 1 : 0;
        for (const SocketRecord* s : *telling.all) born_here += born_between(*s, base->at, last) ? 1 : 0;
        most = less(closed(now), closed(base->gauges));
        if (born_in_all == born_here)
            return std::min(most, less(births(now) - births(base->gauges), born_here));
    }
    std::uint64_t seen_to_leave = 0;
    const auto series = scene.history->endpoints().find(telling.key);
    if (series == scene.history->endpoints().end()) return 0;
    const EndpointPoint* previous = nullptr;
    for (const auto& point : series->second) {
        if (previous != nullptr && previous->at >= start) {
            seen_to_leave += less(previous->older + previous->born, point.older);
        }
        previous = &point;
    }
    return std::min(most, seen_to_leave);
}

}  // namespace

Endpoint unmapped(const Endpoint& endpoint) {
    static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    if (endpoint.family != AF_INET6 ||
        !std::equal(kMapped.begin(), kMapped.end(), endpoint.address.begin())) {
        return endpoint;
    }
    Endpoint plain;
    plain.family = AF_INET;
    plain.port = endpoint.port;
    std::copy_n(endpoint.address.begin() + 12, 4, plain.address.begin());
    return plain;
}

SocketGroups by_endpoint(std::span<const SocketRecord> sockets) {
    const auto serving = serving_ports(sockets);
    SocketGroups groups;
    for (const auto& s : sockets) {
        if (s.role == SocketRole::kListening || s.state == TcpState::kListen) continue;
        if (is_unused(s) || is_inherited(s)) continue;
        if (s.role != SocketRole::kUnknown) {
            groups[endpoint_key(s)].push_back(&s);
            continue;
        }
        SocketRecord guess;
        guess.role = serving.at({s.netns, s.local.port}) >= 3 ? SocketRole::kAccepted : SocketRole::kOpened;
        guess.local = s.local;
        guess.remote = s.remote;
        guess.netns = s.netns;
        groups[endpoint_key(guess)].push_back(&s);
    }
    for (auto& [key, refs] : groups) sort_by_birth(refs);
    return groups;
}

bool is_held(const SocketRecord& socket) {
    return socket.has_fd && !socket.orphaned;
}

bool is_waiting(const SocketRecord& socket) {
    return socket.state == TcpState::kCloseWait && !socket.has_fd && !socket.orphaned &&
           socket.role != SocketRole::kOpened;
}

bool is_unused(const SocketRecord& socket) {
    return socket.state == TcpState::kClose && socket.role == SocketRole::kUnknown && is_held(socket) &&
           socket.data_segments_in == 0 && socket.data_segments_out == 0 && socket.remote.port == 0;
}

bool is_inherited(const SocketRecord& socket) {
    return socket.attribution == Attribution::kInherited && socket.opener_pid != 0;
}

void sort_by_birth(SocketRefs& sockets) {
    std::sort(sockets.begin(), sockets.end(), earlier);
}

MonoTime entered_state(const SocketRecord& socket, const Scene& scene) {
    const MonoTime books = scene.history->since().value_or(scene.now.mono);
    return std::min(socket.state_since.value_or(books), scene.now.mono);
}

Duration age(const SocketRecord& socket, const Scene& scene) {
    const MonoTime books = scene.history->since().value_or(scene.now.mono);
    return std::max(Duration::zero(), scene.now.mono - socket.opened.value_or(books));
}

bool idle_since_first_exchange(const SocketRecord& socket, const Scene& scene, Duration allowance) {
    const Duration old = age(socket, scene);
    const Duration idle = std::min(socket.idle(), old);
    return old - idle <= std::max(allowance, old / 10);
}

std::size_t count_until(std::span<const MonoTime> sorted, MonoTime t) {
    return static_cast<std::size_t>(std::upper_bound(sorted.begin(), sorted.end(), t) - sorted.begin());
}

std::size_t steps(std::span<const MonoTime> sorted, MonoTime anchor, Duration width) {
    width = std::max(width, Duration(1));
    std::size_t n = 0;
    std::optional<Duration::rep> last;
    for (const MonoTime t : sorted) {
        const Duration::rep step = (t - anchor) / width;
        if (last != step) ++n;
        last = step;
    }
    return n;
}

std::uint64_t closed(const Gauges& g) {
    return less(g.closed, g.connect_refused + g.connect_timed_out + g.connect_address_unavailable +
                              g.connect_failed_other);
}

std::uint64_t births(const Gauges& g) {
    return g.opened + g.accepted;
}

const GaugePoint* point_at(const ProcessHistory& history, MonoTime t) {
    const auto& points = history.gauges();
    const auto after = std::upper_bound(points.begin(), points.end(), t,
                                        [](MonoTime value, const GaugePoint& p) { return value < p.at; });
    return after == points.begin() ? nullptr : &*std::prev(after);
}

Finding tell(const Scene& scene, LeakClass leak_class, const Telling& telling) {
    Finding f;
    f.leak_class = leak_class;
    f.process = scene.process;
    f.role = telling.key.role;
    f.endpoint = telling.key.endpoint;
    f.netns = telling.key.netns;
    f.leaked = narrow(telling.leaked.size());

    const auto& growth = scene.limits.idle_growth;
    const MonoTime oldest = telling.since.front();
    const Duration longest = growth.look_back();
    f.window = telling.window
                   ? *telling.window
                   : std::clamp(scene.now.mono - oldest, Duration(1ms), std::max(longest, Duration(1ms)));
    const MonoTime start = scene.now.mono - f.window;
    const auto gained = telling.since.size() - count_until(telling.since, start);
    f.slope_per_minute = static_cast<double>(gained) * 60e9 / static_cast<double>(f.window.count());

    std::uint64_t visible = 0;
    for (const SocketRecord* s : *telling.all) {
        if (born_between(*s, start, scene.now.mono)) ++visible;
        if (!is_held(*s)) continue;
        if (s->state == TcpState::kCloseWait) ++f.close_wait;
        if (s->state != TcpState::kEstablished) continue;
        ++f.established;
        if (idle_since_first_exchange(*s, scene, growth.min_age / 5)) ++f.idle;
    }
    f.closed_in_window = closed_again(scene, telling, start);
    f.opened_in_window = visible + f.closed_in_window;

    std::vector<std::uint32_t> queues;
    std::vector<std::uint32_t> requests;
    std::vector<Duration> busy;
    for (const SocketRecord* s : telling.leaked) {
        queues.push_back(s->recv_queue_bytes);
        // A request and its answer are at least one segment each way; the smaller count is nearer to the
        // number of exchanges.
        requests.push_back(std::min(s->data_segments_in, s->data_segments_out));
        if (s->opened) busy.push_back(age(*s, scene) - std::min(s->idle(), age(*s, scene)));
    }
    if (!queues.empty()) f.recv_queue_max = *std::max_element(queues.begin(), queues.end());
    f.recv_queue_median = median(std::move(queues));
    f.requests_per_connection = median(std::move(requests));
    f.busy_median = median(std::move(busy));
    return f;
}

}  // namespace sockdog
