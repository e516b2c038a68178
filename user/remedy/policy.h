// What a policy allows to be done about a leak. Off unless a policy says so, and then a dry run until told
// otherwise.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "detect/finding.h"

namespace sockdog {

enum class RemedyAction : std::uint8_t { kNone, kSystemdRestart, kCommand, kMonitRestart };
/// "none", "systemd-restart", "command", "monit-restart".
std::string_view to_string(RemedyAction action);

struct RemedyPolicy {
    RemedyAction action = RemedyAction::kNone;
    bool dry_run = true;
    /// The incident must have been open this long without a pause: a restart is no answer to a burst.
    Duration sustained = 5min;
    /// Leaked sockets below which nothing is done.
    std::uint32_t min_leaked = 1;
    /// Between two actions on the same owner.
    Duration cooldown = 30min;
    /// Actions of this sockdogd in all, per window.
    std::uint32_t budget = 3;
    Duration budget_window = 1h;
    /// The books must stay below the limits for this long for a success.
    Duration verify = 2min;
    /// Failed tries after which it gives up and escalates.
    std::uint32_t max_failures = 2;
    /// For kCommand: argv, run without a shell, with SOCKDOG_* in its environment.
    std::vector<std::string> command;
    Duration command_timeout = 60s;
};

}  // namespace sockdog
