// half_closed: the program said that it has no more to send, shutdown(SHUT_WR), and then forgot the socket.
// The peer may have gone long ago: FIN_WAIT2 with an fd has no timeout.
#include "detect/detector.h"
#include "detect/pile.h"

namespace sockdog {

Verdict detect_half_closed(const Scene& scene, const SocketGroups& groups) {
    const HalfClosedLimits& limits = scene.limits.half_closed;
    if (!limits.enabled) return {};
    const auto reading = [&](const SocketRecord& s) {
        return s.idle_received < limits.dwell && s.data_segments_in > 0;
    };
    return detect_piles(scene, groups,
                        {.leak_class = LeakClass::kHalfClosed,
                         .state = TcpState::kFinWait2,
                         .in_series = &EndpointPoint::fin_wait2,
                         .count = limits.count,
                         .dwell = limits.dwell,
                         .spared = reading});
}

}  // namespace sockdog
