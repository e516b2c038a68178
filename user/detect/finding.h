// What a detector concludes about one process and one endpoint, with every number that led there. By value,
// no references.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/process_id.h"
#include "base/time.h"
#include "probe/types.h"

namespace sockdog {

/// The classes of docs/classes.md.
enum class LeakClass : std::uint8_t {
    kCloseWait,
    kIdleGrowth,
    kBacklog,
    kDeadFd,
    kHalfClosed,
    kUnused,
    kInherited,
    kExhaustion,
    kChurn,  // a warning, not a leak
};
inline constexpr LeakClass kLeakClasses[] = {
    LeakClass::kCloseWait, LeakClass::kIdleGrowth, LeakClass::kBacklog,
    LeakClass::kDeadFd,    LeakClass::kHalfClosed, LeakClass::kUnused,
    LeakClass::kInherited, LeakClass::kExhaustion, LeakClass::kChurn,
};
/// "close_wait", "idle_growth".
std::string_view to_string(LeakClass leak_class);
std::optional<LeakClass> leak_class_from(std::string_view name);

enum class Severity : std::uint8_t { kWarning, kCritical };
std::string_view to_string(Severity severity);
std::optional<Severity> severity_from(std::string_view name);

/// When something runs out, counted from the finding. With the growth of the look-back and its uncertainty:
/// two standard deviations of as many random arrivals, and the slowest and fastest third of the look-back.
struct Forecast {
    Duration earliest{};
    std::optional<Duration> latest;  // nothing: it may stop before
    bool operator==(const Forecast&) const = default;
};

/// What a leak uses up.
struct Supply {
    std::uint64_t used = 0;
    std::uint64_t limit = 0;
    double growth_per_minute = 0;
    std::optional<Forecast> runs_out;  // nothing: not growing, or gone already

    [[nodiscard]] bool gone() const { return used >= limit; }
    bool operator==(const Supply&) const = default;
};

/// A process that could not connect because another one holds the ports.
struct Victim {
    ProcessId process;
    std::string name;  // as people know it; empty where the detector alone speaks
    std::uint64_t failures = 0;
    WallTime first;
    WallTime last;
    bool operator==(const Victim&) const = default;
};

/// A line of code, and how many of the leaked sockets were opened there.
struct CodePlace {
    std::string place;  // "/srv/director.rb:72 perform_request"; from the process, may be hostile bytes
    std::uint32_t sockets = 0;
    bool operator==(const CodePlace&) const = default;
};

struct Finding {
    LeakClass leak_class = LeakClass::kCloseWait;
    Severity severity = Severity::kWarning;
    ProcessId process;
    SocketRole role = SocketRole::kOpened;
    Endpoint endpoint;  // remote for opened sockets; local (address and port of the listener) for accepted
                        // ones; none for unused ones
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
    Duration busy_median{};              // from birth to the last byte, over the leaked; 0: unknown
    std::uint32_t growing_windows = 0;   // consecutive windows with growth

    // Where they were opened, most sockets first, five at most; only of those whose opening was watched.
    std::vector<CodePlace> opened_by;

    // Of single classes.
    std::uint32_t opener_pid = 0;     // inherited: who opened and closed them
    std::string opener_name;          // as people know it; empty where the detector alone speaks
    std::uint32_t backlog_limit = 0;  // backlog: how many the listener lets wait
    Duration plateau_age{};           // churn: how old a connection gets before the peer closes it

    // What it leads to.
    std::optional<LeakClass> cause;  // exhaustion: the leak behind it; nothing: no leak, too many in use
    std::optional<Supply> ports;  // local ports to this endpoint, of the source address with the fewest left
    std::optional<Supply> fds;    // of the process
    std::uint64_t failures = 0;   // its own attempts that failed for want of ports or fds, lately
    std::vector<Victim> victims;  // others, most failures first

    bool operator==(const Finding&) const = default;
};

/// What is wrong and can be mended by mending this process: everything but churn, and exhaustion without a
/// leak.
bool is_leak(const Finding& finding);
/// Sockets leaked in all; those that are no leak do not count.
std::uint32_t leaked_in(std::span<const Finding> findings);
/// The leak itself, also where it is told as the exhaustion that it leads to.
LeakClass cause_of(const Finding& finding);
/// Of what it uses up: fds are nearer to their end than ports.
bool fds_end_first(const Finding& finding);

}  // namespace sockdog
