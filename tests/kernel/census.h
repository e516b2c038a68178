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
    /// Sockets without an fd at either end of connections to the processes' listeners, by state, that are on
    /// their way somewhere: not quiet yet. TIME_WAIT is left out, and so is every other socket of the host.
    StateCounts in_motion{};

    bool operator==(const Census&) const = default;
};

Census take_census(const std::vector<pid_t>& processes);

}  // namespace sockdog::testing
