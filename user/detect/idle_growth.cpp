// idle_growth: opens ever more connections to one endpoint and reuses none; the peer has not closed them yet.
//
// Survivors are connections that are old enough, ESTABLISHED, and silent since their first exchange. Sockets
// carry their own times of birth, so one walk tells how survivors grew, window by window:
//
//      age limit + 3 windows        + 2           + 1        age limit         now
//   ------|----------------------|-------------|-------------|-------------------|
//         |  survivors born here | and here    | and here    |  too young to say; but some must be there
//
// The verdict needs all of
//   growing   survivors from each of the last `windows` windows, `survivors` in all, not most of them from
//             one step
//   going on  younger connections exist, or ports or files have run out and attempts fail
//   unused    three of four of that age are idle: a pool goes back to what it has
//   kept      `survival` of the cohort is still open, and the process holds no fewer than ever before
#include <algorithm>
#include <array>
#include <cmath>

#include "detect/detector.h"
#include "detect/evidence.h"

namespace sockdog {
namespace {

/// Age limit in median connect intervals: a caller that comes back every 30 s may well reuse a connection
/// after 60 s.
constexpr int kIntervalsPerAge = 5;
/// The age limit ends at this many windows; a leak slower than one a window needs a longer window to be seen.
constexpr int kMostAgeWindows = 5;
/// A first exchange (handshakes, one request, its answer) takes up to this share of min_age: 12 s of 60 s.
constexpr int kExchangesPerMinAge = 5;
/// Of the connections of the cohort's age, this share must be idle.
constexpr double kIdleShare = 0.75;
/// An accepted connection that idles is as a rule its client's doing. Only many clients together speak
/// against the server, so that each address counts for two at most, and the growth must last twice as long.
constexpr int kSurvivorsPerClient = 2;

struct Cohort {
    std::vector<MonoTime> births;  // of every held connection of the endpoint, where known, sorted
    SocketRefs survivors;
    std::vector<MonoTime> survivor_births;  // known ones only, sorted; accepted ones: at most two a client
    std::vector<MonoTime> peers_births;     // of all ESTABLISHED, sorted, survivors or not
    Duration age_limit{};
    Duration pace{};          // mean interval of the latest births
    std::size_t unknown = 0;  // held, and older than the books
};

Duration age_limit(const std::vector<MonoTime>& births, const IdleGrowthLimits& limits) {
    std::vector<Duration> intervals;
    for (std::size_t i = 1; i < births.size(); ++i) intervals.push_back(births[i] - births[i - 1]);
    const Duration scaled = median(std::move(intervals)) * kIntervalsPerAge;
    return std::max(limits.min_age, std::min(scaled, limits.window * kMostAgeWindows));
}

/// Mean, not median: a tick that opens four at once is not over in the second after it.
Duration pace(const std::vector<MonoTime>& births) {
    constexpr std::size_t kLatest = 16;
    if (births.size() < 2) return Duration::zero();
    const std::size_t n = std::min(kLatest, births.size() - 1);
    return (births.back() - births[births.size() - 1 - n]) / static_cast<Duration::rep>(n);
}

/// Attempts failed for want of ports or files within the last `period`.
bool ran_out(const ProcessHistory& history, Duration period) {
    if (history.gauges().empty()) return false;
    const auto failures = [](const Gauges& g) { return g.connect_address_unavailable + g.too_many_files; };
    return rise_since(history, history.gauges().back().at - period, failures) > 0;
}

Cohort gather(const Scene& scene, const EndpointKey& key, const SocketRefs& sockets) {
    const IdleGrowthLimits& limits = scene.limits.idle_growth;
    Cohort cohort;
    for (const SocketRecord* s : sockets) {
        const bool counts = s->state == TcpState::kEstablished || s->state == TcpState::kCloseWait;
        if (!counts || !is_held(*s)) continue;
        if (s->opened) {
            cohort.births.push_back(*s->opened);
        } else {
            ++cohort.unknown;
        }
    }
    cohort.age_limit = age_limit(cohort.births, limits);  // the references come sorted by birth
    cohort.pace = pace(cohort.births);
    std::map<std::array<std::uint8_t, 16>, int> per_client;
    for (const SocketRecord* s : sockets) {
        if (s->state != TcpState::kEstablished || !is_held(*s)) continue;
        if (s->opened) cohort.peers_births.push_back(*s->opened);
        if (age(*s, scene) < cohort.age_limit) continue;
        if (!idle_since_first_exchange(*s, scene, limits.min_age / kExchangesPerMinAge)) continue;
        cohort.survivors.push_back(s);
        if (!s->opened) continue;
        const bool accepted = key.role == SocketRole::kAccepted;
        if (accepted && ++per_client[s->remote.address] > kSurvivorsPerClient) continue;
        cohort.survivor_births.push_back(*s->opened);
    }
    return cohort;
}

struct Growth {
    std::uint32_t windows = 0;  // consecutive, up to now
    std::size_t survivors = 0;  // over the look-back
    std::size_t largest_step = 0;
    MonoTime start;  // of the look-back
};

/// Survivors window by window, from the newest back. The look-back goes on over a single empty window, ends
/// before two.
Growth grow(const std::vector<MonoTime>& births, MonoTime end, Duration window) {
    Growth growth;
    growth.start = end;
    bool unbroken = true;
    for (std::size_t i = births.size(); i > 0;) {
        const Duration back = growth.start - births[i - 1];
        if (back >= 2 * window) break;
        if (back >= window) {
            unbroken = false;
            growth.start -= window;
        }
        const MonoTime from = growth.start - window;
        std::size_t step = 0;
        for (; i > 0 && births[i - 1] > from; --i) ++step;
        growth.start = from;
        growth.survivors += step;
        growth.largest_step = std::max(growth.largest_step, step);
        if (unbroken) ++growth.windows;
    }
    return growth;
}

class GrowthJudge {
  public:
    GrowthJudge(const Scene& scene, const EndpointKey& key, const Cohort& cohort)
        : scene_(scene),
          limits_(scene.limits.idle_growth),
          key_(key),
          cohort_(cohort),
          exhausted_(ran_out(*scene.history, cohort.age_limit)),
          end_(newest_judged()),
          growth_(grow(cohort.survivor_births, end_, std::max(limits_.window, Duration(1)))) {}

