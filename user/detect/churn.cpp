// churn: a client per request that is never closed by its program, only by the server after its idle time.
// The connections level off at rate x idle time, so that nothing is lost but work and memory on both sides; a
// warning, until the plateau is more than there are ports or fds.
//
// The verdict needs, over `windows` windows of idle_growth,
//   idle      at least `idle` connections that were silent since their first exchange, three of four of all
//   a stream  at least twice as many births as connections held: what is held has been replaced at least once
//   level     the pile is as high as it was: no more than a quarter above or below a window ago
//   by peers  three of four that ended were closed by the peer first: the program itself hardly closes any,
//             but it does so at once when the peer has: hardly any is in CLOSE_WAIT
#include <algorithm>

#include "detect/detector.h"
#include "detect/evidence.h"

namespace sockdog {
namespace {

constexpr double kMost = 0.75;

/// What the gauges of the whole process say of the look-back.
struct Stream {
    std::uint64_t births = 0;
    std::uint64_t ends = 0;
    std::uint64_t ended_by_peers = 0;
};

std::optional<Stream> stream_over(const ProcessHistory& history, Duration look_back) {
    if (history.gauges().empty()) return std::nullopt;
    const GaugePoint& newest = history.gauges().back();
    const GaugePoint* const base = point_at(history, newest.at - look_back);
    if (base == nullptr) return std::nullopt;
    return Stream{births(newest.gauges) - births(base->gauges), closed(newest.gauges) - closed(base->gauges),
                  newest.gauges.peer_closed_first - base->gauges.peer_closed_first};
}

bool is_most(std::uint64_t part, std::uint64_t whole) {
    return static_cast<double>(part) >= kMost * static_cast<double>(whole);
}

/// As many connections a window ago as now, give or take a quarter.
bool is_level(const Scene& scene, const EndpointKey& key, std::size_t now) {
    const auto series = scene.history->endpoints().find(key);
    if (series == scene.history->endpoints().end()) return false;
    const MonoTime then = scene.now.mono - scene.limits.idle_growth.window;
    const auto& points = series->second;
    const auto after = std::find_if(points.begin(), points.end(), [&](const auto& p) { return p.at > then; });
    if (after == points.begin()) return false;
    const std::size_t before = std::prev(after)->established;
    return 4 * now >= 3 * before && 4 * now <= 5 * before + 4;
}

}  // namespace

bool may_churn(const ProcessHistory& history, const Limits& limits) {
    if (!limits.churn.enabled || history.gauges().empty()) return false;
    const std::uint32_t held = history.gauges().back().gauges.in(TcpState::kEstablished);
    if (held < std::max(1U, limits.churn.idle)) return false;
    const auto stream = stream_over(history, limits.idle_growth.look_back());
    return stream && stream->births >= 2 * std::uint64_t{limits.churn.idle} &&
           is_most(stream->ended_by_peers, stream->ends) && stream->ends > 0;
}

Verdict detect_churn(const Scene& scene, const SocketGroups& groups) {
    Verdict verdict;
    if (scene.history == nullptr || !may_churn(*scene.history, scene.limits)) return verdict;
    const auto stream = stream_over(*scene.history, scene.limits.idle_growth.look_back());
    const Duration exchange = scene.limits.idle_growth.min_age / 5;
    for (const auto& [key, sockets] : groups) {
        if (key.role != SocketRole::kOpened) continue;
        SocketRefs idle;
        std::vector<MonoTime> births;
        std::size_t held = 0;
        std::size_t told_to_close = 0;
        Duration oldest{};
        for (const SocketRecord* s : sockets) {
            if (!is_held(*s)) continue;
            if (s->state == TcpState::kCloseWait) ++told_to_close;
            if (s->state != TcpState::kEstablished) continue;
            ++held;
            if (!s->opened || !idle_since_first_exchange(*s, scene, exchange)) continue;
            idle.push_back(s);
            births.push_back(*s->opened);
            oldest = std::max(oldest, age(*s, scene));
        }
        if (idle.size() < std::max(1U, scene.limits.churn.idle) || !is_most(idle.size(), held)) continue;
        if (!is_most(held, held + told_to_close)) continue;
        if (stream->births < 2 * held || !is_level(scene, key, held)) continue;
        Finding finding = tell(scene, LeakClass::kChurn,
                               {key, &sockets, idle, births, scene.limits.idle_growth.look_back()});
        finding.slope_per_minute = 0;  // level, by definition
        finding.plateau_age = oldest;
        finding.oldest_dwell = oldest;
        verdict.findings.push_back(finding);
    }
    return verdict;
}

}  // namespace sockdog
