// backlog: the acceptor is stuck. Clients connected, waited in the accept queue and gave up; the kernel keeps
// what the program never accepted. CLOSE_WAIT without an fd, the owner is the listener's.
//
// The queue is first in, first out. A server under overload moves its head on with every accept(), however
// long the queue is; a head that is the same since `dwell` is an acceptor that does not run. One that comes
// to accept now and then, as was seen before, is given twice as long as the longest of those waits.
#include <algorithm>

#include "detect/detector.h"
#include "detect/evidence.h"

namespace sockdog {
namespace {

/// The first walk of those, unbroken up to the latest, that saw this head.
std::optional<MonoTime> head_seen_since(const ProcessHistory& history, const EndpointKey& key,
                                        MonoTime head) {
    const auto series = history.endpoints().find(key);
    if (series == history.endpoints().end()) return std::nullopt;
    std::optional<MonoTime> since;
    for (auto point = series->second.rbegin(); point != series->second.rend() && point->head == head; ++point)
        since = point->at;
    return since;
}

/// How long an earlier head had waited when it was last seen: it was accepted after that.
Duration longest_wait(const ProcessHistory& history, const EndpointKey& key, MonoTime head) {
    Duration longest{};
    const auto series = history.endpoints().find(key);
    if (series == history.endpoints().end()) return longest;
    for (const EndpointPoint& point : series->second) {
        if (point.head && *point.head < head) longest = std::max(longest, point.at - *point.head);
    }
    return longest;
}

std::uint32_t backlog_limit(const Scene& scene, const EndpointKey& key) {
    for (const SocketRecord& s : scene.sockets) {
        if (s.state == TcpState::kListen && s.netns == key.netns && s.local.port == key.endpoint.port)
            return s.send_queue_bytes;
    }
    return 0;
}

}  // namespace

Verdict detect_backlog(const Scene& scene, const SocketGroups& groups) {
    Verdict verdict;
    const BacklogLimits& limits = scene.limits.backlog;
    if (!limits.enabled || scene.history == nullptr) return verdict;
    for (const auto& [key, sockets] : groups) {
        SocketRefs waiting;
        std::vector<MonoTime> entered;
        for (const SocketRecord* s : sockets) {
            if (!is_waiting(*s)) continue;
            waiting.push_back(s);
            entered.push_back(entered_state(*s, scene));
        }
        if (waiting.size() < std::max(1U, limits.count)) continue;
        const MonoTime books = scene.history->since().value_or(scene.now.mono);
        const std::optional<MonoTime> head = waiting.front()->opened;  // sorted by birth
        // A head from before the books cannot be told from the next one of that kind: it is taken to be the
        // same.
        const MonoTime since =
            head ? head_seen_since(*scene.history, key, *head).value_or(scene.now.mono) : books;
        const Duration earlier = head ? longest_wait(*scene.history, key, *head) : Duration::zero();
        const MonoTime again = since + std::max(limits.dwell, 2 * earlier);
        if (again > scene.now.mono) {
            if (!verdict.look_again || again < *verdict.look_again) verdict.look_again = again;
            continue;
        }
        std::sort(entered.begin(), entered.end());
        Finding finding = tell(scene, LeakClass::kBacklog, {key, &sockets, waiting, entered});
        finding.oldest_dwell = scene.now.mono - head.value_or(books);
        finding.backlog_limit = backlog_limit(scene, key);
        verdict.findings.push_back(finding);
    }
    return verdict;
}

}  // namespace sockdog
