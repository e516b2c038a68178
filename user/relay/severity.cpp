#include "relay/severity.h"

#include <algorithm>

namespace sockdog {

Severity severity_of(const Incident& incident) {
    const bool gave_up =
        std::any_of(incident.remedies.begin(), incident.remedies.end(),
                    [](const RemedyReport& r) { return r.outcome == RemedyOutcome::kGaveUp; });
    if (gave_up) return Severity::kCritical;
    return std::max({incident.first.severity, incident.latest.severity, incident.worst.severity});
}

Severity severity_of(const Revision& revision) {
    if (revision.kind == RevisionKind::kEscalated) return Severity::kCritical;
    return severity_of(revision.incident);
}

}  // namespace sockdog
