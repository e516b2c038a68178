// The Explain method: everything that is known about one process or one incident, gathered for the story.
#include <algorithm>
#include <map>
#include <span>

#include "app/queries.h"
#include "base/text.h"

namespace sockdog {
namespace {

constexpr std::size_t kShownSockets = 20;

/// CLOSE_WAIT with an fd first, then dead fds, then the longest in their state.
bool more_telling(const SocketView& a, const SocketView& b) {
    const auto rank = [](const SocketRecord& socket) {
        if (!socket.has_fd) return 3;
        if (socket.state == TcpState::kCloseWait) return 0;
        return socket.state == TcpState::kClose ? 1 : 2;
    };
    if (rank(a.socket) != rank(b.socket)) return rank(a.socket) < rank(b.socket);
    return a.socket.state_since < b.socket.state_since;
}

/// Sockets by the place that opened them.
void add_call_sites(ExplainView& view, std::span<const SocketRecord> sockets, const CallSites& known) {
    constexpr std::size_t kShownSites = 200;
    std::map<std::uint64_t, CallSiteView> by_site;
    for (const SocketRecord& socket : sockets) {
        if (!socket.has_fd || socket.state == TcpState::kListen) continue;
        const CallSite* site = known.find(socket.call_site);
        if (site == nullptr) {
            view.without_call_site++;
            continue;
        }
        CallSiteView& entry = by_site[socket.call_site];
        if (entry.sockets++ == 0) entry.site = *site;
        if (socket.state == TcpState::kCloseWait) entry.close_wait++;
    }
    for (auto& [id, entry] : by_site) view.call_sites.push_back(std::move(entry));
    std::stable_sort(view.call_sites.begin(), view.call_sites.end(),
                     [](const CallSiteView& a, const CallSiteView& b) { return a.sockets > b.sockets; });
    if (view.call_sites.size() > kShownSites) view.call_sites.resize(kShownSites);
}

/// A give-up stays in the story, though a release may have come after it.
std::optional<std::string> released_since(const Incident& incident, std::optional<WallTime> released) {
    const RemedyReport* given_up = nullptr;
    for (const RemedyReport& report : incident.remedies) {
        if (report.outcome == RemedyOutcome::kGaveUp) given_up = &report;
        if (report.outcome == RemedyOutcome::kStarted) given_up = nullptr;
    }
    if (given_up == nullptr || !released || *released < given_up->at) return std::nullopt;
    return "It had given up; \"sockdog release\" of " + format_rfc3339(*released) + " allows new tries.";
}

}  // namespace

void Queries::explain(Agent& agent, Call call) {
    std::optional<std::uint64_t> pid;
    std::optional<std::string> incident_id;
    if (!call.take("pid", pid) || !call.take("incident", incident_id)) return;
    if (pid.has_value() == incident_id.has_value()) {
        call.fail("InvalidParameter", {{"parameter", "pid"}});
        return;
    }
    ExplainView view;
    ProcessId process;
    if (incident_id) {
        const Incident* open = agent.incidents_.find(*incident_id);
        auto stored = agent.journal_.find(*incident_id);
        if (!open && (!stored || !*stored)) {
            call.fail("NotFound", {{"reason", "there is no incident " + printable(*incident_id)}});
            return;
        }
        view.incidents.push_back(open ? *open : **stored);
        process = view.incidents.front().latest.process;
    } else {
        const auto id = agent.proc_.identify(static_cast<std::uint32_t>(*pid));
        if (!id) {
            call.fail("NotFound", {{"reason", "no process has pid " + std::to_string(*pid)}});
            return;
        }
        process = *id;
        for (const Incident& incident : agent.journal_.incidents(false, 1000).value_or({})) {
            if (incident.latest.process != process) continue;
            const Incident* open = agent.incidents_.find(incident.id);
            view.incidents.push_back(open ? *open : incident);
        }
    }

    const auto gauges = agent.books_->gauges_of(process);
    view.process = process_view(agent, GaugeSample{process, "", gauges.value_or(Gauges{})});
    const Policy& policy = policy_for(agent.config_, view.process.owner);
    view.policy = policy.name;
    view.fd_limit = agent.proc_.fd_limit(process.pid);
    const auto sockets = agent.books_->walk({.owner = process}).value_or({});
    for (const SocketRecord& socket : sockets) view.sockets.push_back(socket_view(agent, socket));
    add_call_sites(view, sockets, agent.call_sites_);
    if (const auto about = agent.call_sites_.about(process))
        view.notes.push_back("Its call sites are watched: " + *about + ".");
    view.socket_count = static_cast<std::uint32_t>(view.sockets.size());
    std::sort(view.sockets.begin(), view.sockets.end(), more_telling);
    if (view.sockets.size() > kShownSockets) view.sockets.resize(kShownSockets);

    if (policy.ignore)
        view.notes.push_back("Policy \"" + policy.name +
                             "\" says to ignore this process: nothing is reported about it.");
    else if (!gauges)
        view.notes.emplace_back("The books know no TCP socket of this process.");
    else if (view.process.incidents.empty() && agent.watch_.is_suspect(process))
        view.notes.emplace_back(
            "Its counts are unusual, so its sockets are looked at one by one; they are no leak so far.");
    for (const Incident& incident : view.incidents) {
        if (!incident.open()) continue;
        if (auto released = released_since(incident, agent.released_at()))
            view.notes.push_back(std::move(*released));
        if (const auto why = agent.remedies_->why_not(incident.id))
            view.notes.push_back("No remedy now: " + *why);
    }
    if (const auto held = agent.remedies_->held())
        view.notes.push_back("Remedies are on hold: " + *held + ".");
    call.reply({{"explanation", view}});
}

}  // namespace sockdog
