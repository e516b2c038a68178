// Why systemd ends this process: asked once, at the end, on a connection of its own. Blocks for as long as it
// is told at most. Any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"

namespace sockdog {

/// The type of the job that the service manager is working off for the unit of this process: "stop",
/// "restart", "try-restart", ...; empty where it has none, as after a plain kill. `bus_address` empty: the
/// system bus. ETIMEDOUT when there was no answer within `limit`.
Result<std::string> own_job_type(Duration limit, const std::string& bus_address = "");

}  // namespace sockdog
