#include "incident/incident.h"

#include <array>
#include <cstdio>
#include <utility>

#include "base/text.h"
#include "detect/places.h"

namespace sockdog {
namespace {

constexpr std::array kOutcomes{
    std::pair{RemedyOutcome::kDryRun, std::string_view("dry_run")},
    std::pair{RemedyOutcome::kHeld, std::string_view("held")},
    std::pair{RemedyOutcome::kStarted, std::string_view("started")},
    std::pair{RemedyOutcome::kSucceeded, std::string_view("succeeded")},
    std::pair{RemedyOutcome::kFailed, std::string_view("failed")},
    std::pair{RemedyOutcome::kGaveUp, std::string_view("gave_up")},
    std::pair{RemedyOutcome::kByHand, std::string_view("by_hand")},
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

std::string idle_growth_story(const Finding& f, const std::string& endpoint) {
    const bool opened = f.role == SocketRole::kOpened;
    return (opened ? " keeps opening connections to " + endpoint + " and reuses none: "
                   : " keeps connections accepted on " + endpoint + " and closes none: ") +
           std::to_string(f.leaked) + " idle, oldest " + format_duration(f.oldest_dwell);
}

std::string state_story(const Finding& f, const std::string& verb, const std::string& where,
                        const std::string& state) {
    return verb + where + ": " + std::to_string(f.leaked) + state + ", oldest " +
           format_duration(f.oldest_dwell);
}

std::string exhaustion_story(const Finding& f, const std::string& endpoint) {
    const auto of = [](const Supply& supply) {
        return std::to_string(supply.used) + " of " + std::to_string(supply.limit);
    };
    std::string text;
    if (fds_end_first(f)) {
        text = " uses up its file descriptors: " + of(*f.fds) + ", " + std::to_string(f.leaked) + " of them ";
        text += (f.endpoint.family == 0 ? "for unused sockets" : "for " + endpoint);
    } else {
        text = " uses up the local ports to " + endpoint;
        if (f.ports) text += ": " + of(*f.ports) + " taken";
    }
    if (!f.victims.empty()) {
        const std::size_t count = f.victims.size();
        text +=
            ", " + std::to_string(count) + (count == 1 ? " other process fails" : " other processes fail");
    }
    return text;
}

std::string story(const Finding& f) {
    const std::string endpoint = f.endpoint.family == 0 ? "an unknown endpoint" : f.endpoint.to_string();
    const bool opened = f.role == SocketRole::kOpened;
    const std::string where = (opened ? "to " : "accepted on ") + endpoint;
    switch (f.leak_class) {
        case LeakClass::kCloseWait:
            return state_story(f, " does not close connections ", where, " in CLOSE_WAIT");
        case LeakClass::kIdleGrowth:
            return idle_growth_story(f, endpoint);
        case LeakClass::kBacklog:
            return state_story(f, " does not accept connections on ", endpoint, " given up by their clients");
        case LeakClass::kDeadFd:
            return state_story(f, " does not close dead connections ", where, " reset or timed out");
        case LeakClass::kHalfClosed:
            return state_story(f, " shuts down and never closes connections ", where, " in FIN_WAIT2");
        case LeakClass::kUnused:
            return state_story(f, " makes sockets and does not use them", "", "");
        case LeakClass::kInherited:
            return state_story(f,
                               " holds connections " + where + " that " + opener_of(f) + " opened and closed",
                               "", " inherited");
        case LeakClass::kChurn:
            return " makes a connection to " + endpoint +
                   " for each request and lets the server close it: " + std::to_string(f.leaked) +
                   " idle at any time";
        case LeakClass::kExhaustion:
            return exhaustion_story(f, endpoint);
    }
    return "";
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

std::string identity_of(const Incident& incident) {
    return incident.id + "/" + std::to_string(incident.opened_at.time_since_epoch().count());
}

std::string id_of_identity(std::string_view identity) {
    return std::string(identity.substr(0, identity.rfind('/')));
}

std::string opener_of(const Finding& f) {
    const std::string pid = std::to_string(f.opener_pid);
    return f.opener_name.empty() ? "process " + pid : printable(f.opener_name) + " (pid " + pid + ")";
}

std::string summary(const Incident& incident) {
    const Finding& f = incident.latest;
    std::string text = who(incident) + story(f);
    const bool grows = f.leak_class != LeakClass::kChurn && f.window > Duration::zero();
    if (grows) text += ", " + per_minute(f.slope_per_minute);
    if (!f.opened_by.empty())
        text += ", opened by " + printable(short_place(f.opened_by.front().place)) +
                (f.opened_by.size() > 1 ? " and others" : "");
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
        if (report.outcome == RemedyOutcome::kByHand) return printable(report.reason);
        return "remedy " + std::string(to_string(report.outcome)) + " (" + report.action +
               (report.target.empty() ? "" : " " + printable(report.target)) +
               "): " + printable(report.reason);
    }
    return summary(incident);
}

}  // namespace sockdog
