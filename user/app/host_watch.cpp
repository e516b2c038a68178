#include "app/host_watch.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "probe/namespaces.h"

namespace sockdog {
namespace {

/// Below this many sockets no limit in use is near (a container's smallest ulimit is 64, as a rule 1,024).
constexpr std::uint32_t kSome = 32;
/// A limit may be changed under way (prlimit), a port range too (sysctl).
constexpr Duration kFactsLast = 60s;
/// Reading the ranges enters every namespace of the host. For a new one that is done at once, for one that
/// could not be entered not before this.
constexpr Duration kAskAgainAfter = 60s;
/// Tuples with fewer sockets are nobody's problem, and there may be thousands.
constexpr std::uint32_t kFewestTold = 8;

std::uint32_t netns_of(const ProcRoot& proc, std::uint32_t pid) {
    const auto link = proc.read_link(pid, "ns/net");  // "net:[4026531840]"
    if (!link || link->size() < 6) return 0;
    return static_cast<std::uint32_t>(std::strtoul(link->c_str() + 5, nullptr, 10));
}

}  // namespace

const HostWatch::Facts& HostWatch::facts(const Now& now, ProcessId process) {
    auto [entry, fresh] = facts_.try_emplace(process);
    Facts& facts = entry->second;
    if (fresh || now.mono - facts.read_at >= kFactsLast) {
        facts.read_at = now.mono;
        facts.netns = netns_of(proc_, process.pid);
        facts.fd_limit = proc_.fd_limit(process.pid);
        ask_ports(now, facts.netns);
    }
    return facts;
}

void HostWatch::ask_ports(const Now& now, std::uint32_t netns) {
    if (netns == 0 || use_.local_ports.contains(netns)) return;
    const auto asked = asked_.find(netns);
    if (asked != asked_.end() && now.mono - asked->second < kAskAgainAfter) return;
    std::erase_if(asked_, [&](const auto& entry) { return now.mono - entry.second >= kAskAgainAfter; });
    asked_[netns] = now.mono;
    use_.local_ports = read_local_ports();
}

void HostWatch::learn_ports(const Now& now, std::span<const SocketRecord> sockets) {
    for (const SocketRecord& s : sockets)
        if (s.role == SocketRole::kOpened) ask_ports(now, s.netns);
}

bool HostWatch::is_near_limit(const Now& now, const GaugeSample& sample, double share) {
    if (!sample.process.known() || sample.gauges.total() < kSome) return false;
    const Facts& known = facts(now, sample.process);
    if (may_exhaust(sample.gauges, known.fd_limit, 0, share)) files_short_at_ = now.mono;
    const auto ports = use_.local_ports.find(known.netns);
    return may_exhaust(sample.gauges, known.fd_limit, ports == use_.local_ports.end() ? 0 : ports->second,
                       share);
}

bool HostWatch::is_due(const Now& now, const Config& config, std::span<const GaugeSample> samples) {
    std::uint64_t failures = 0;
    std::map<std::uint32_t, Gauges> by_netns;
    bool near = false;
    const double share = config.defaults.limits.exhaustion.share;
    for (const GaugeSample& sample : samples) {
        failures += sample.gauges.connect_address_unavailable;
        if (is_near_limit(now, sample, share)) near = true;
        if (!sample.process.known() || sample.gauges.total() < kSome) continue;
        Gauges& sum = by_netns[facts(now, sample.process).netns];
        const std::uint32_t opened = opened_at_most(sample.gauges);
        sum.sockets[static_cast<std::size_t>(TcpState::kEstablished)] += opened;
        sum.opened += opened;
    }
    for (const auto& [netns, sum] : by_netns) {
        const auto ports = use_.local_ports.find(netns);
        near = near || (ports != use_.local_ports.end() && may_exhaust(sum, 0, ports->second, share));
    }
    if (failures > failures_seen_) {
        failures_seen_ = failures;
        return true;
    }
    // While it is short, as often as suspects are looked at; then the picture is let go.
    const bool short_of_late =
        std::any_of(use_.shortages.begin(), use_.shortages.end(),
                    [&](const Shortage& s) { return now.mono - s.last <= kShortageLasts; });
    if (!near && !short_of_late) {
        use_.tuples.clear();
        use_.shortages.clear();
        wanted_.clear();
        return false;
    }
    return !last_look_ || now.mono - *last_look_ >= config.walk_interval;
}

bool HostWatch::look(const Now& now, const Config& config) {
    last_look_ = now.mono;
    auto sockets = books_.walk({});
    if (!sockets) {
        spdlog::warn("the use of local ports is not known: {}", sockets.error().message);
        return false;
    }
    use_.local_ports = read_local_ports();  // a sysctl may have been changed
    use_.tuples = count_ports(*sockets);
    use_.shortages = books_.shortages();
    std::erase_if(use_.shortages, [&](const Shortage& s) { return now.mono - s.last > kShortageLasts; });
    std::set<PortTuple> short_of;
    wanted_.clear();
    for (const Shortage& s : use_.shortages) {
        short_of.insert(port_tuple(s.local, s.remote, s.netns));
        wanted_.insert(s.process);
    }
    const double share = config.defaults.limits.exhaustion.share;
    std::erase_if(use_.tuples, [&](const auto& entry) {
        const auto& [tuple, use] = entry;
        const auto ports = use_.local_ports.find(tuple.netns);
        const bool near = ports != use_.local_ports.end() &&
                          static_cast<double>(use.used) >= share * static_cast<double>(ports->second);
        if ((near || short_of.contains(tuple)) && use.top.known()) wanted_.insert(use.top);
        return use.used < kFewestTold;
    });
    return true;
}

bool HostWatch::files_are_short(const Now& now) const {
    return files_short_at_ && now.mono - *files_short_at_ <= kShortageLasts;
}

std::optional<FdUse> HostWatch::fds(ProcessId process) const {
    const auto used = proc_.count_fds(process.pid);
    const std::uint64_t limit = proc_.fd_limit(process.pid);
    if (!used || limit == 0) return std::nullopt;
    return FdUse{*used, limit};
}

}  // namespace sockdog
