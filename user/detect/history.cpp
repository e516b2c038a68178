#include "detect/history.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "detect/evidence.h"

namespace sockdog {
namespace {

EndpointPoint summarise(MonoTime at, std::optional<MonoTime> previous, const SocketRefs& sockets) {
    EndpointPoint point;
    point.at = at;
    for (const SocketRecord* s : sockets) {
        if (is_waiting(*s)) {
            ++point.waiting;
            if (s->opened && (!point.head || *s->opened < *point.head)) point.head = s->opened;
        }
        if (!is_held(*s)) continue;
        if (s->state == TcpState::kCloseWait) ++point.close_wait;
        if (s->state == TcpState::kFinWait2) ++point.fin_wait2;
        if (s->state == TcpState::kClose) ++point.dead;
        if (s->state == TcpState::kEstablished) {
            ++point.established;
            const Duration age = s->opened ? at - *s->opened : s->idle();
            if (s->idle() >= age - age / 10) ++point.idle;
        }
        const bool was_there = !s->opened || (previous && *s->opened <= *previous);
        ++(was_there ? point.older : point.born);
        if (s->opened) point.newest_opened = std::max(point.newest_opened, *s->opened);
    }
    return point;
}

/// Sockets that are stuck in a state that programs should soon leave.
std::uint32_t stuck(const GaugePoint& p) {
    return p.gauges.in(TcpState::kCloseWait) + p.gauges.in(TcpState::kFinWait2) +
           p.gauges.in(TcpState::kClose);
}
std::uint32_t stuck(const EndpointPoint& p) {
    return p.close_wait + p.fin_wait2 + p.dead + p.waiting;
}

/// The more telling of two points for the question what was there and has gone: the stuck first, then all
/// that was open.
std::pair<std::uint32_t, std::uint32_t> weight(const GaugePoint& p) {
    return {stuck(p), p.gauges.in(TcpState::kEstablished)};
}
std::pair<std::uint32_t, std::uint32_t> weight(const EndpointPoint& p) {
    return {stuck(p), p.established};
}

/// Ages above `keep` fall into bands, each a third longer than the one before.
int band(Duration age, Duration keep) {
    const double ratio =
        static_cast<double>(age.count()) / static_cast<double>(std::max(keep, Duration(1)).count());
    return static_cast<int>(std::log(ratio) / std::log(4.0 / 3.0));
}

/// Leaves what is younger than `keep`, the oldest point of all, and of each band of ages the weightiest
/// point, the earliest among equals: from there most has gone.
template <typename Point>
void thin(std::deque<Point>& points, Duration keep) {
    if (points.empty()) return;
    const MonoTime newest = points.back().at;
    std::deque<Point> kept{points.front()};
    std::optional<int> last_band;
    for (std::size_t i = 1; i < points.size(); ++i) {
        const Duration age = newest - points[i].at;
        if (age <= keep) {
            kept.push_back(points[i]);
            continue;
        }
        const int now = band(age, keep);
        if (last_band != now) {
            kept.push_back(points[i]);
        } else if (weight(points[i]) > weight(kept.back())) {
            kept.back() = points[i];
        }
        last_band = now;
    }
    // Only ticks far shorter than the limits ask for get here: the older half loses every other point.
    while (kept.size() > ProcessHistory::kMaxPoints) {
        std::deque<Point> fewer;
        for (std::size_t i = 0; i < kept.size(); ++i) {
            if (i % 2 == 0 || i >= kept.size() / 2) fewer.push_back(kept[i]);
        }
        kept = std::move(fewer);
    }
    points = std::move(kept);
}

}  // namespace

EndpointKey endpoint_key(const SocketRecord& socket) {
    const bool local = socket.role == SocketRole::kAccepted || socket.role == SocketRole::kListening;
    const SocketRole role = socket.role == SocketRole::kUnknown ? SocketRole::kOpened : socket.role;
    return {role, unmapped(local ? socket.local : socket.remote), socket.netns};
}

void ProcessHistory::note(MonoTime at) {
    if (!since_ || at < *since_) since_ = at;
}

void ProcessHistory::add(MonoTime at, const Gauges& gauges) {
    if (!gauges_.empty() && at <= gauges_.back().at) return;
    note(at);
    // A quiet process costs two points: the beginning and the end of its quiet.
    const std::size_t n = gauges_.size();
    if (n >= 2 && gauges_[n - 1].gauges == gauges && gauges_[n - 2].gauges == gauges) {
        gauges_.back().at = at;
        return;
    }
    gauges_.push_back({at, gauges});
}

void ProcessHistory::add_walk(MonoTime at, std::span<const SocketRecord> sockets) {
    if (last_walk_ && at <= *last_walk_) return;
    note(at);
    const auto groups = by_endpoint(sockets);
    for (const auto& [key, refs] : groups) {
        if (refs.size() >= kMinSockets || endpoints_.contains(key)) {
            endpoints_[key].push_back(summarise(at, last_walk_, refs));
        }
    }
    for (auto& [key, points] : endpoints_) {
        if (!groups.contains(key)) points.push_back(summarise(at, last_walk_, {}));
    }
    last_walk_ = at;
}

void ProcessHistory::trim(Duration keep) {
    thin(gauges_, keep);
    const auto sockets = [](const EndpointPoint& p) { return p.established + stuck(p); };
    for (auto it = endpoints_.begin(); it != endpoints_.end();) {
        auto& points = it->second;
        const auto alive =
            std::find_if(points.rbegin(), points.rend(), [&](const auto& p) { return sockets(p) > 0; });
        const bool gone = alive == points.rend()
                              ? points.size() > 1 && points.back().at - points.front().at > keep
                              : points.back().at - alive->at > keep;
        if (gone) {
            it = endpoints_.erase(it);
            continue;
        }
        thin(points, keep);
        ++it;
    }
    while (endpoints_.size() > kMaxEndpoints) {
        endpoints_.erase(
            std::min_element(endpoints_.begin(), endpoints_.end(), [&](const auto& a, const auto& b) {
                return sockets(a.second.back()) < sockets(b.second.back());
            }));
    }
}

}  // namespace sockdog
