// Which sockets a command leaked: the rules, and how leaks of one line of code become one. Pure functions of
// what the kernel told; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "callsite/call_site.h"
#include "probe/types.h"

namespace sockdog {

/// What `run` tells apart. Order is that of reports.
enum class RunClass : std::uint8_t {
    kCloseWait = 0,  // the peer closed first, the program never did
    kOpen = 1,       // connected, left ESTABLISHED
    kDeadFd = 2,     // was connected, reset or timed out since, the fd still open
};
inline constexpr std::array<RunClass, 3> kRunClasses{RunClass::kCloseWait, RunClass::kOpen,
                                                     RunClass::kDeadFd};
/// "close_wait", "open", "dead_fd".
std::string_view to_string(RunClass leak_class);
std::optional<RunClass> run_class_from(std::string_view name);
/// One sentence: what the class is.
std::string_view describe(RunClass leak_class);

/// A socket that was open when its process ended, or when the command did.
struct HeldSocket {
    SocketRecord socket;
    ProcessId process;
    std::string comm;            // may be hostile bytes
    MonoTime at;                 // when it was seen
    bool process_ended = false;  // it was left; else its process lives on
    std::optional<MonoTime> end_of_process;
};

struct LeakRules {
    MonoTime counted_from;  // sockets that were opened earlier do not count
    std::set<RunClass> classes{kRunClasses.begin(), kRunClasses.end()};
};

/// What happened to a socket within this time before its process ended is taken for a part of the end: the
/// program had no chance to act on it. A program that is well closes within a few milliseconds.
inline constexpr Duration kNoticeTime = 50ms;
/// How long a connection of a process that lives on is silent before it counts as left open.
inline constexpr Duration kIdleTime = 1s;

/// The class of a leaked socket; nothing where it is none, or of no class that counts.
std::optional<RunClass> classify(const HeldSocket& held, const LeakRules& rules);

/// One leaked socket.
struct Leak {
    RunClass leak_class{};
    HeldSocket held;
    CallSite site;  // id 0: not known

    /// The peer's of opened, the process's own of accepted sockets.
    [[nodiscard]] Endpoint endpoint() const;
};

/// Leaks that share a class and the application's frame; where that is not known, process name and endpoint.
struct LeakGroup {
    RunClass leak_class{};
    SocketRole role = SocketRole::kUnknown;
    std::uint32_t count = 0;
    CallSite site;  // of the first
    std::map<Endpoint, std::uint32_t> endpoints;
    std::set<ProcessId> processes;
    std::string comm;   // of the first; may be hostile bytes
    Duration oldest{};  // since it was opened
    std::uint32_t recv_queue_max_bytes = 0;
    std::string reason;  // why it is ignored; empty: it counts

    /// "client.py:42 fetch"; "(line not known)" where no frame is the application's.
    [[nodiscard]] std::string place() const;
};

/// Most first, then by class and place.
std::vector<LeakGroup> group(const std::vector<Leak>& leaks);

}  // namespace sockdog
