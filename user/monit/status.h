// monit's own account of what it watches, out of the XML of GET /_status?format=xml. Promises: bounded memory
// and time for any input; a document type (and with it every entity but XML's own five), nesting deeper than
// monit's, and sizes beyond kMostBytes are refused. Pure, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sockdog::monit {

/// 3 KiB a service in monit 5.33: room for 700 services on one host.
inline constexpr std::size_t kMostBytes = 2U << 20;

inline constexpr int kProcessType = 3;  // "check process"

/// One "check ..." of monit's control file; raw bytes as monit sent them, as UTF-8.
struct Service {
    std::string name;
    std::optional<int> type;
    std::optional<int> monitor;         // 0: somebody, or a failed start, switched monitoring off
    std::optional<int> pending_action;  // not 0: start, stop or restart is under way
    std::optional<std::uint32_t> pid;   // monit tells none while monitoring is off or the process is down
};

Result<std::vector<Service>> parse_status(std::string_view xml);

}  // namespace sockdog::monit
