// Logging of the two daemons: stderr, one line an event, with the journal's priority prefix (sd-daemon(3))
// when a service manager reads it, with time and level when a person does.
#pragma once

#include <string>

namespace sockdog {

/// `level`: debug, info, warning, error. Call once, before threads.
void log_to_stderr(const std::string& level);

}  // namespace sockdog
