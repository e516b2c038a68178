// What people read: pure functions from view structs to text. Every byte of foreign origin passes through
// printable(). `now` is read once by the caller; times are local with their zone. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cli/options.h"
#include "cli/style.h"
#include "query/views.h"
#include "run/report.h"

namespace sockdog {

/// Columns down to which an endpoint is shortened: IPv4 with its port always stays whole.
inline constexpr std::size_t kWholeEndpoint = 21;

/// "-" where there is none.
std::string endpoint_text(const Endpoint& endpoint);

/// "(no process)" for {0, 0}, else Owner::display_name(), else the comm, else "?".
std::string name_of(const Owner& owner);
/// Container ("docker:0123456789ab") where there is one, else the unit.
std::string unit_of(const Owner& owner);
/// "-" for no process.
std::string pid_text(const ProcessId& process);

std::string render_status(const StatusView& status, const Now& now, const Style& style);
/// Processes without a socket now are left out unless `all`.
std::string render_ps(std::vector<ProcessView> processes, SortKey sort, bool all, const Style& style);
/// The longest in CLOSE_WAIT first, then the dead ones, then the others by state and age.
std::string render_sockets(std::vector<SocketView> sockets, const Now& now, const Style& style);
std::string render_incidents(const std::vector<Incident>& incidents, const Now& now, const Style& style);
/// How many sockets each line of code opened, the most first.
std::string render_sockets_by_site(const std::vector<SocketView>& sockets, const Style& style);
/// One line with its newline.
std::string render_trace(const TraceEvent& event, const Now& now, const Style& style);

/// What a command leaked, one line a place; with all frames of each where `full_stacks`.
std::string render_run(const RunReport& report, bool full_stacks, const Style& style);

/// The same table in the order given.
std::string socket_table(const std::vector<SocketView>& sockets, const Now& now, const Style& style);
/// What is remarkable about a socket beyond its state: "not accepted", "orphaned", "held by 3 processes",
/// else empty.
std::string remark_of(const SocketRecord& socket);

}  // namespace sockdog
