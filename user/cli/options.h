// The command line as a plain struct. Parsing does no I/O: it returns what to do, or what to print and the
// exit code. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cli/style.h"
#include "probe/types.h"
#include "run/leak.h"

namespace sockdog {

inline constexpr const char* kDefaultSocket = "/run/sockdog/control";

enum class Command : std::uint8_t {
    kStatus,
    kPs,
    kSockets,
    kIncidents,
    kExplain,
    kFlamegraph,
    kTrace,
    kScan,
    kReload,
    kHold,
    kRelease,
    kDoctor,
    kBacktest,
    kDestroy,
    kRun,
    kVersion,
    kAlerts,
    kSilence,
    kTop,
};

/// The orders that `ps --sort` knows; numbers descend, names ascend.
enum class SortKey : std::uint8_t {
    kCloseWait,
    kTotal,
    kEstablished,
    kListen,
    kFinWait2,
    kDead,
    kOpened,
    kFailed,
    kPid,
    kName
};

/// Of `run`.
struct RunOptions {
    std::vector<std::string> command;
    std::uint32_t max = 0;  // leaked sockets that are allowed
    std::set<RunClass> classes{kRunClasses.begin(), kRunClasses.end()};
    std::string ignore;  // files; empty: none
    std::string junit;
    std::string sarif;
    Duration warm_up{};
    bool no_call_sites = false;
    std::string helper_dir = SOCKDOG_HELPER_DIR;  // has sockdog-names
    bool full_stacks = false;
    bool count_late = false;
    std::string user;  // empty: ours
};

enum class AlertAction { kList, kDead, kTest, kRetry, kDiscard };

struct AlertOptions {
    AlertAction action = AlertAction::kList;
    std::string receiver;                   // test
    std::optional<std::uint64_t> sequence;  // retry, discard; nothing: all
};

struct SilenceOptions {
    std::string unit;
    std::string leak_class;
    std::string comment;
    std::optional<WallTime> until;     // nothing: list them
    std::optional<std::uint64_t> end;  // of this number
};

struct Options {
    Command command = Command::kStatus;
    std::string socket = kDefaultSocket;
    bool json = false;
    bool no_color = false;

    bool check = false;                   // status
    bool exact = false;                   // ps
    bool all = false;                     // ps, incidents
    SortKey sort = SortKey::kCloseWait;   // ps
    std::optional<std::uint32_t> pid;     // sockets, explain, trace
    std::optional<std::string> unit;      // sockets
    std::optional<TcpState> state;        // sockets
    bool by_site = false;                 // sockets
    bool stacks = false;                  // explain
    bool folded = false;                  // flamegraph
    std::optional<std::string> incident;  // explain, destroy
    bool yes = false;                     // destroy
    bool dry_run = false;                 // destroy
    std::string reason;                   // hold
    Duration watch{};                     // scan; 0: one look
    Duration interval = 2s;               // top
    std::string config;                   // backtest
    std::string samples;                  // backtest; empty: where the configuration keeps them
    std::optional<Duration> since;        // backtest; nothing: all there is
    RunOptions run;
    AlertOptions alerts;
    SilenceOptions silence;
    std::string relay_socket = "/run/sockdog-relay/control";
};

struct Parsed {
    std::optional<Options> options;  // nothing: print the texts and exit
    int exit_code = 0;
    std::string out;
    std::string err;
};

Parsed parse_arguments(const std::vector<std::string>& arguments, const Environment& environment);

}  // namespace sockdog
