// inherited: whoever opened the connections has closed them, but a child that was started meanwhile still
// holds its copies, because they are not close-on-exec. The peers never see an end. The child neither uses
// nor knows them.
#include <algorithm>
#include <map>

#include "detect/detector.h"
#include "detect/evidence.h"

namespace sockdog {

Verdict detect_inherited(const Scene& scene, const SocketGroups& /*of the others*/) {
    Verdict verdict;
    const InheritedLimits& limits = scene.limits.inherited;
    if (!limits.enabled || scene.history == nullptr) return verdict;
    SocketGroups heritage;
    for (const SocketRecord& s : scene.sockets) {
        if (is_inherited(s) && is_held(s)) heritage[endpoint_key(s)].push_back(&s);
    }
    for (auto& [key, sockets] : heritage) {
        sort_by_birth(sockets);
        SocketRefs idle;
        std::vector<MonoTime> since;
        Duration longest{};
        std::vector<MonoTime> due;
        for (const SocketRecord* s : sockets) {
            due.push_back(scene.now.mono - s->idle() + limits.dwell);
            if (s->idle() < limits.dwell) continue;
            idle.push_back(s);
            since.push_back(s->opened.value_or(scene.now.mono - s->idle()));
            longest = std::max(longest, s->idle());
        }
        const std::size_t count = std::max(1U, limits.count);
        if (idle.size() < count) {
            if (due.size() < count) continue;
            std::nth_element(due.begin(), due.begin() + static_cast<std::ptrdiff_t>(count - 1), due.end());
            const MonoTime again = std::max(due[count - 1], scene.now.mono + 1ms);
            if (!verdict.look_again || again < *verdict.look_again) verdict.look_again = again;
            continue;
        }
        std::sort(since.begin(), since.end());
        Finding finding = tell(scene, LeakClass::kInherited, {key, &sockets, idle, since});
        finding.oldest_dwell = longest;
        finding.opener_pid = idle.back()->opener_pid;
        verdict.findings.push_back(finding);
    }
    return verdict;
}

}  // namespace sockdog