    [[nodiscard]] std::uint32_t windows() const { return growth_.windows; }

    [[nodiscard]] bool growing() const {
        const std::uint32_t factor = key_.role == SocketRole::kAccepted ? 2 : 1;
        const std::uint32_t needed = std::max(1U, limits_.windows) * factor;
        if (growth_.windows < needed) return false;
        // Whole windows: a ramp of two and a bit is no growth of three. One interval of grace, the first
        // birth opens a window.
        const Duration covered = end_ - cohort_.survivor_births.front();
        if (covered < limits_.window * needed - cohort_.pace) return false;
        if (growth_.survivors < std::max(1U, limits_.survivors)) return false;
        return growth_.survivors - growth_.largest_step >= limits_.survivors / 2;
    }

    [[nodiscard]] bool going_on() const {
        if (exhausted_) return true;
        // Five intervals: attempts at random miss that once in 150. A quarter of a window is the least that a
        // walk resolves.
        const Duration patience = std::max(cohort_.pace * kIntervalsPerAge, limits_.window / 4);
        return scene_.now.mono - cohort_.births.back() <=
               std::min(patience, limits_.window * kMostAgeWindows);
    }

    [[nodiscard]] bool unused() const {
        const auto& all = cohort_.peers_births;
        const auto among = [&](const std::vector<MonoTime>& births) {
            return count_until(births, end_) - count_until(births, growth_.start);
        };
        std::vector<MonoTime> idle;
        for (const SocketRecord* s : cohort_.survivors) {
            if (s->opened) idle.push_back(*s->opened);
        }
        return static_cast<double>(among(idle)) >= kIdleShare * static_cast<double>(among(all));
    }

    [[nodiscard]] bool kept() const {
        const bool by_walks = kept_by_walks();
        return by_walks || (kept_by_counters() && !fell_before());
    }

  private:
    [[nodiscard]] double loss() const { return 1.0 - std::clamp(limits_.survival, 0.0, 1.0); }

    /// Births after this instant are too young to say. When ports or files have run out the windows end at
    /// the last survivor: that nothing can be opened any more is no recovery.
    [[nodiscard]] MonoTime newest_judged() const {
        const MonoTime end = scene_.now.mono - cohort_.age_limit;
        return exhausted_ ? std::min(end, cohort_.survivor_births.back()) : end;
    }

    /// What the whole process closed since the look-back began, or since the books did where the history is
    /// shorter.
    [[nodiscard]] bool kept_by_counters() const {
        if (scene_.history->gauges().empty()) return false;
        const GaugePoint* const base = point_at(*scene_.history, growth_.start);
        const std::uint64_t now = closed(scene_.history->gauges().back().gauges);
        const std::uint64_t then = base == nullptr ? 0 : std::min(now, closed(base->gauges));
        const auto held = static_cast<double>(growth_.survivors);
        return static_cast<double>(now - then) * (1.0 - loss()) <= held * loss() + 1e-9;
    }

