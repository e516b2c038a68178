// Times as the tables hold them. Pure. Any thread.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace sockdog {

/// Milliseconds since the epoch.
inline std::int64_t millis(WallTime t) {
    return t.time_since_epoch().count();
}

}  // namespace sockdog
