// What `doctor`, `scan`, `run` and `destroy` need of the kernel. The CLI knows no BPF: the program supplies
// this seam. All calls may need root and may block for some hundred milliseconds; only destroy() leaves
// something behind. One thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "probe/types.h"
#include "query/views.h"
#include "remedy/destroy.h"
#include "run/runner.h"

namespace sockdog {

/// One look at all TCP sockets of the host.
struct ScanResult {
    std::vector<ProcessView> processes;
    std::vector<SocketView> sockets;
};

/// Where sockdogd keeps its books beyond its own life.
struct BooksPlace {
    KeepBooks pinned = KeepBooks::kRestart;
    std::string directory;
    bool in_use = false;  // by a sockdogd that runs
    std::string problem;  // what stands against it; empty: nothing
};

struct LocalKernel {
    virtual ~LocalKernel() = default;
    /// What this kernel offers; tried, not guessed.
    virtual Result<std::vector<Capability>> capabilities() = 0;
    /// As the configuration of this host has it, else the defaults.
    virtual BooksPlace books_place() = 0;
    /// A later call of the same object sees the sockets of an earlier one under the same id.
    virtual Result<ScanResult> scan() = 0;
    /// See run/runner.h; blocks until the command ends.
    virtual Result<RunReport> run(const RunPlan& plan) = 0;
    /// See remedy/destroy.h.
    virtual Result<DestroyPlan> plan_destroy(const Incident& incident) = 0;
    virtual Result<DestroyResult> destroy(const Incident& incident, const DestroyPlan& plan) = 0;
};

}  // namespace sockdog