    /// A garbage collector lets go of everything now and then, and the next tooth of the saw looks like a
    /// leak. Until twice as much is held as was ever seen to go, it is a tooth.
    [[nodiscard]] bool fell_before() const {
        std::vector<MonoTime> known;
        std::size_t unknown = 0;
        for (const auto& s : scene_.sockets) {
            if (s.state != TcpState::kEstablished && s.state != TcpState::kCloseWait) continue;
            if (s.opened) {
                known.push_back(*s.opened);
            } else {
                ++unknown;
            }
        }
        std::sort(known.begin(), known.end());
        std::uint64_t most = 0;
        for (const auto& point : scene_.history->gauges()) {
            const std::uint64_t then = std::uint64_t{point.gauges.in(TcpState::kEstablished)} +
                                       point.gauges.in(TcpState::kCloseWait);
            const std::uint64_t remain = count_until(known, point.at) + unknown;
            most = std::max(most, then > remain ? then - remain : 0);
        }
        return 2 * most > growth_.survivors;
    }

    /// The same for this endpoint alone, once walks have watched it for long enough. Holds in processes that
    /// open and close busily elsewhere, and where an endpoint's short-lived connections come and go beside
    /// the leak.
    [[nodiscard]] bool kept_by_walks() const {
        const auto series = scene_.history->endpoints().find(key_);
        if (series == scene_.history->endpoints().end() || series->second.empty()) return false;
        const auto& points = series->second;
        if (points.back().at - points.front().at < limits_.look_back()) return false;
        const std::size_t total = cohort_.births.size() + cohort_.unknown;
        for (const auto& point : points) {
            const std::size_t then = std::size_t{point.established} + point.close_wait;
            const std::size_t remain = count_until(cohort_.births, point.at) + cohort_.unknown;
            if (then > total) return false;
            const auto gone = static_cast<double>(then > remain ? then - remain : 0);
            if (gone > loss() * static_cast<double>(total) + 1e-9) return false;
        }
        return true;
    }

    const Scene& scene_;
    const IdleGrowthLimits& limits_;
    const EndpointKey& key_;
    const Cohort& cohort_;
    bool exhausted_;
    MonoTime end_;
    Growth growth_;
};

}  // namespace

bool may_grow_idle(const ProcessHistory& history, const IdleGrowthLimits& limits) {
    if (!limits.enabled || history.gauges().empty()) return false;
    const auto& points = history.gauges();
    const GaugePoint& newest = points.back();
    if (newest.gauges.in(TcpState::kEstablished) < std::max(1U, limits.survivors)) return false;

    // Whether anything was opened within the longest age limit: a host at rest is not walked.
    const Duration age = std::max(limits.min_age, limits.window * kMostAgeWindows);
    if (ran_out(history, age)) return true;
    const GaugePoint* const base = point_at(history, newest.at - age);
    if (births(newest.gauges) <= (base == nullptr ? 0 : births(base->gauges))) return false;

    // Whether it holds more than it did: a busy server in balance is not walked.
    const GaugePoint* const before = point_at(history, newest.at - age - limits.look_back());
    if (before == nullptr) return true;
    const auto held = [](const Gauges& g) {
        return std::uint64_t{g.in(TcpState::kEstablished)} + g.in(TcpState::kCloseWait);
    };
    std::uint64_t least = UINT64_MAX;
    for (const auto& point : points) {
        if (point.at >= before->at) least = std::min(least, held(point.gauges));
    }
    return held(newest.gauges) >= least + std::max(1U, limits.survivors / 4);
}

Verdict detect_idle_growth(const Scene& scene, const SocketGroups& groups) {
    Verdict verdict;
    const IdleGrowthLimits& limits = scene.limits.idle_growth;
    if (scene.history == nullptr || !may_grow_idle(*scene.history, limits)) return verdict;
    for (const auto& [key, sockets] : groups) {
        if (sockets.size() < limits.survivors) continue;
        const Cohort cohort = gather(scene, key, sockets);
        if (cohort.survivor_births.empty()) continue;
        const GrowthJudge judge(scene, key, cohort);
        if (!judge.growing() || !judge.going_on() || !judge.unused() || !judge.kept()) continue;
        Finding finding =
            tell(scene, LeakClass::kIdleGrowth, {key, &sockets, cohort.survivors, cohort.survivor_births});
        finding.growing_windows = judge.windows();
        for (const SocketRecord* s : cohort.survivors) {
            finding.oldest_dwell = std::max(finding.oldest_dwell, std::min(s->idle(), age(*s, scene)));
        }
        verdict.findings.push_back(finding);
    }
    return verdict;
}

}  // namespace sockdog
