// dead_fd: the connection was reset, timed out or never came about, the kernel is done with it, and the
// program still holds the fd. Such sockets are in no table: ss and /proc/net/tcp do not show them.
#include "detect/detector.h"
#include "detect/pile.h"

namespace sockdog {

Verdict detect_dead_fd(const Scene& scene, const SocketGroups& groups) {
    const DeadFdLimits& limits = scene.limits.dead_fd;
    if (!limits.enabled) return {};
    return detect_piles(scene, groups,
                        {.leak_class = LeakClass::kDeadFd,
                         .state = TcpState::kClose,
                         .in_series = &EndpointPoint::dead,
                         .count = limits.count,
                         .dwell = limits.dwell,
                         .spared = {}});
}

}  // namespace sockdog
