#include "cli/scan.h"

#include <algorithm>
#include <compare>
#include <map>
#include <set>
#include <tuple>
#include <unordered_set>

#include "cli/words.h"

namespace sockdog {
namespace {

/// Data that lies unread for less may just be on its way to the program.
constexpr Duration kUnreadAfter = 60s;

struct GroupKey {
    ScanKind kind{};
    ProcessId process;
    bool accepted = false;
    Endpoint endpoint;
    std::uint32_t netns = 0;
    auto operator<=>(const GroupKey&) const = default;
};
using Groups = std::map<GroupKey, std::vector<const SocketView*>>;

/// (netns, port) of every listener: without books the role of a connection is told by its local port.
std::set<std::pair<std::uint32_t, std::uint16_t>> listening_ports(const ScanResult& look) {
    std::set<std::pair<std::uint32_t, std::uint16_t>> ports;
    for (const SocketView& view : look.sockets) {
        if (view.socket.state == TcpState::kListen) ports.emplace(view.socket.netns, view.socket.local.port);
    }
    return ports;
}

std::optional<ScanKind> kind_of(const SocketRecord& s) {
    if (s.orphaned) return std::nullopt;
    if (s.state == TcpState::kCloseWait) return s.has_fd ? ScanKind::kCloseWait : ScanKind::kNotAccepted;
    if (!s.has_fd) return std::nullopt;
    // A socket in CLOSE that never was connected has no remote port.
    if (s.state == TcpState::kClose && s.remote.port != 0) return ScanKind::kDead;
    if (s.state != TcpState::kEstablished) return std::nullopt;
    return s.recv_queue_bytes > 0 && s.idle_received >= kUnreadAfter ? ScanKind::kUnread : ScanKind::kIdle;
}

Groups group(const ScanResult& look) {
    const auto listeners = listening_ports(look);
    Groups groups;
    for (const SocketView& view : look.sockets) {
        const SocketRecord& s = view.socket;
        const auto kind = kind_of(s);
        if (!kind) continue;
        const bool accepted = s.role == SocketRole::kAccepted ||
                              (s.role == SocketRole::kUnknown && listeners.contains({s.netns, s.local.port}));
        groups[GroupKey{*kind, s.owner, accepted, accepted ? s.local : s.remote, s.netns}].push_back(&view);
    }
    return groups;
}

/// The kernel reuses addresses of freed sockets; with the inode of its file it is the same socket.
using SocketKey = std::pair<std::uint64_t, std::uint64_t>;
SocketKey key_of(const SocketView* view) {
    return {view->socket.id, view->socket.inode};
}

std::uint32_t stayed(const std::vector<const SocketView*>& now,
                     const std::vector<const SocketView*>& before) {
    std::set<SocketKey> earlier;
    for (const SocketView* view : before) earlier.insert(key_of(view));
    return static_cast<std::uint32_t>(std::count_if(
        now.begin(), now.end(), [&](const SocketView* view) { return earlier.contains(key_of(view)); }));
}

/// Of an idle group only those that were quiet all the while.
std::vector<const SocketView*> quiet(std::vector<const SocketView*> sockets, Duration watched) {
    std::erase_if(sockets, [watched](const SocketView* view) { return view->socket.idle() < watched; });
    return sockets;
}

bool is_suspicious(const ScanGroup& g) {
    if (!g.before) return g.kind != ScanKind::kIdle && g.count >= kSuspiciousCount;
    const bool grew_by_many = g.count >= *g.before + kSuspiciousCount;
    if (g.kind == ScanKind::kIdle) return *g.before > 0 && g.stayed == *g.before && grew_by_many;
    if (g.stayed >= kSuspiciousCount) return true;
    return *g.before > 0 && g.stayed == *g.before && g.count >= *g.before + kSuspiciousGrowth;
}

ScanGroup measure(const GroupKey& key, const std::vector<const SocketView*>& sockets, const Now& now) {
    ScanGroup g{key.kind,
                key.process,
                sockets.front()->owner_name,
                key.accepted,
                key.endpoint,
                key.netns,
                0,
                {},
                {},
                0,
                0,
                {},
                0,
                false};
    if (g.name.empty()) g.name = sockets.front()->comm;
    g.count = static_cast<std::uint32_t>(sockets.size());
    std::vector<std::uint32_t> queues;
    for (const SocketView* view : sockets) {
        const SocketRecord& s = view->socket;
        if (s.state_since)
            g.oldest = std::max(g.oldest.value_or(Duration::zero()), since(*s.state_since, now));
        g.longest_idle = std::max(g.longest_idle, s.idle());
        queues.push_back(s.recv_queue_bytes);
    }
    std::sort(queues.begin(), queues.end());
    g.recv_queue_median = queues[queues.size() / 2];
    g.recv_queue_max = queues.back();
    return g;
}

}  // namespace

std::string_view to_string(ScanKind kind) {
    switch (kind) {
        case ScanKind::kCloseWait:
            return "close_wait";
        case ScanKind::kDead:
            return "dead_fd";
        case ScanKind::kNotAccepted:
            return "not_accepted";
        case ScanKind::kUnread:
            return "unread";
        case ScanKind::kIdle:
            return "idle";
    }
    return "unknown";
}

ScanReport judge_scan(const ScanResult& look, const ScanResult* before, Duration watched, const Now& now) {
    ScanReport report;
    report.watched = before == nullptr ? Duration::zero() : watched;
    const Groups groups = group(look);
    const Groups earlier = before == nullptr ? Groups{} : group(*before);
    for (const auto& [key, sockets] : groups) {
        ScanGroup g = measure(key, sockets, now);
        if (before != nullptr) {
            const auto found = earlier.find(key);
            const std::vector<const SocketView*> then =
                found == earlier.end() ? std::vector<const SocketView*>{} : found->second;
            g.before = static_cast<std::uint32_t>(then.size());
            g.stayed = stayed(key.kind == ScanKind::kIdle ? quiet(sockets, watched) : sockets, then);
        }
        g.suspicious = is_suspicious(g);
        if (g.kind != ScanKind::kIdle || g.suspicious) report.groups.push_back(std::move(g));
    }
    std::stable_sort(report.groups.begin(), report.groups.end(), [](const ScanGroup& a, const ScanGroup& b) {
        return std::tuple(!a.suspicious, a.kind != ScanKind::kCloseWait, b.count) <
               std::tuple(!b.suspicious, b.kind != ScanKind::kCloseWait, a.count);
    });
    return report;
}

}  // namespace sockdog
