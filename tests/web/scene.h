// What an agent would answer: processes, and incidents that are open.
#pragma once

#include "query/varlink_server.h"
#include "web/agent_view.h"

namespace sockdog::test {

inline ProcessView process(std::uint32_t pid, const std::string& unit, std::uint32_t close_wait,
                           std::uint32_t established = 0) {
    ProcessView view;
    view.owner.process = {pid, pid * 10ULL};
    view.owner.unit = unit;
    view.owner.executable = "/usr/bin/" + unit.substr(0, unit.find('.'));
    view.gauges.sockets[static_cast<std::size_t>(TcpState::kCloseWait)] = close_wait;
    view.gauges.sockets[static_cast<std::size_t>(TcpState::kEstablished)] = established;
    view.gauges.opened = close_wait + established;
    return view;
}

inline Incident incident(const std::string& id, const std::string& unit, std::uint32_t leaked,
                         LeakClass leak_class = LeakClass::kCloseWait) {
    Incident made;
    made.id = id;
    made.key = id;
    made.policy = "default";
    made.owner = process(4242, unit, leaked).owner;
    made.first.leak_class = leak_class;
    made.first.process = made.owner.process;
    made.first.leaked = leaked;
    made.first.endpoint = *parse_endpoint("10.0.0.6:25555");
    made.latest = made.worst = made.first;
    made.opened_at = made.updated_at = WallTime(std::chrono::seconds(1'795'000'000));
    return made;
}

inline AgentState agent_with(std::vector<ProcessView> processes, std::vector<Incident> open = {}) {
    AgentState state;
    state.up = true;
    state.status.version = "1.2.3";
    state.processes = std::move(processes);
    state.open = std::move(open);
    return state;
}

/// Answers as an agent with one incident, i7 of web.service.
inline void answer_with_one_incident(VarlinkServer& server) {
    const AgentState state = agent_with({process(1, "web.service", 5)}, {incident("i7", "web.service", 5)});
    server.handle("GetStatus", Access::kRead, [state](Call call) { call.reply({{"status", state.status}}); });
    server.handle("ListProcesses", Access::kRead, [state](Call call) {
        call.reply({{"processes", state.processes}});
    });
    server.handle("ListIncidents", Access::kRead, [state](Call call) {
        call.reply({{"incidents", state.open}});
    });
}

}  // namespace sockdog::test
