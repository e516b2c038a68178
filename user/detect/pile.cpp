#include "detect/pile.h"

#include <algorithm>
#include <utility>

namespace sockdog {
namespace {

/// Exits that still count as "hardly any": one for four that were opened meanwhile and kept.
constexpr std::uint64_t kBirthsPerExit = 4;
/// Different times of entry, in steps of a quarter of the dwell.
constexpr std::size_t kSpreadSteps = 3;
constexpr int kStepsPerDwell = 4;

struct Pile {
    SocketRefs held;                // in the state, with an fd
    std::vector<MonoTime> entered;  // when each of them got there, sorted
    std::vector<MonoTime> born;     // of all held sockets of the endpoint, where known, sorted
};

/// What was in the state once and is held still. A keep-alive probe that the peer answers with a reset turns
/// CLOSE_WAIT into CLOSE: nobody closed anything, so that is no exit.
class Remaining {
  public:
    Remaining(const Scene& scene, const PileRule& rule) : scene_(scene), rule_(rule) {}

    void add(const SocketRecord& s) {
        if (s.state == rule_.state) entered_.push_back(entered_state(s, scene_));
        const bool died = s.state == TcpState::kClose && rule_.state != TcpState::kClose;
        if (died && is_held(s) && s.opened && s.state_since) dead_.emplace_back(*s.opened, *s.state_since);
    }
    void sort() { std::sort(entered_.begin(), entered_.end()); }

    [[nodiscard]] std::uint64_t at(MonoTime t) const {
        const auto lived = std::count_if(
            dead_.begin(), dead_.end(), [t](const auto& life) { return life.first <= t && t < life.second; });
        return count_until(entered_, t) + static_cast<std::uint64_t>(lived);
    }

  private:
    const Scene& scene_;
    const PileRule& rule_;
    std::vector<MonoTime> entered_;
    std::vector<std::pair<MonoTime, MonoTime>> dead_;  // birth and death
};

Pile pile_up(const Scene& scene, const PileRule& rule, const SocketRefs& sockets) {
    Pile pile;
    for (const SocketRecord* s : sockets) {
        if (!is_held(*s)) continue;
        if (s->opened) pile.born.push_back(*s->opened);
        if (s->state != rule.state || (rule.spared && rule.spared(*s))) continue;
        pile.held.push_back(s);
        pile.entered.push_back(entered_state(*s, scene));
        // What was never connected is born when it was first met.
        if (!s->opened && s->state_since) pile.born.push_back(*s->state_since);
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

/// The most sockets that were in the state at one point of a series and are gone.
template <typename Points, typename Count>
std::uint64_t most_left(const Points& points, const Remaining& remaining, Count count) {
    std::uint64_t most = 0;
    for (const auto& point : points) {
        const std::uint64_t then = count(point);
        const std::uint64_t remain = remaining.at(point.at);
        most = std::max(most, then > remain ? then - remain : 0);
    }
    return most;
}

class PileJudge {
  public:
    PileJudge(const Scene& scene, const PileRule& rule, const EndpointKey& key, const SocketRefs& sockets,
              const Pile& pile)
        : scene_(scene),
          rule_(rule),
          key_(key),
          sockets_(sockets),
          pile_(pile),
          step_(rule.dwell / kStepsPerDwell) {}

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
        const std::uint64_t least = std::max<std::uint64_t>(3, rule_.count / 2);
        return late >= least && left * kBirthsPerExit <= late;
    }

    /// Everything the process closed since the books began, to whomever: the quickest proof, where it holds.
    [[nodiscard]] std::uint64_t closed_in_all() const {
        const auto& gauges = scene_.history->gauges();
        return gauges.empty() ? UINT64_MAX / kBirthsPerExit : closed(gauges.back().gauges);
    }

    /// The gauges count the state for the whole process: what left elsewhere counts against the verdict,
    /// never for it.
    [[nodiscard]] bool kept_by_gauges(MonoTime first) const {
        const auto& points = scene_.history->gauges();
        if (points.empty()) return false;
        Remaining all(scene_, rule_);
        for (const auto& s : scene_.sockets) all.add(s);
        all.sort();
        const auto left =
            most_left(points, all, [&](const GaugePoint& p) { return p.gauges.in(rule_.state); });
        return enough(opened_after(pile_, std::max(first, points.front().at), step_), left);
    }

    [[nodiscard]] bool kept_by_walks(MonoTime first) const {
        if (rule_.in_series == nullptr) return false;
        const auto series = scene_.history->endpoints().find(key_);
        if (series == scene_.history->endpoints().end() || series->second.empty()) return false;
        const auto& points = series->second;
        Remaining here(scene_, rule_);
        for (const SocketRecord* socket : sockets_)
            if (is_held(*socket)) here.add(*socket);
        here.sort();
        const auto left = most_left(points, here, [&](const EndpointPoint& p) { return p.*rule_.in_series; });
        return enough(opened_after(pile_, std::max(first, points.front().at), step_), left);
    }

    const Scene& scene_;
    const PileRule& rule_;
    const EndpointKey& key_;
    const SocketRefs& sockets_;
    const Pile& pile_;
    Duration step_;
};

}  // namespace

void judge_pile(const Scene& scene, const PileRule& rule, const EndpointKey& key, const SocketRefs& sockets,
                Verdict& verdict) {
    const std::size_t count = std::max(1U, rule.count);
    const Pile pile = pile_up(scene, rule, sockets);
    if (pile.held.size() < count) return;
    const MonoTime stale_at = pile.entered[count - 1] + rule.dwell;
    if (stale_at > scene.now.mono) {
        if (!verdict.look_again || stale_at < *verdict.look_again) verdict.look_again = stale_at;
        return;
    }
    const PileJudge judge(scene, rule, key, sockets, pile);
    if (!judge.spread() || !judge.going_on_and_kept()) return;
    Finding finding = tell(scene, rule.leak_class, {key, &sockets, pile.held, pile.entered});
    finding.oldest_dwell = scene.now.mono - pile.entered.front();
    verdict.findings.push_back(finding);
}

Verdict detect_piles(const Scene& scene, const SocketGroups& groups, const PileRule& rule) {
    Verdict verdict;
    if (scene.history == nullptr) return verdict;
    for (const auto& [key, sockets] : groups) judge_pile(scene, rule, key, sockets, verdict);
    return verdict;
}

}  // namespace sockdog
