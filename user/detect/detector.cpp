#include "detect/detector.h"

#include <algorithm>
#include <array>

#include "detect/evidence.h"

namespace sockdog {
namespace {

constexpr std::array kDetectors{
    detect_close_wait,  detect_idle_growth, detect_backlog,   detect_dead_fd,
    detect_half_closed, detect_unused,      detect_inherited, detect_churn,
};

bool same_place(const Finding& a, const Finding& b) {
    return a.role == b.role && a.endpoint == b.endpoint && a.netns == b.netns;
}

/// Churn is told where nothing worse is, and what grew idle becomes another class once the peer has begun to
/// close.
int rank(LeakClass leak_class) {
    if (leak_class == LeakClass::kChurn) return 0;
    return leak_class == LeakClass::kIdleGrowth ? 1 : 2;
}

/// Which of two findings at one place is told.
bool is_weaker(const Finding& a, const Finding& b) {
    if (rank(a.leak_class) != rank(b.leak_class)) return rank(a.leak_class) < rank(b.leak_class);
    return a.leaked < b.leaked;
}

/// One leak, one finding.
void add(std::vector<Finding>& findings, const Finding& finding) {
    const auto other = std::find_if(findings.begin(), findings.end(),
                                    [&](const Finding& known) { return same_place(known, finding); });
    if (other == findings.end())
        findings.push_back(finding);
    else if (is_weaker(*other, finding))
        *other = finding;
}

}  // namespace

Verdict detect(const Scene& scene) {
    Verdict all;
    const SocketGroups groups = by_endpoint(scene.sockets);
    for (const auto& detector : kDetectors) {
        const Verdict one = detector(scene, groups);
        for (const Finding& finding : one.findings) add(all.findings, finding);
        if (one.look_again && (!all.look_again || *one.look_again < *all.look_again))
            all.look_again = one.look_again;
    }
    judge_exhaustion(scene, all.findings);
    return all;
}

bool is_suspect(const ProcessHistory& history, const Limits& limits) {
    if (history.gauges().empty()) return false;
    const Gauges& now = history.gauges().back().gauges;
    const auto piles = [&now](const auto& of_class, TcpState state) {
        return of_class.enabled && now.in(state) >= std::max(1U, of_class.count);
    };
    if (piles(limits.close_wait, TcpState::kCloseWait) || piles(limits.backlog, TcpState::kCloseWait))
        return true;
    if (piles(limits.dead_fd, TcpState::kClose) || piles(limits.unused, TcpState::kClose)) return true;
    if (piles(limits.half_closed, TcpState::kFinWait2)) return true;
    const std::uint32_t inherited = std::max(1U, limits.inherited.count);
    if (limits.inherited.enabled && now.inherited >= inherited && now.total() >= inherited) return true;
    return may_grow_idle(history, limits.idle_growth) || may_churn(history, limits);
}

Duration history_needed(const Limits& limits) {
    // The longest age limit of idle_growth (five windows, or min_age), its windows, and one window of slack
    // for the tick.
    const auto& idle = limits.idle_growth;
    const Duration growth = idle.window * (std::max(1U, idle.windows) + 6) + idle.min_age;
    const Duration dwell = std::max({limits.close_wait.dwell, limits.backlog.dwell, limits.dead_fd.dwell,
                                     limits.half_closed.dwell, limits.unused.dwell, limits.inherited.dwell});
    return std::max(growth, dwell * 4);
}

}  // namespace sockdog
