// What a detector concludes about one process and one endpoint, with every number that led there. By value,
// no references.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/process_id.h"
#include "base/time.h"
#include "probe/types.h"

namespace sockdog {

/// The classes of docs/classes.md. Detectors exist for the first two so far; the names of the others are
/// reserved.
enum class LeakClass : std::uint8_t { kCloseWait, kIdleGrowth };
/// "close_wait", "idle_growth".
std::string_view to_string(LeakClass leak_class);
std::optional<LeakClass> leak_class_from(std::string_view name);

enum class Severity : std::uint8_t { kWarning, kCritical };
std::string_view to_string(Severity severity);
std::optional<Severity> severity_from(std::string_view name);

struct Finding {
    LeakClass leak_class = LeakClass::kCloseWait;
    Severity severity = Severity::kWarning;
    ProcessId process;
    SocketRole role = SocketRole::kOpened;
    Endpoint
        endpoint;  // remote for opened sockets; local (address and port of the listener) for accepted ones
    std::uint32_t netns = 0;

    // The evidence.
    std::uint32_t leaked = 0;       // sockets that count as leaked now
    std::uint32_t close_wait = 0;   // of this process to this endpoint, in CLOSE_WAIT with an fd
    std::uint32_t established = 0;  // likewise, ESTABLISHED
    std::uint32_t idle = 0;         // ESTABLISHED and idle since their first exchange
    Duration
        oldest_dwell{};  // longest time in state among the leaked (close_wait) or longest idle (idle_growth)
    double slope_per_minute = 0;          // leaked sockets gained per minute over `window`
    Duration window{};                    // that the slope and the two counts below were taken over
    std::uint64_t opened_in_window = 0;   // born in the window, to this endpoint
    std::uint64_t closed_in_window = 0;   // of those, closed again
    std::uint32_t recv_queue_median = 0;  // bytes, over the leaked
    std::uint32_t recv_queue_max = 0;
    double requests_per_connection = 0;  // estimate from data segments; 0: unknown
    std::uint32_t growing_windows = 0;   // consecutive windows with growth
};

}  // namespace sockdog
