#include "detect/exhaustion.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "detect/detector.h"
#include "detect/evidence.h"

namespace sockdog {
namespace {

/// Longer look-backs say more about a slow leak and nothing new about a fast one.
constexpr Duration kLongestLookBack = 1h;
/// Who holds less than this share of the ports is not why they are gone (TIME_WAIT is, as a rule).
constexpr double kHolds = 0.1;

bool holds_port(const SocketRecord& s) {
    const bool made = s.role == SocketRole::kOpened || s.role == SocketRole::kUnknown;
    return made && s.state != TcpState::kClose && s.state != TcpState::kListen && s.remote.port != 0;
}

bool is_near(const Supply& supply, double share) {
    return static_cast<double>(supply.used) >= share * static_cast<double>(supply.limit);
}

WallTime wall_time(MonoTime t, const Now& now) {
    return now.wall - std::chrono::duration_cast<WallTime::duration>(now.mono - t);
}

/// When the sockets of one place came, sorted: those that a program holds, or that wait for it.
std::vector<MonoTime> arrivals(const SocketRefs& sockets) {
    std::vector<MonoTime> times;
    for (const SocketRecord* s : sockets) {
        if (s->orphaned) continue;
        if (const auto came = s->opened ? s->opened : s->state_since) times.push_back(*came);
    }
    std::sort(times.begin(), times.end());
    return times;
}

double per_minute(std::span<const MonoTime> times, MonoTime now, Duration window) {
    const auto gained = times.size() - count_until(times, now - window);
    return static_cast<double>(gained) * 60e9 / static_cast<double>(window.count());
}

class ExhaustionJudge {
  public:
    explicit ExhaustionJudge(const Scene& scene)
        : scene_(scene),
          limits_(scene.limits.exhaustion),
          window_(std::max(scene.limits.idle_growth.look_back(), Duration(1ms))) {
        for (const SocketRecord& s : scene.sockets) {
            if (!holds_port(s)) continue;
            by_tuple_[port_tuple(s.local, s.remote, s.netns)].push_back(&s);
        }
    }

    void judge(Finding& finding) {
        const SocketRefs here = sockets_of(finding);
        const bool grows = finding.leak_class != LeakClass::kChurn;
        add_fds(finding, arrivals(here), grows);
        const auto tuple = fullest(finding);
        bool holds_most = false;
        if (tuple != by_tuple_.end()) {
            add_ports(finding, tuple->first, tuple->second, grows);
            holds_most = is_top(tuple->first);
            if (holds_most) add_failures(finding, tuple->first);
        }
        add_plateau(finding);
        told_.insert(finding.endpoint);
        if (at_end(finding, holds_most)) {
            finding.cause = finding.leak_class;
            finding.leak_class = LeakClass::kExhaustion;
            finding.severity = Severity::kCritical;
        }
    }

    /// Ports that are short, or nearly, and no leak of this process was told about.
    void judge_rest(std::vector<Finding>& findings) {
        if (scene_.host == nullptr) return;
        for (const auto& [tuple, sockets] : by_tuple_) {
            if (told_.contains(tuple.remote)) continue;
            const auto use = scene_.host->tuples.find(tuple);
            if (use == scene_.host->tuples.end() || use->second.top != scene_.process) continue;
            Finding finding = plain(tuple, sockets);
            add_ports(finding, tuple, sockets, true);
            add_failures(finding, tuple);
            if (!finding.ports || use->second.by_top < kHolds * static_cast<double>(finding.ports->limit))
                continue;
            if (at_end(finding, true)) add(findings, std::move(finding));
        }
        judge_unheld(findings);
    }

  private:
    using Tuples = std::map<PortTuple, SocketRefs>;

