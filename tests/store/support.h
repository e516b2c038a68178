// A folder of its own for each test, and incidents to store.
#pragma once

#include <unistd.h>

#include <string>

#include "incident/incident.h"
#include "temp_dir.h"

namespace sockdog::testing {

using fixtures::TempDir;

inline WallTime at_second(std::int64_t seconds) {
    return WallTime(std::chrono::seconds(seconds));
}

/// Revision of incident `id`; `token` travels in Incident::policy.
inline Revision revision(const std::string& id, RevisionKind kind, const std::string& token,
                         WallTime at = at_second(1000)) {
    Revision r;
    r.kind = kind;
    r.at = at;
    r.incident.id = id;
    r.incident.key = "close_wait|unit:leaky.service|127.0.0.1:80";
    r.incident.policy = token;
    r.incident.owner.comm = "leaky";
    r.incident.opened_at = at_second(1000);
    r.incident.updated_at = at;
    r.incident.latest.leaked = 57;
    r.incident.latest.role = SocketRole::kOpened;
    r.incident.first = r.incident.worst = r.incident.latest;
    if (kind == RevisionKind::kResolved) {
        r.incident.resolved_at = at;
        r.incident.resolve_reason = "process ended";
    }
    return r;
}

}  // namespace sockdog::testing
