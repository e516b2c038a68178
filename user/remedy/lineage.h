// A process and those it descends from, as far as they may stand for it. Reads /proc. Loop thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/proc_root.h"
#include "base/result.h"
#include "remedy/engine.h"

namespace sockdog {

/// The pid of `process`, of its parent, and so on. Ends before pid 1, before monit, and before the first
/// ancestor that is protected or cannot be read: a shell below sshd is no part of a service "sshd". An error
/// when the process is gone or another has its pid.
Result<std::vector<std::uint32_t>> lineage_of(const ProcRoot& proc, ProcessId process,
                                              const RemedySettings& settings);

}  // namespace sockdog
