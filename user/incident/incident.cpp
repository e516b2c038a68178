#include "incident/incident.h"

#include <array>
#include <cstdio>
#include <utility>

#include "base/text.h"

namespace sockdog {
namespace {

constexpr std::array kOutcomes{
    std::pair{RemedyOutcome::kDryRun, std::string_view("dry_run")},
    std::pair{RemedyOutcome::kHeld, std::string_view("held")},
    std::pair{RemedyOutcome::kStarted, std::string_view("started")},
    std::pair{RemedyOutcome::kSucceeded, std::string_view("succeeded")},
    std::pair{RemedyOutcome::kFailed, std::string_view("failed")},
    std::pair{RemedyOutcome::kGaveUp, std::string_view("gave_up")},
};

constexpr std::array kKinds{
    std::pair{RevisionKind::kOpened, std::string_view("opened")},
    std::pair{RevisionKind::kGrew, std::string_view("grew")},
    std::pair{RevisionKind::kEscalated, std::string_view("escalated")},
    std::pair{RevisionKind::kRemedied, std::string_view("remedied")},
    std::pair{RevisionKind::kResolved, std::string_view("resolved")},
};

template <typename Table, typename E>
std::string_view name_of(const Table& table, E value) {
    for (const auto& [entry, name] : table) {
        if (entry == value) return name;
    }
    return "unknown";
}

template <typename E, std::size_t N>
std::optional<E> value_of(const std::array<std::pair<E, std::string_view>, N>& table, std::string_view name) {
    for (const auto& [entry, known] : table) {
        if (known == name) return entry;
    }
    return std::nullopt;
}

std::string who(const Incident& incident) {
    const std::string name = printable(incident.owner.display_name());
    const std::string pid = std::to_string(incident.latest.process.pid);
    return (name.empty() ? "a process" : name) + " (pid " + pid + ")";
}

std::string per_minute(double slope) {
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%+.1f a minute", slope);
    return text.data();
}

std::string close_wait_story(const Finding& f, const std::string& endpoint) {
    const bool opened = f.role == SocketRole::kOpened;
    return " does not close connections " + std::string(opened ? "to " : "accepted on ") + endpoint + ": " +
           std::to_string(f.leaked) + " in CLOSE_WAIT, oldest " + format_duration(f.oldest_dwell);
}

std::string idle_growth_story(const Finding& f, const std::string& endpoint) {
    const bool opened = f.role == SocketRole::kOpened;
    return (opened ? " keeps opening connections to " + endpoint + " and reuses none: "
                   : " keeps connections accepted on " + endpoint + " and closes none: ") +
           std::to_string(f.leaked) + " idle, oldest " + format_duration(f.oldest_dwell);
}

}  // namespace

std::string_view to_string(RemedyOutcome outcome) {
    return name_of(kOutcomes, outcome);
}
std::optional<RemedyOutcome> remedy_outcome_from(std::string_view name) {
    return value_of(kOutcomes, name);
}
std::string_view to_string(RevisionKind kind) {
    return name_of(kKinds, kind);
}
std::optional<RevisionKind> revision_kind_from(std::string_view name) {
    return value_of(kKinds, name);
}

std::string summary(const Incident& incident) {
    const Finding& f = incident.latest;
    const std::string endpoint = f.endpoint.family == 0 ? "an unknown endpoint" : f.endpoint.to_string();
    std::string text = who(incident);
    text += f.leak_class == LeakClass::kCloseWait ? close_wait_story(f, endpoint)
                                                  : idle_growth_story(f, endpoint);
    if (f.window > Duration::zero()) text += ", " + per_minute(f.slope_per_minute);
    return text;
}

std::string headline(const Revision& revision) {
    const Incident& incident = revision.incident;
    if (revision.kind == RevisionKind::kResolved) {
        const std::string& why = incident.resolve_reason;
        return "resolved" + (why.empty() ? "" : " (" + printable(why) + ")") + ": " + summary(incident);
    }
    if (revision.kind == RevisionKind::kRemedied && !incident.remedies.empty()) {
        const RemedyReport& report = incident.remedies.back();
        return "remedy " + std::string(to_string(report.outcome)) + " (" + report.action +
               (report.target.empty() ? "" : " " + printable(report.target)) +
               "): " + printable(report.reason);
    }
    return summary(incident);
}

}  // namespace sockdog
