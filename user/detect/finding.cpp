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
    const LeakClass cause = cause_of(finding);
    return cause != LeakClass::kChurn && cause != LeakClass::kExhaustion;
}

std::uint32_t leaked_in(std::span<const Finding> findings) {
    std::uint32_t leaked = 0;
    for (const Finding& finding : findings) leaked += is_leak(finding) ? finding.leaked : 0;
    return leaked;
}

LeakClass cause_of(const Finding& f) {
    return f.leak_class == LeakClass::kExhaustion ? f.cause.value_or(f.leak_class) : f.leak_class;
}

bool fds_end_first(const Finding& f) {
    return f.fds && (!f.ports || f.fds->used * f.ports->limit > f.ports->used * f.fds->limit);
}

}  // namespace sockdog
