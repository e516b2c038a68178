#include "remedy/verification.h"

#include <algorithm>

namespace sockdog {
namespace {

// Two ticks of the default interval: by then the findings about the old process are gone.
constexpr Duration kSettle = 10s;
// Windows that uncertain books may cost before the result counts as unknown, which is a failure.
constexpr int kUncertainWindows = 3;

/// What restarts a service has promised a process, unlike a command, which may have been meant to end one.
bool brings_back(RemedyAction action) {
    return action == RemedyAction::kSystemdRestart || action == RemedyAction::kMonitRestart;
}

std::string pid_of(const ProcessId& process) {
    return "pid " + std::to_string(process.pid);
}

}  // namespace

Verification::Verification(RemedyAction action, ProcessId acted_on, Duration verify, MonoTime since)
    : action_(action), acted_on_(acted_on), verify_(verify), since_(since), clean_since_(since) {}

std::optional<Verification::Outcome> Verification::observe(MonoTime now, const OwnerState& state,
                                                           bool old_alive, bool uncertain) {
    const Duration elapsed = now - since_;
    if (elapsed < std::min(kSettle, verify_ / 4)) return std::nullopt;
    if (uncertain) {
        clean_since_ = now;
        if (elapsed < kUncertainWindows * verify_) return std::nullopt;
        return Outcome{false,
                       "events were lost during the whole of the verification, so the result is not known"};
    }
    if (old_alive || state.process == acted_on_) {
        clean_since_ = now;
        // Only systemd's answer comes after the restart; monit waits 30 s for a process to end.
        if (action_ != RemedyAction::kSystemdRestart && elapsed < verify_) return std::nullopt;
        return Outcome{false,
                       "the process kept its pid: " + pid_of(acted_on_) + " still runs and was not replaced"};
    }
    if (state.leaked > 0) {
        const std::string who = state.process ? pid_of(*state.process) : "its successor";
        return Outcome{false, who + " leaks again: " + std::to_string(state.leaked) + " sockets " +
                                  format_duration(elapsed) + " after the action"};
    }
    if (now - clean_since_ < verify_) return std::nullopt;
    return conclude(state);
}

Verification::Outcome Verification::conclude(const OwnerState& state) const {
    const std::string quiet = "nothing leaked for " + format_duration(verify_);
    if (state.process)
        return {true, pid_of(*state.process) + " took the place of " + pid_of(acted_on_) + "; " + quiet};
    if (brings_back(action_)) {
        return {false, "the service did not come back: no process of it " + format_duration(verify_) +
                           " after the restart"};
    }
    return {true, pid_of(acted_on_) + " ended and no process took its place; " + quiet};
}

}  // namespace sockdog
