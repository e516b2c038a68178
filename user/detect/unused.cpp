// unused: socket() and nothing after it. No event tells of such a socket, only a sweep over the fds finds it
// and dates it by that; it has no endpoint, so that all of a process and a network namespace are one group.
#include <map>

#include "detect/detector.h"
#include "detect/pile.h"

namespace sockdog {

Verdict detect_unused(const Scene& scene, const SocketGroups& /*of the others*/) {
    Verdict verdict;
    const UnusedLimits& limits = scene.limits.unused;
    if (!limits.enabled || scene.history == nullptr) return verdict;
    std::map<std::uint32_t, SocketRefs> by_netns;
    for (const SocketRecord& s : scene.sockets) {
        if (is_unused(s)) by_netns[s.netns].push_back(&s);
    }
    const PileRule rule{.leak_class = LeakClass::kUnused,
                        .state = TcpState::kClose,
                        .in_series = nullptr,
                        .count = limits.count,
                        .dwell = limits.dwell,
                        .spared = {}};
    for (auto& [netns, sockets] : by_netns) {
        sort_by_birth(sockets);
        judge_pile(scene, rule, {.role = SocketRole::kUnknown, .endpoint = {}, .netns = netns}, sockets,
                   verdict);
    }
    return verdict;
}

}  // namespace sockdog
