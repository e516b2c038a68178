// The `sockdog` command: parses arguments, asks the daemon, prints. Text and JSON come from the same view
// structs.
#pragma once

#include <string>

namespace sockdog {

struct LocalKernel;

/// Exit codes of the CLI (sockdog(1)): 0 done; 1 what was asked about has a problem (status --check: WARNING,
/// CRITICAL 2, UNKNOWN 3); 64 usage; 69 no daemon; 77 not permitted; 70 anything else.
/// `run` has the command's own and those of run/report.h besides.
enum ExitCode : int {
    kExitOk = 0,
    kExitProblem = 1,
    kExitUsage = 64,
    kExitUnavailable = 69,
    kExitSoftware = 70,
    kExitNoPermission = 77,
};

/// `kernel` serves the commands that need no daemon (doctor, scan, run); nullptr in a build without the
/// kernel side, where they say so and fail. It outlives the call.
int run_cli(int argc, char** argv, LocalKernel* kernel);

}  // namespace sockdog