    /// Connects fail, and nobody holds many ports: the one that failed most stands for it.
    void judge_unheld(std::vector<Finding>& findings) {
        for (const Shortage& shortage : scene_.host->shortages) {
            if (shortage.process != scene_.process || !is_recent(shortage)) continue;
            const PortTuple tuple = port_tuple(shortage.local, shortage.remote, shortage.netns);
            if (told_.contains(tuple.remote) || !failed_most(tuple)) continue;
            const auto ports = scene_.host->local_ports.find(tuple.netns);
            const auto use = scene_.host->tuples.find(tuple);
            const std::uint32_t held = use == scene_.host->tuples.end() ? 0 : use->second.by_top;
            if (ports == scene_.host->local_ports.end() || held >= kHolds * ports->second) continue;
            const auto own = by_tuple_.find(tuple);
            Finding finding = plain(tuple, own == by_tuple_.end() ? SocketRefs{} : own->second);
            finding.ports = Supply{.used = use == scene_.host->tuples.end() ? 0 : use->second.used,
                                   .limit = ports->second,
                                   .growth_per_minute = 0,
                                   .runs_out = {}};
            add_failures(finding, tuple);
            add(findings, std::move(finding));
        }
    }

    bool failed_most(const PortTuple& tuple) const {
        const Shortage* most = nullptr;
        for (const Shortage& s : scene_.host->shortages) {
            if (!is_recent(s) || port_tuple(s.local, s.remote, s.netns) != tuple) continue;
            if (most == nullptr || s.failures > most->failures ||
                (s.failures == most->failures && s.process < most->process))
                most = &s;
        }
        return most != nullptr && most->process == scene_.process;
    }

    void add(std::vector<Finding>& findings, Finding finding) {
        finding.severity = Severity::kCritical;
        told_.insert(finding.endpoint);
        findings.push_back(std::move(finding));
    }

    [[nodiscard]] Finding plain(const PortTuple& tuple, const SocketRefs& sockets) const {
        const EndpointKey key{SocketRole::kOpened, tuple.remote, tuple.netns};
        std::vector<MonoTime> times = arrivals(sockets);
        if (times.empty()) times.push_back(scene_.now.mono);
        Finding finding = tell(scene_, LeakClass::kExhaustion, {key, &sockets, sockets, times});
        finding.oldest_dwell = scene_.now.mono - times.front();
        return finding;
    }

    [[nodiscard]] SocketRefs sockets_of(const Finding& finding) const {
        SocketRefs refs;
        if (finding.leak_class == LeakClass::kUnused) {
            for (const SocketRecord& s : scene_.sockets)
                if (is_unused(s) && s.netns == finding.netns) refs.push_back(&s);
            return refs;
        }
        for (const SocketRecord& s : scene_.sockets) {
            const EndpointKey key = endpoint_key(s);
            if (key.role == finding.role && key.endpoint == finding.endpoint && key.netns == finding.netns)
                refs.push_back(&s);
        }
        return refs;
    }

    /// Of the tuples to the finding's endpoint the one with most sockets of this process.
    [[nodiscard]] Tuples::const_iterator fullest(const Finding& finding) const {
        auto most = by_tuple_.end();
        if (finding.role != SocketRole::kOpened) return most;
        for (auto it = by_tuple_.begin(); it != by_tuple_.end(); ++it) {
            if (it->first.remote != finding.endpoint || it->first.netns != finding.netns) continue;
            if (most == by_tuple_.end() || it->second.size() > most->second.size()) most = it;
        }
        return most;
    }

    void add_fds(Finding& finding, const std::vector<MonoTime>& came, bool grows) const {
        if (!scene_.fds || scene_.fds->limit == 0) return;
        const auto [used, limit] = *scene_.fds;
        Supply supply{.used = used, .limit = limit, .growth_per_minute = 0, .runs_out = {}};
        if (grows) {
            supply.growth_per_minute = per_minute(came, scene_.now.mono, window_);
            if (used < limit) supply.runs_out = forecast(limit - used, came, scene_.now.mono, window_);
        }
        finding.fds = supply;
        finding.failures += files_failed_lately();
    }

