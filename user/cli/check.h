// `sockdog status --check`: one line and an exit code in the form of Nagios plugins (monitoring-plugins.org
// guidelines): "SOCKDOG STATE - text | 'label'=value[UOM];warn;crit;min;max ...". Pure. Any thread.
#pragma once

#include <optional>
#include <string>

#include "query/views.h"

namespace sockdog {

enum class CheckState : int { kOk = 0, kWarning = 1, kCritical = 2, kUnknown = 3 };

struct CheckResult {
    CheckState state = CheckState::kUnknown;
    std::string line;  // with its newline
};

/// `later` is a second look some moments after `status`, taken when `status` has losses: only losses that
/// grow are worth a call at night.
CheckResult check_status(const StatusView& status, const std::optional<StatusView>& later);
CheckResult check_unknown(const std::string& why);

}  // namespace sockdog
