#include "detect/detector.h"

#include <algorithm>

#include "detect/evidence.h"

namespace sockdog {
namespace {

bool same_place(const Finding& a, const Finding& b) {
    return a.role == b.role && a.endpoint == b.endpoint && a.netns == b.netns;
}

}  // namespace

Verdict detect(const Scene& scene) {
    Verdict verdict = detect_close_wait(scene);
    const Verdict idle = detect_idle_growth(scene);
    // One leak, one finding: what grew idle is told as close_wait once the peer has begun to close.
    const std::vector<Finding> close_wait = verdict.findings;
    for (const Finding& finding : idle.findings) {
        const bool told = std::any_of(close_wait.begin(), close_wait.end(),
                                      [&](const Finding& other) { return same_place(finding, other); });
        if (!told) verdict.findings.push_back(finding);
    }
    if (idle.look_again && (!verdict.look_again || *idle.look_again < *verdict.look_again)) {
        verdict.look_again = idle.look_again;
    }
    return verdict;
}

bool is_suspect(const ProcessHistory& history, const Limits& limits) {
    if (history.gauges().empty()) return false;
    const Gauges& now = history.gauges().back().gauges;
    if (limits.close_wait.enabled && now.in(TcpState::kCloseWait) >= std::max(1U, limits.close_wait.count))
        return true;
    return may_grow_idle(history, limits.idle_growth);
}

Duration history_needed(const Limits& limits) {
    // The longest age limit of idle_growth (five windows, or min_age), its windows, and one window of slack
    // for the tick.
    const auto& idle = limits.idle_growth;
    const Duration growth = idle.window * (std::max(1U, idle.windows) + 6) + idle.min_age;
    return std::max(growth, limits.close_wait.dwell * 4);
}

}  // namespace sockdog
