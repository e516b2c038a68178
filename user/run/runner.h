// `sockdog run`: a command under watch, from its start to the report. Needs CAP_BPF and CAP_PERFMON. Blocks
// until the command ends; one thread, which may not have children of its own.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "run/report.h"

namespace sockdog {

struct RunPlan {
    std::vector<std::string> command;
    std::uint32_t allowed = 0;
    std::set<RunClass> classes{kRunClasses.begin(), kRunClasses.end()};
    IgnoreList baseline;
    Duration warm_up{};         // sockets that were opened before that do not count
    std::string names_program;  // path of sockdog-names; empty: no call sites
    bool count_late = false;    // what was closed only by the end of its process is a leak as well
    std::string user;           // whose rights the command gets; empty: ours
};

/// Errors: the kernel side cannot be loaded (EPERM), there is no such user. A command that cannot be started
/// is none: the report says so. SIGINT, SIGTERM, SIGHUP and SIGQUIT go on to the command meanwhile.
Result<RunReport> run_watched(RunPlan plan);

}  // namespace sockdog
