// What would mend a leak, from how the connections were used: close each, keep one client, or use a pool of
// about so many. Pure. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "detect/finding.h"

namespace sockdog {

/// Recv-Q, in bytes, above which it is a body that waits rather than a few bytes of protocol.
inline constexpr std::uint32_t kBodyBytes = 1024;

/// How many connections would have been enough: the mean number in use at once (Little's law: births a second
/// times the time each was used), with as much again for bursts. At least 1; 0 where it is not known.
std::uint32_t enough_connections(const Finding& finding);

/// One or two sentences with the numbers; empty where nothing can be said.
std::string advice(const Finding& finding);

}  // namespace sockdog
