// What `doctor` and `scan` need of the kernel without a daemon. The CLI knows no BPF: the program supplies
// this seam. Both calls may need root, may block for some hundred milliseconds and leave nothing behind. One
// thread.
#pragma once

#include <vector>

#include "base/result.h"
#include "probe/types.h"
#include "query/views.h"

namespace sockdog {

/// One look at all TCP sockets of the host.
struct ScanResult {
    std::vector<ProcessView> processes;
    std::vector<SocketView> sockets;
};

struct LocalKernel {
    virtual ~LocalKernel() = default;
    /// What this kernel offers; tried, not guessed.
    virtual Result<std::vector<Capability>> capabilities() = 0;
    /// A later call of the same object sees the sockets of an earlier one under the same id.
    virtual Result<ScanResult> scan() = 0;
};

}  // namespace sockdog
