// close_wait: the peer closed, the program holds the fd and never closes it.
#include "detect/detector.h"
#include "detect/pile.h"

namespace sockdog {

Verdict detect_close_wait(const Scene& scene, const SocketGroups& groups) {
    const CloseWaitLimits& limits = scene.limits.close_wait;
    if (!limits.enabled) return {};
    // A client that said "that was all" still gets its answer: data that went out since is no neglect.
    const auto answering = [&](const SocketRecord& s) {
        return s.idle_sent < limits.dwell && scene.now.mono - s.idle_sent > entered_state(s, scene);
    };
    return detect_piles(scene, groups,
                        {.leak_class = LeakClass::kCloseWait,
                         .state = TcpState::kCloseWait,
                         .in_series = &EndpointPoint::close_wait,
                         .count = limits.count,
                         .dwell = limits.dwell,
                         .spared = answering});
}

}  // namespace sockdog
