#include "detect/finding.h"

namespace sockdog {

std::string_view to_string(LeakClass leak_class) {
    switch (leak_class) {
        case LeakClass::kCloseWait:
            return "close_wait";
        case LeakClass::kIdleGrowth:
            return "idle_growth";
        case LeakClass::kBacklog:
            return "backlog";
        case LeakClass::kDeadFd:
            return "dead_fd";
        case LeakClass::kHalfClosed:
            return "half_closed";
        case LeakClass::kUnused:
            return "unused";
        case LeakClass::kInherited:
            return "inherited";
        case LeakClass::kExhaustion:
            return "exhaustion";
        case LeakClass::kChurn:
            return "churn";
    }
    return "unknown";
}

std::optional<LeakClass> leak_class_from(std::string_view name) {
    for (const LeakClass leak_class : kLeakClasses) {
        if (to_string(leak_class) == name) return leak_class;
    }
    return std::nullopt;
}

std::string_view to_string(Severity severity) {
    switch (severity) {
        case Severity::kWarning:
            return "warning";
        case Severity::kCritical:
            return "critical";
    }
    return "unknown";
}

std::optional<Severity> severity_from(std::string_view name) {
    for (const auto severity : {Severity::kWarning, Severity::kCritical}) {
        if (to_string(severity) == name) return severity;
    }
    return std::nullopt;
}

bool is_leak(const Finding& finding) {
    if (finding.leak_class == LeakClass::kExhaustion)
        return finding.cause && *finding.cause != LeakClass::kChurn;
    return finding.leak_class != LeakClass::kChurn;
}

}  // namespace sockdog
