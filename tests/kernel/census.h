// Who has how many TCP sockets in which state by /proc alone: fds of processes joined with /proc/net/tcp and
// tcp6. Knows nothing of BPF, which is why the books are held against it. Own network namespace only.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "probe/types.h"

namespace sockdog::testing {

using StateCounts = std::array<std::uint32_t, kTcpStateCount>;

struct Census {
    /// Sockets in the tables: those with an fd by holder, those never accepted by their listener's holder.
    std::map<pid_t, StateCounts> by_process;
    /// TCP sockets of none of the processes, TIME_WAIT left out, that are on their way somewhere: not quiet
    /// yet.
    std::uint32_t in_motion = 0;

    bool operator==(const Census&) const = default;
};

Census take_census(const std::vector<pid_t>& processes);

}  // namespace sockdog::testing
