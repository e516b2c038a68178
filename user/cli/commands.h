// Carries out one parsed command: asks the daemon or the kernel, writes text or JSON, returns the exit code.
// Blocks; one thread.
#pragma once

#include <iosfwd>

#include "base/proc_root.h"
#include "base/result.h"
#include "cli/local.h"
#include "cli/options.h"
#include "cli/style.h"
#include "query/varlink_client.h"

namespace sockdog {

/// What a command reads and writes; tests put strings and a /proc of their own in place.
struct Surroundings {
    std::ostream& out;
    std::ostream& err;
    Style style;                    // of `out`
    LocalKernel* kernel = nullptr;  // nullptr: no doctor, no scan
    ProcRoot proc;
    Duration recheck = 1s;             // pause of `status --check` between two looks at growing losses
    std::istream* terminal = nullptr;  // where somebody answers questions; nullptr: nobody does
};

/// How long an answer may take: a sweep over all fds (`ps --exact`) takes seconds on hosts with very many.
inline constexpr Duration kPatience = 30s;

int run_command(const Options& options, const Surroundings& io);

// One function a command; run_command() chooses. The first group asks the daemon.

int show_status(const Options& options, const Surroundings& io);
int check(const Options& options, const Surroundings& io);
int show_ps(const Options& options, const Surroundings& io);
int show_sockets(const Options& options, const Surroundings& io);
int show_incidents(const Options& options, const Surroundings& io);
int explain(const Options& options, const Surroundings& io);
int flamegraph(const Options& options, const Surroundings& io);
int trace(const Options& options, const Surroundings& io);
int reload(const Options& options, const Surroundings& io);
int hold(const Options& options, const Surroundings& io);
int release(const Options& options, const Surroundings& io);
int destroy(const Options& options, const Surroundings& io);
int scan(const Options& options, const Surroundings& io);
int run_command_watched(const Options& options, const Surroundings& io);
int doctor(const Options& options, const Surroundings& io);
int backtest(const Options& options, const Surroundings& io);
int alerts(const Options& options, const Surroundings& io);
int silence(const Options& options, const Surroundings& io);
int top(const Options& options, const Surroundings& io);

/// "sockdog: ..." on err with what to do; the exit code that fits.
int fail(const Surroundings& io, const Error& error);
/// "GetStatus" as it is called on the wire, with its interface.
std::string full_name(std::string_view method);
/// One call with its answer.
Result<nlohmann::json> ask(const Options& options, const std::string& method,
                           const nlohmann::json& parameters = nlohmann::json::object());
/// Indented JSON and a newline; bytes that are no UTF-8 are replaced, as JSON demands.
std::string pretty(const nlohmann::json& j);

}  // namespace sockdog
