// Local ports run out in a network namespace with few of them: one incident names who holds them and who
// suffers, and told before when it would happen.
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "base/time.h"
#include "end_to_end/stage.h"

namespace sockdog::testing {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr int kPort = 25555;
constexpr int kFirst = 40001;
constexpr int kPorts = 240;
constexpr int kPerSecond = 8;  // out of ports within half a minute

json incident_of(const Stage& stage, pid_t pid) {
    const json reply = stage.call("ListIncidents", {{"all", true}});
    for (const json& incident : reply.value("incidents", json::array()))
        if (incident["latest"]["process"]["pid"] == pid) return incident;
    return nullptr;
}

double seconds_between(const json& from, const json& to) {
    const auto span = parse_rfc3339(to.get<std::string>()) - parse_rfc3339(from.get<std::string>());
    return std::chrono::duration<double>(span).count();
}

/// Lines are wrapped anywhere.
std::string unwrapped(const std::string& text) {
    std::istringstream words(text);
    std::string all;
    for (std::string word; words >> word;) all += word + " ";
    return all;
}

TEST(Exhaustion, NamesCulpritAndVictimInOneIncidentAndForetellsIt) {
    if (const std::string why = cannot_run(); !why.empty()) GTEST_SKIP() << why;
    Stage stage;
    stage.write_config("");
    stage.start_agent();
    const std::string programs = std::string(SOCKDOG_SOURCE_DIR) + "/tests/programs/";
    const std::string port = std::to_string(kPort);
    const auto island = stage.script(
        "island.py", {std::to_string(kFirst), std::to_string(kFirst + kPorts - 1), "--", "/usr/bin/python3",
                      programs + "keepalive_server.py", port, "2", "--", "/usr/bin/python3",
                      programs + "leaky_client.py", port, std::to_string(kPerSecond), "100", "--",
                      "/usr/bin/python3", programs + "careful_client.py", port, "2", "100"});
    const auto log = stage.path("island.py.log");
    ASSERT_TRUE(eventually([&] { return pids_in(log).size() == 3; }, seconds(20))) << stage.logs();
    const pid_t leaker = pids_in(log)[1];
    const pid_t victim = pids_in(log)[2];

    // Told as the leak that it is, long before the end, with when that comes.
    ASSERT_TRUE(eventually([&] { return !incident_of(stage, leaker).is_null(); }, seconds(30)))
        << stage.logs();
    const json early = incident_of(stage, leaker);
    const json ports = early["first"]["ports"];
    ASSERT_TRUE(ports.is_object()) << early.dump(2);
    EXPECT_EQ(ports["limit"], kPorts);
    EXPECT_LT(ports["used"], kPorts * 8 / 10);
    EXPECT_NE(early["first"]["class"], "exhaustion");
    ASSERT_TRUE(ports["runs_out"].is_object()) << ports.dump(2);
    ASSERT_TRUE(ports["runs_out"]["latest_seconds"].is_number()) << ports.dump(2);

    const auto suffers = [&] {
        const json incident = incident_of(stage, leaker);
        return incident.is_object() && !incident["latest"]["victims"].empty();
    };
    ASSERT_TRUE(eventually(suffers, seconds(60))) << stage.logs() << incident_of(stage, leaker).dump(2);
    const json incident = incident_of(stage, leaker);
    const json finding = incident["latest"];
    EXPECT_EQ(incident["id"], early["id"]);
    EXPECT_EQ(finding["class"], "exhaustion");
    EXPECT_EQ(finding["severity"], "critical");
    EXPECT_TRUE(finding["cause"] == "close_wait" || finding["cause"] == "idle_growth") << finding["cause"];
    EXPECT_EQ(finding["endpoint"], "127.0.0.1:" + port);
    ASSERT_EQ(finding["victims"].size(), 1U) << finding["victims"].dump(2);
    EXPECT_EQ(finding["victims"][0]["process"]["pid"], victim);
    EXPECT_GT(finding["victims"][0]["failures"], 0);

    // One incident in that namespace: none of the victim, none of the server.
    json all = stage.call("ListIncidents", {{"all", true}})["incidents"];
    std::erase_if(all.get_ref<json::array_t&>(),
                  [&](const json& other) { return other["latest"]["netns"] != finding["netns"]; });
    EXPECT_EQ(all.size(), 1U) << all.dump(2);

    // The end came within the interval that was told.
    const double truth = seconds_between(early["opened_at"], finding["victims"][0]["first"]);
    EXPECT_GE(truth, ports["runs_out"]["earliest_seconds"].get<double>()) << ports.dump(2);
    EXPECT_LE(truth, ports["runs_out"]["latest_seconds"].get<double>() + 1)
        << "the victim tries twice a second";

    auto [code, story] = stage.cli("explain " + incident["id"].get<std::string>());
    story = unwrapped(story);
    EXPECT_EQ(code, 0);
    EXPECT_NE(story.find("uses up the local ports to 127.0.0.1:25555"), std::string::npos) << story;
    EXPECT_NE(story.find("(pid " + std::to_string(victim) + ") could not connect"), std::string::npos)
        << story;
    if (::testing::Test::HasFailure()) std::fprintf(stderr, "%s\n%s\n", story.c_str(), stage.logs().c_str());
}

/// 200 files for a client that opens eight a second and keeps each.
TEST(Exhaustion, OfFilesIsForetoldAndThenTold) {
    if (const std::string why = cannot_run(); !why.empty()) GTEST_SKIP() << why;
    Stage stage;
    stage.write_config("");
    stage.start_agent();
    const std::string port = std::to_string(free_port());
    const auto server = stage.script("keepalive_server.py", {port, "2"});
    std::this_thread::sleep_for(seconds(1));
    const Program leaky(
        {"/usr/bin/prlimit", "--nofile=200:200", "/usr/bin/python3",
         std::string(SOCKDOG_SOURCE_DIR) + "/tests/programs/leaky_client.py", port, "8", "100"},
        stage.path("leaky.log"));
    ASSERT_TRUE(eventually([&] { return !incident_of(stage, leaky.pid()).is_null(); }, seconds(30)))
        << stage.logs();
    const json early = incident_of(stage, leaky.pid());
    const json fds = early["first"]["fds"];
    EXPECT_EQ(fds["limit"], 200);
    EXPECT_NE(early["first"]["class"], "exhaustion");
    ASSERT_TRUE(fds["runs_out"].is_object()) << fds.dump(2);

    const auto is_out = [&] {
        const json finding = incident_of(stage, leaky.pid())["latest"];
        // Whatever else it opens in passing: the last one or two come and go.
        return finding["class"] == "exhaustion" && finding["fds"]["used"] >= 198;
    };
    ASSERT_TRUE(eventually(is_out, seconds(60))) << stage.logs() << incident_of(stage, leaky.pid()).dump(2);
    const json incident = incident_of(stage, leaky.pid());
    EXPECT_EQ(incident["id"], early["id"]);
    EXPECT_EQ(incident["latest"]["severity"], "critical");
    EXPECT_TRUE(incident["latest"]["victims"].empty());
    const double truth = seconds_between(early["opened_at"], incident["updated_at"]);
    EXPECT_GE(truth + 1, fds["runs_out"]["earliest_seconds"].get<double>()) << fds.dump(2);
    if (fds["runs_out"]["latest_seconds"].is_number()) {
        EXPECT_LE(truth, fds["runs_out"]["latest_seconds"].get<double>() + 2) << fds.dump(2);
    }
    if (access("/sys/kernel/tracing/events/syscalls", F_OK) != 0) return;
    EXPECT_TRUE(
        eventually([&] { return incident_of(stage, leaky.pid())["latest"]["failures"] > 0; }, seconds(10)))
        << "EMFILE is counted once a process is near its limit";
}

}  // namespace
}  // namespace sockdog::testing
