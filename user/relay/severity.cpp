#include "relay/severity.h"

#include <algorithm>

namespace sockdog {

Severity severity_of(const Revision& revision) {
    const Incident& incident = revision.incident;
    const bool gave_up =
        std::any_of(incident.remedies.begin(), incident.remedies.end(),
                    [](const RemedyReport& r) { return r.outcome == RemedyOutcome::kGaveUp; });
    if (gave_up || revision.kind == RevisionKind::kEscalated) return Severity::kCritical;
    return std::max({incident.first.severity, incident.latest.severity, incident.worst.severity});
}

}  // namespace sockdog
