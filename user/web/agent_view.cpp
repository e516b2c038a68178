#include "web/agent_view.h"

#include "query/varlink_server.h"

namespace sockdog {
namespace {

constexpr Duration kPatience = 2s;

std::string method(const char* name) {
    return std::string(kInterface) + "." + name;
}

}  // namespace

/// They may be thousands, and they change only when the journal grows.
Status AgentView::ask_resolved(VarlinkClient& client, AgentState& state) const {
    if (last_ && last_->up && last_->status.last_revision == state.status.last_revision &&
        last_->status.started_at == state.status.started_at) {
        state.resolved = last_->resolved;
        return Ok{};
    }
    auto reply = client.call(method("ListIncidents"), {{"all", true}}, kPatience);
    if (!reply) return reply.error();
    for (auto& incident : reply->at("incidents")) {
        if (incident.value("open", true)) continue;
        if (state.resolved.size() < kMostResolved) state.resolved.push_back(std::move(incident));
    }
    return Ok{};
}

Result<AgentState> AgentView::ask() const {
    auto client = VarlinkClient::connect(socket_);
    if (!client) return client.error();
    AgentState state;
    try {
        auto reply = client->call(method("GetStatus"), nlohmann::json::object(), kPatience);
        if (!reply) return reply.error();
        reply->at("status").get_to(state.status);
        reply = client->call(method("ListProcesses"), nlohmann::json::object(), kPatience);
        if (!reply) return reply.error();
        reply->at("processes").get_to(state.processes);
        reply = client->call(method("ListIncidents"), nlohmann::json::object(), kPatience);
        if (!reply) return reply.error();
        reply->at("incidents").get_to(state.open);
        if (auto asked = ask_resolved(*client, state); !asked) return asked.error();
    } catch (const nlohmann::json::exception& e) {
        return make_error(std::string("the answer of sockdogd makes no sense: ") + e.what(), EPROTO);
    }
    state.up = true;
    return state;
}

std::shared_ptr<const AgentState> AgentView::now() {
    const std::lock_guard lock(mutex_);
    const MonoTime now = read_now().mono;
    if (last_ && now - asked_ < kFresh) return last_;
    auto state = ask();
    if (!state) {
        state = AgentState{};
        // What is in the message besides is for the host's operators, not for who can reach the port.
        state->problem = "sockdogd does not answer";
    }
    last_ = std::make_shared<const AgentState>(std::move(*state));
    asked_ = read_now().mono;
    return last_;
}

}  // namespace sockdog
