// Views as the daemon would send them, for the tests of the command line. Times are fixed: "now" is
// 2026-11-22 19:50:00 UTC and the tests run in a zone of their own (see use_zone()).
#pragma once

#include <string>

#include "cli/style.h"
#include "query/views.h"

namespace sockdog::scenes {

/// Central European time by POSIX rule: needs no zone files.
void use_zone();
Now now();
Style plain(std::size_t width = 0);

Endpoint endpoint(const char* text);
/// health_monitor.service, pid 4242, of BOSH's kind.
Owner monitor();
Owner nginx();
ProcessView leaking_process();
ProcessView healthy_process();
/// In CLOSE_WAIT for `dwell`, held by the monitor, Recv-Q 32.
SocketView leaked_socket(std::uint64_t id, Duration dwell);
SocketView socket_in(TcpState state, std::uint64_t id);
Finding close_wait();
Finding idle_growth();
Incident incident(const std::string& id, const Finding& finding);
StatusView status();
ExplainView leak_story();

/// Compares with tests/cli/golden/NAME; on a difference the actual text is left in the build folder for a
/// look.
void expect_golden(const std::string& name, const std::string& actual);

}  // namespace sockdog::scenes
