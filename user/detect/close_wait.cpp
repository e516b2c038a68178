// close_wait: the peer closed, the program holds the fd and never closes it.
//
// Sockets that sit in CLOSE_WAIT are no leak by themselves: a pool finds them at its next lease, and until
// then they lie about for hours. The verdict needs all of
//   count     at least `count` of them have been there for `dwell`
//   spread    they came at three or more different times: a server's restart or an idle pool's timeout is one
//   time going on  the program opened more connections after the first had gone stale: it had its turn and
//   did not close kept      hardly any has left: a pool that replaces what it finds closed shows as many
//   exits as entries
#include <algorithm>

#include "detect/detector.h"
#include "detect/evidence.h"

namespace sockdog {
namespace {

/// Exits that still count as "hardly any": one for four that were opened meanwhile and kept.
constexpr std::uint64_t kBirthsPerExit = 4;
/// Different times of entry, in steps of a quarter of the dwell.
constexpr std::size_t kSpreadSteps = 3;
constexpr int kStepsPerDwell = 4;

struct Pile {
    SocketRefs held;                // CLOSE_WAIT with an fd
    std::vector<MonoTime> entered;  // when each of them got there, sorted
    std::vector<MonoTime> born;     // of all held sockets of the endpoint, where known, sorted
};

Pile pile_up(const Scene& scene, const SocketRefs& sockets) {
    Pile pile;
    for (const SocketRecord* s : sockets) {
        if (!is_held(*s)) continue;
        if (s->opened) pile.born.push_back(*s->opened);
        if (s->state != TcpState::kCloseWait) continue;
        pile.held.push_back(s);
        pile.entered.push_back(entered_state(*s, scene));
    }
    std::sort(pile.entered.begin(), pile.entered.end());
    std::sort(pile.born.begin(), pile.born.end());
    return pile;
}

/// Connections opened after `moment` and still held, 0 unless they came at two or more times.
std::uint64_t opened_after(const Pile& pile, MonoTime moment, Duration step) {
    const std::span<const MonoTime> late = std::span(pile.born).subspan(count_until(pile.born, moment));
    return steps(late, moment, step) >= 2 ? late.size() : 0;
}

/// The most sockets that were in CLOSE_WAIT at one point of a series and are not any more. `still` has the
/// times of entry of those that are.
template <typename Points, typename Count>
std::uint64_t most_left(const Points& points, const std::vector<MonoTime>& still, Count count) {
    std::uint64_t most = 0;
    for (const auto& point : points) {
        const std::uint64_t then = count(point);
        const std::uint64_t remain = count_until(still, point.at);
        most = std::max(most, then > remain ? then - remain : 0);
    }
    return most;
}

class Judge {
  public:
    Judge(const Scene& scene, const EndpointKey& key, const Pile& pile)
        : scene_(scene), key_(key), pile_(pile), step_(scene.limits.close_wait.dwell / kStepsPerDwell) {}

    [[nodiscard]] bool spread() const {
        return steps(pile_.entered, pile_.entered.front(), step_) >= kSpreadSteps;
    }

    [[nodiscard]] bool going_on_and_kept() const {
        const MonoTime first = pile_.entered.front();
        return enough(opened_after(pile_, first, step_), closed_in_all()) || kept_by_gauges(first) ||
               kept_by_walks(first);
    }

  private:
    [[nodiscard]] bool enough(std::uint64_t late, std::uint64_t left) const {
        const std::uint64_t least = std::max<std::uint64_t>(3, scene_.limits.close_wait.count / 2);
        return late >= least && left * kBirthsPerExit <= late;
    }

    /// Everything the process closed since the books began, to whomever: the quickest proof, where it holds.
    [[nodiscard]] std::uint64_t closed_in_all() const {
        const auto& gauges = scene_.history->gauges();
        return gauges.empty() ? UINT64_MAX / kBirthsPerExit : closed(gauges.back().gauges);
    }

    /// The gauges count CLOSE_WAIT of the whole process: what left elsewhere counts against the verdict,
    /// never for it.
    [[nodiscard]] bool kept_by_gauges(MonoTime first) const {
        const auto& points = scene_.history->gauges();
        if (points.empty()) return false;
        std::vector<MonoTime> still;
        for (const auto& s : scene_.sockets) {
            if (s.state == TcpState::kCloseWait) still.push_back(entered_state(s, scene_));
        }
        std::sort(still.begin(), still.end());
        const auto left =
            most_left(points, still, [](const GaugePoint& p) { return p.gauges.in(TcpState::kCloseWait); });
        return enough(opened_after(pile_, std::max(first, points.front().at), step_), left);
    }

    [[nodiscard]] bool kept_by_walks(MonoTime first) const {
        const auto series = scene_.history->endpoints().find(key_);
        if (series == scene_.history->endpoints().end() || series->second.empty()) return false;
        const auto& points = series->second;
        const auto left =
            most_left(points, pile_.entered, [](const EndpointPoint& p) { return p.close_wait; });
        return enough(opened_after(pile_, std::max(first, points.front().at), step_), left);
    }

    const Scene& scene_;
    const EndpointKey& key_;
    const Pile& pile_;
    Duration step_;
};

}  // namespace

Verdict detect_close_wait(const Scene& scene) {
    Verdict verdict;
    const CloseWaitLimits& limits = scene.limits.close_wait;
    if (!limits.enabled || scene.history == nullptr) return verdict;
    const std::size_t count = std::max(1U, limits.count);
    for (const auto& [key, sockets] : by_endpoint(scene.sockets)) {
        const Pile pile = pile_up(scene, sockets);
        if (pile.held.size() < count) continue;
        const MonoTime stale_at = pile.entered[count - 1] + limits.dwell;
        if (stale_at > scene.now.mono) {
            if (!verdict.look_again || stale_at < *verdict.look_again) verdict.look_again = stale_at;
            continue;
        }
        const Judge judge(scene, key, pile);
        if (!judge.spread() || !judge.going_on_and_kept()) continue;
        Finding finding = tell(scene, LeakClass::kCloseWait, {key, &sockets, pile.held, pile.entered});
        finding.oldest_dwell = scene.now.mono - pile.entered.front();
        verdict.findings.push_back(finding);
    }
    return verdict;
}

}  // namespace sockdog
