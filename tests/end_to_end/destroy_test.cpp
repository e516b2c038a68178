// `sockdog destroy` through a live daemon: a real leak, the stop-gap, and the story of it afterwards.
#include <signal.h>

#include "end_to_end/stage.h"

namespace sockdog::testing {
namespace {

using nlohmann::json;
using std::chrono::seconds;

std::size_t sockets_in(const Stage& stage, pid_t pid, const std::string& state) {
    const json reply = stage.call("ListSockets", {{"pid", pid}, {"state", state}});
    return reply.is_object() ? reply["sockets"].size() : 0;
}

std::size_t open_fds(pid_t pid) {
    std::size_t count = 0;
    std::error_code ignored;
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", ignored))
        count += entry.path().empty() ? 0 : 1;
    return count;
}

json incident_of(const Stage& stage, pid_t pid) {
    const json reply = stage.call("ListIncidents");
    for (const json& incident : reply.value("incidents", json::array()))
        if (incident["latest"]["process"]["pid"] == pid && incident["latest"]["close_wait"] >= 8)
            return incident;
    return nullptr;
}

TEST(DestroyByHand, FreesPortsNotFdsAndIsInTheStory) {
    if (const std::string why = cannot_run(); !why.empty()) GTEST_SKIP() << why;
    Stage stage;
    stage.write_config("");
    stage.start_agent();
    const std::string port = std::to_string(free_port());
    const auto server = stage.script("keepalive_server.py", {port, "2"});
    std::this_thread::sleep_for(seconds(1));
    const auto leaky = stage.script("leaky_client.py", {port, "8", "120"});
    const auto other = stage.script("leaky_client.py", {port, "8", "121"});
    json incident;
    ASSERT_TRUE(eventually(
        [&] {
            incident = incident_of(stage, leaky->pid());
            return !incident.is_null() && sockets_in(stage, other->pid(), "CLOSE_WAIT") >= 8;
        },
        seconds(60)))
        << stage.logs();
    const std::string id = incident["id"];

    const auto [looked, plan] = stage.cli("destroy " + id + " --dry-run");
    EXPECT_EQ(looked, 0) << plan;
    EXPECT_NE(plan.find("of python3 (pid " + std::to_string(leaky->pid())), std::string::npos) << plan;
    EXPECT_EQ(stage.cli("destroy " + id + " </dev/null").first, 64) << "nobody to ask";

    // Stopped, so that the numbers hold still.
    kill(leaky->pid(), SIGSTOP);
    const std::size_t fds = open_fds(leaky->pid());
    const std::size_t others = sockets_in(stage, other->pid(), "CLOSE_WAIT");
    const auto [code, output] = stage.cli("destroy " + id + " --yes --json 2>/dev/null");
    ASSERT_EQ(code, 0) << output;
    const json done = json::parse(output.substr(output.find("{\n")));
    EXPECT_GE(done["destroyed"], 8) << output;
    EXPECT_EQ(done["destroyed"], done["chosen"]) << output;
    EXPECT_EQ(done["refused"], 0);
    EXPECT_EQ(open_fds(leaky->pid()), fds) << "fds stay open";
    EXPECT_GE(sockets_in(stage, other->pid(), "CLOSE_WAIT"), others) << "another process's are not touched";
    EXPECT_GE(sockets_in(stage, leaky->pid(), "CLOSE"), done["destroyed"].get<std::size_t>())
        << "dead, and still seen by the books";
    kill(leaky->pid(), SIGCONT);

    const std::string all = std::to_string(done["chosen"].get<std::size_t>());
    const auto [explained, story] = stage.cli("explain " + id);
    EXPECT_EQ(explained, 0);
    EXPECT_NE(story.find("destroyed by hand: " + all + " of " + all + ", by uid 0"), std::string::npos)
        << story;
    stage.agent->end(SIGKILL);
    stage.start_agent();
    EXPECT_NE(stage.cli("explain " + id).second.find("destroyed by hand"), std::string::npos)
        << "it is in the journal";

    const auto [unknown, words] = stage.cli("destroy i999 --yes");
    EXPECT_EQ(unknown, 1);
    EXPECT_NE(words.find("there is no incident i999"), std::string::npos) << words;
}

}  // namespace
}  // namespace sockdog::testing