    void add_ports(Finding& finding, const PortTuple& tuple, const SocketRefs& own, bool grows) const {
        if (scene_.host == nullptr) return;
        const auto ports = scene_.host->local_ports.find(tuple.netns);
        if (ports == scene_.host->local_ports.end() || ports->second == 0) return;
        Supply supply{.used = own.size(), .limit = ports->second, .growth_per_minute = 0, .runs_out = {}};
        const auto all = scene_.host->tuples.find(tuple);
        if (all != scene_.host->tuples.end())
            supply.used = std::max<std::uint64_t>(supply.used, all->second.used);
        const std::vector<MonoTime> came = arrivals(own);
        if (grows) {
            supply.growth_per_minute = per_minute(came, scene_.now.mono, window_);
            if (!supply.gone())
                supply.runs_out = forecast(supply.limit - supply.used, came, scene_.now.mono, window_);
        }
        finding.ports = supply;
    }

    /// Of all processes it holds most of the ports; or nobody looked at the others.
    [[nodiscard]] bool is_top(const PortTuple& tuple) const {
        if (scene_.host == nullptr) return true;
        const auto use = scene_.host->tuples.find(tuple);
        return use == scene_.host->tuples.end() || use->second.top == scene_.process;
    }

    /// A plateau that is higher than there are ports or fds is never reached.
    void add_plateau(Finding& finding) const {
        if (finding.leak_class != LeakClass::kChurn || finding.window <= Duration::zero()) return;
        const double rate =
            static_cast<double>(finding.opened_in_window) / static_cast<double>(finding.window.count());
        const auto height =
            static_cast<std::uint64_t>(rate * static_cast<double>(finding.plateau_age.count()));
        for (std::optional<Supply>* supply : {&finding.ports, &finding.fds}) {
            if (*supply && height >= (*supply)->limit)
                (*supply)->runs_out = Forecast{finding.plateau_age, {}};
        }
    }

    void add_failures(Finding& finding, const PortTuple& tuple) const {
        if (scene_.host == nullptr) return;
        for (const Shortage& s : scene_.host->shortages) {
            if (!is_recent(s) || port_tuple(s.local, s.remote, s.netns) != tuple) continue;
            if (s.process == scene_.process) {
                finding.failures += s.failures;
                continue;
            }
            finding.victims.push_back({.process = s.process,
                                       .name = {},
                                       .failures = s.failures,
                                       .first = wall_time(s.first, scene_.now),
                                       .last = wall_time(s.last, scene_.now)});
        }
        std::sort(finding.victims.begin(), finding.victims.end(), [](const Victim& a, const Victim& b) {
            return a.failures != b.failures ? a.failures > b.failures : a.process < b.process;
        });
    }

    [[nodiscard]] std::uint64_t files_failed_lately() const {
        if (scene_.history == nullptr || scene_.history->gauges().empty()) return 0;
        return rise_since(*scene_.history, scene_.history->gauges().back().at - kShortageLasts,
                          [](const Gauges& g) { return g.too_many_files; });
    }

    [[nodiscard]] bool is_recent(const Shortage& s) const {
        return scene_.now.mono - s.last <= kShortageLasts;
    }

    /// `holds_most`: of the ports; else their end is somebody else's doing.
    [[nodiscard]] bool at_end(const Finding& finding, bool holds_most) const {
        if (!limits_.enabled) return false;
        const auto ends = [&](const std::optional<Supply>& supply) {
            if (!supply || supply->gone()) return supply.has_value();
            // That of churn is forecast only where its plateau is higher than the limit.
            const bool beyond = finding.leak_class == LeakClass::kChurn || is_near(*supply, limits_.share);
            return beyond && supply->runs_out.has_value();
        };
        if (ends(finding.fds) || (holds_most && ends(finding.ports))) return true;
        return !finding.victims.empty() || finding.failures > 0;
    }

