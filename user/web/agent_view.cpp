#include "web/agent_view.h"

#include "query/varlink_client.h"
#include "query/varlink_server.h"

namespace sockdog {
namespace {

constexpr Duration kPatience = 2s;

std::string method(const char* name) {
    return std::string(kInterface) + "." + name;
}

}  // namespace

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

Result<nlohmann::json> AgentView::incidents() const {
    auto client = VarlinkClient::connect(socket_);
    if (!client) return client.error();
    return client->call(method("ListIncidents"), {{"all", true}}, kPatience);
}

}  // namespace sockdog
