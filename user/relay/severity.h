// The severity that decides whether a receiver is told. Pure function, any thread.
#pragma once

#include "incident/incident.h"

namespace sockdog {

/// Once critical, an incident stays critical to the receivers, whatever its latest numbers: who was told that
/// it escalated must also be told that it is over.
[[nodiscard]] Severity severity_of(const Incident& incident);
[[nodiscard]] Severity severity_of(const Revision& revision);

}  // namespace sockdog