    const Scene& scene_;
    const ExhaustionLimits& limits_;
    Duration window_;
    Tuples by_tuple_;
    std::set<Endpoint> told_;
};

}  // namespace

PortTuple port_tuple(const Endpoint& local, const Endpoint& remote, std::uint32_t netns) {
    PortTuple tuple{unmapped(local), unmapped(remote), netns};
    tuple.local.port = 0;
    return tuple;
}

std::map<PortTuple, PortUse> count_ports(std::span<const SocketRecord> sockets) {
    // What shares its port with a listener was accepted, also where its birth was not seen.
    std::set<std::pair<std::uint32_t, std::uint16_t>> served;
    for (const SocketRecord& s : sockets) {
        if (s.state == TcpState::kListen) served.emplace(s.netns, s.local.port);
    }
    std::map<PortTuple, std::map<ProcessId, std::uint32_t>> holders;
    for (const SocketRecord& s : sockets) {
        if (!holds_port(s)) continue;
        if (s.role == SocketRole::kUnknown && served.contains({s.netns, s.local.port})) continue;
        ++holders[port_tuple(s.local, s.remote, s.netns)][s.owner];
    }
    std::map<PortTuple, PortUse> uses;
    for (const auto& [tuple, by_process] : holders) {
        PortUse& use = uses[tuple];
        for (const auto& [process, count] : by_process) {
            use.used += count;
            if (count > use.by_top && process.known()) {
                use.top = process;
                use.by_top = count;
            }
        }
    }
    return uses;
}

std::uint32_t opened_at_most(const Gauges& gauges) {
    const std::uint64_t total = gauges.total();
    const std::uint64_t born = births(gauges);
    const std::uint64_t older = total > born ? total - born : 0;
    return static_cast<std::uint32_t>(std::min(total, gauges.opened + older));
}

bool may_exhaust(const Gauges& gauges, std::uint64_t fd_limit, std::uint64_t port_limit, double share) {
    const std::uint64_t total = gauges.total();
    const auto reaches = [share](std::uint64_t count, std::uint64_t limit) {
        return limit > 0 && static_cast<double>(count) >= share * static_cast<double>(limit);
    };
    return reaches(total, fd_limit) || reaches(opened_at_most(gauges), port_limit);
}

std::optional<Forecast> forecast(std::uint64_t remaining, std::span<const MonoTime> gained, MonoTime now,
                                 Duration window) {
    if (gained.empty() || window <= Duration::zero()) return std::nullopt;
    const Duration known = now - gained.front();
    // A leak that has just begun is measured from its beginning; a burst is not taken for a rate.
    const Duration look_back = std::clamp(known, window / 3, std::max(window, kLongestLookBack));
    const auto between = [&](Duration from, Duration to) {
        return static_cast<double>(count_until(gained, now - to) - count_until(gained, now - from));
    };
    const double n = between(look_back, Duration::zero());
    if (n < 3) return std::nullopt;
    const double seconds = static_cast<double>(look_back.count()) / 1e9;
    double slow = (n - 2 * std::sqrt(n)) / seconds;
    double fast = (n + 2 * std::sqrt(n)) / seconds;
    for (int third = 0; third < 3; ++third) {
        const double rate = between(look_back * (third + 1) / 3, look_back * third / 3) / (seconds / 3);
        slow = std::min(slow, rate);
        fast = std::max(fast, rate);
    }
    const auto after = [&](double rate) {
        const double needed = static_cast<double>(remaining) / rate * 1e9;
        return Duration(static_cast<Duration::rep>(std::min(needed, 9e18)));
    };
    Forecast result{.earliest = after(fast), .latest = {}};
    if (slow > 0) result.latest = after(slow);
    return result;
}

void judge_exhaustion(const Scene& scene, std::vector<Finding>& findings) {
    const bool host_is_well =
        scene.host == nullptr || (scene.host->tuples.empty() && scene.host->shortages.empty());
    if (findings.empty() && host_is_well) return;
    ExhaustionJudge judge(scene);
    for (Finding& finding : findings) judge.judge(finding);
    judge.judge_rest(findings);
}

}  // namespace sockdog
