// Sockets of one process and endpoint that pile up in one state, and the question whether the program leaves
// them there or is about to clear them away. Shared by the classes whose leak is a state: close_wait,
// dead_fd, half_closed, unused. Pure. Any thread.
//
// Sockets that sit in such a state are no leak by themselves: a pool finds them at its next lease, and until
// then they lie about for hours. The verdict needs all of
//   count     at least `count` of them have been there for `dwell`
//   spread    they came at three or more different times: a server's restart, or the time-out of an idle
//             pool, is one time
//   going on  the program opened more connections after the first had gone stale: it had its turn
//   kept      hardly any has left: a pool that replaces what it finds closed has as many exits as entries
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "detect/detector.h"
#include "detect/evidence.h"

namespace sockdog {

/// What a class looks for: sockets in `state`, and their number in a point of an endpoint's series.
struct PileRule {
    LeakClass leak_class = LeakClass::kCloseWait;
    TcpState state = TcpState::kCloseWait;
    std::uint32_t EndpointPoint::*in_series = nullptr;  // nothing: no series is kept
    std::uint32_t count = 8;
    Duration dwell = 60s;
    /// A held socket in that state which is in use all the same, and therefore does not count.
    std::function<bool(const SocketRecord&)> spared;
};

/// Judges one group of sockets. A finding is added to `verdict`, or the moment to look again.
void judge_pile(const Scene& scene, const PileRule& rule, const EndpointKey& key, const SocketRefs& sockets,
                Verdict& verdict);
/// The same for every endpoint of the process.
Verdict detect_piles(const Scene& scene, const SocketGroups& groups, const PileRule& rule);

}  // namespace sockdog
