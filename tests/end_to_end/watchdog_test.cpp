// The incident that sockdog was made for, from the first leaked socket to the alert that all is well.
#include <signal.h>

#include <fstream>

#include "end_to_end/stage.h"

namespace sockdog::testing {
namespace {

using std::chrono::seconds;

/// The restart that a service manager would do: ends the old process, starts a mended one under the same
/// name.
std::string restart_script(const Stage& stage, int port) {
    const std::string program = std::string(SOCKDOG_SOURCE_DIR) + "/tests/programs/leaky_client.py";
    std::ofstream(stage.path("restart.sh"))
        << "#!/bin/sh\nkill \"$1\"\nLEAKY_KEEP=0 setsid /usr/bin/python3 " << program << " " << port
        << " 8 120 >/dev/null 2>&1 </dev/null &\necho $! > " << stage.path("restarted.pid").string() << "\n";
    return stage.path("restart.sh").string();
}

/// Ends what restart_script() started, whatever became of the test.
struct EndRestarted {
    const Stage& stage;
    ~EndRestarted() {
        pid_t pid = 0;
        if (std::ifstream(stage.path("restarted.pid")) >> pid && pid > 1) kill(pid, SIGKILL);
    }
};

std::string remedy_policy(const std::string& script, int port) {
    return "policies:\n"
           "  - name: leaky\n"
           "    match: {command_line: '*leaky_client.py " +
           std::to_string(port) +
           " *'}\n"
           "    remedy: {action: command, command: ['/bin/sh', '" +
           script + "', '{pid}'], dry_run: false, sustained: 2s, verify: 4s, cooldown: 1m}\n";
}

TEST(Watchdog, FindsTheLeakTellsItRestartsTheOffenderAndSeesThatItIsGone) {
    if (const std::string why = cannot_run(); !why.empty()) GTEST_SKIP() << why;
    Stage stage;
    const int port = free_port();
    stage.write_config(remedy_policy(restart_script(stage, port), port));
    stage.start_agent();
    stage.start_relay();
    const EndRestarted cleanup{stage};

    const std::string port_text = std::to_string(port);
    const auto server = stage.script("keepalive_server.py", {port_text, "2"});
    std::this_thread::sleep_for(seconds(1));
    const auto leaky = stage.script("leaky_client.py", {port_text, "8", "120"});
    const auto pooled = stage.script("pooled_client.py", {port_text, "8", "120"});
    const auto ticking = stage.script("ticking_client.py", {port_text, "5", "120"});
    const pid_t leaky_pid = leaky->pid();

    ASSERT_TRUE(eventually([&] { return !stage.receiver.events("opened").empty(); }, seconds(60)))
        << stage.logs();
    const nlohmann::json incident = stage.receiver.events("opened").front().body["incident"];
    const nlohmann::json finding = incident["first"];
    EXPECT_TRUE(finding["class"] == "close_wait" || finding["class"] == "idle_growth") << finding.dump(2);
    EXPECT_EQ(finding["process"]["pid"], leaky_pid);
    EXPECT_EQ(finding["endpoint"], "127.0.0.1:" + port_text);
    EXPECT_GT(finding["slope_per_minute"].get<double>(), 60) << "8 a second are 480 a minute";
    EXPECT_EQ(incident["policy"], "leaky");
    EXPECT_TRUE(incident["owner"].contains("cgroup"));

    // The offender is restarted, the books show that it is cured, the incident ends.
    const auto succeeded = [&] {
        for (const Received& received : stage.receiver.events("remedied"))
            if (received.body["incident"]["remedies"].back()["outcome"] == "succeeded") return true;
        return false;
    };
    ASSERT_TRUE(eventually(succeeded, seconds(60))) << stage.logs();
    ASSERT_TRUE(eventually([&] { return !stage.receiver.events("resolved").empty(); }, seconds(30)))
        << stage.logs();
    EXPECT_NE(kill(leaky_pid, 0) == 0 && stage.call("ListSockets", {{"pid", leaky_pid}}).is_object() &&
                  !stage.call("ListSockets", {{"pid", leaky_pid}})["sockets"].empty(),
              true)
        << "the old process is gone or has no sockets left";

    // One alert of each, and no word about the healthy ones.
    EXPECT_EQ(stage.receiver.events("opened").size(), 1U);
    EXPECT_EQ(stage.receiver.events("resolved").size(), 1U);
    const nlohmann::json all = stage.call("ListIncidents", {{"all", true}})["incidents"];
    EXPECT_EQ(all.size(), 1U) << all.dump(2);
    const auto [code, story] = stage.cli("explain " + incident["id"].get<std::string>());
    EXPECT_EQ(code, 0);
    EXPECT_NE(story.find("leaky_client.py"), std::string::npos) << story;
    EXPECT_EQ(stage.cli("status --check").first, 0) << stage.cli("status --check").second;

    // The samples tell the same under the same configuration, and nothing under another.
    const std::string config = stage.path("sockdog.yaml").string();
    const auto [again, replayed] = stage.cli("backtest --json --config " + config);
    ASSERT_EQ(again, 0) << replayed;
    const nlohmann::json backtest = nlohmann::json::parse(replayed);
    ASSERT_EQ(backtest["incidents"].size(), 1U) << replayed;
    const nlohmann::json& same = backtest["incidents"][0];
    EXPECT_EQ(same["incident"]["opened_at"], incident["opened_at"]);
    EXPECT_EQ(same["incident"]["first"]["class"], finding["class"]);
    EXPECT_EQ(same["incident"]["first"]["leaked"], finding["leaked"]);
    EXPECT_EQ(same["incident"]["resolve_reason"], all[0]["resolve_reason"]);
    EXPECT_EQ(same["fired"]["outcome"], "dry_run");
    stage.write_config(
        "policies:\n  - {name: leaky, match: {command_line: '*leaky_client.py*'}, ignore: true}\n");
    EXPECT_NE(stage.cli("backtest --config " + config).second.find("0 incidents"), std::string::npos);
}

TEST(Watchdog, NamesTheLineThatOpensTheConnectionsOfASuspect) {
    if (const std::string why = cannot_run(); !why.empty()) GTEST_SKIP() << why;
    Stage stage;
    const int port = free_port();
    stage.write_config("");
    stage.start_agent();
    const auto server = stage.script("keepalive_server.py", {std::to_string(port), "2"});
    std::this_thread::sleep_for(seconds(1));
    const auto leaky = stage.script("leaky_client.py", {std::to_string(port), "8", "120"});
    const std::string pid = std::to_string(leaky->pid());
    const std::string line = "leaky_client.py:14 <module>";

    const auto story = [&] { return stage.cli("explain --stacks " + pid).second; };
    ASSERT_TRUE(eventually([&] { return story().find(line) != std::string::npos; }, seconds(60)))
        << story() << stage.logs();
    EXPECT_NE(story().find("http/client.py"), std::string::npos) << "the library's frames: " << story();
    EXPECT_NE(story().find("CPython 3."), std::string::npos) << story();
    const std::string table = stage.cli("sockets --by site " + pid).second;
    EXPECT_NE(table.find(line), std::string::npos) << table;
    const auto [drawn, svg] = stage.cli("flamegraph " + pid);
    EXPECT_EQ(drawn, 0);
    EXPECT_NE(svg.find("<svg"), std::string::npos);
    EXPECT_NE(svg.find("leaky_client.py:14"), std::string::npos);
    EXPECT_NE(stage.cli("flamegraph --folded " + pid).second.find(";"), std::string::npos);
    const auto [of_healthy, message] = stage.cli("flamegraph " + std::to_string(server->pid()));
    EXPECT_NE(of_healthy, 0);
    EXPECT_NE(message.find("call_sites: always"), std::string::npos) << message;
}

TEST(Watchdog, NamesLinesOfTheProgramThatRunsInAProcessNow) {
    if (const std::string why = cannot_run(); !why.empty()) GTEST_SKIP() << why;
    Stage stage;
    const int port = free_port();
    stage.write_config("policies: [{name: all, match: {executable: '*python*'}, call_sites: always}]\n");
    stage.start_agent();
    const auto server = stage.script("keepalive_server.py", {std::to_string(port), "60"});
    std::this_thread::sleep_for(seconds(1));
    const auto client = stage.script("exec_client.py", {"4", std::to_string(port), "8", "120"});
    const std::string pid = std::to_string(client->pid());
    const auto story = [&] { return stage.cli("explain --stacks " + pid).second; };
    ASSERT_TRUE(eventually([&] { return story().find("CPython 3.") != std::string::npos; }, seconds(3)))
        << "not watched before it runs another program: " << story() << stage.logs();
    EXPECT_EQ(story().find("leaky_client.py:14"), std::string::npos);
    EXPECT_TRUE(eventually([&] { return story().find("leaky_client.py:14 <module>") != std::string::npos; },
                           seconds(30)))
        << story() << stage.logs();
}

TEST(Watchdog, KilledInTheMiddleOfAnIncidentNeitherLosesNorDoublesIt) {
    if (const std::string why = cannot_run(); !why.empty()) GTEST_SKIP() << why;
    Stage stage;
    const int port = free_port();
    stage.write_config("");
    stage.start_agent();
    stage.start_relay();
    const auto server = stage.script("keepalive_server.py", {std::to_string(port), "2"});
    std::this_thread::sleep_for(seconds(1));
    const auto leaky = stage.script("leaky_client.py", {std::to_string(port), "8", "120"});
    ASSERT_TRUE(eventually([&] { return stage.receiver.events("opened").size() == 1; }, seconds(60)))
        << stage.logs();
    const std::string id = stage.receiver.events("opened").front().body["incident"]["id"];

    for (int round = 0; round < 3; round++) {
        stage.agent->end(SIGKILL);
        stage.start_agent();
        std::this_thread::sleep_for(seconds(2));
        const nlohmann::json open = stage.call("ListIncidents")["incidents"];
        ASSERT_EQ(open.size(), 1U) << open.dump(2) << stage.logs();
        EXPECT_EQ(open[0]["id"], id);
    }
    leaky->end(SIGKILL);
    ASSERT_TRUE(eventually([&] { return stage.receiver.events("resolved").size() == 1; }, seconds(60)))
        << stage.logs();
    EXPECT_EQ(stage.receiver.events("opened").size(), 1U);
    EXPECT_EQ(stage.receiver.events("resolved").front().body["incident"]["id"], id);
}

TEST(Watchdog, KeepsItsConfigurationWhenTheNewOneIsBadAndSaysSo) {
    if (const std::string why = cannot_run(); !why.empty()) GTEST_SKIP() << why;
    Stage stage;
    stage.write_config("");
    stage.start_agent();
    std::ofstream(stage.path("sockdog.yaml"), std::ios::app) << "polices: []\n";
    const auto [code, output] = stage.cli("reload");
    EXPECT_NE(code, 0);
    EXPECT_NE(output.find("policies"), std::string::npos) << "the nearest key: " << output;
    const nlohmann::json status = stage.call("GetStatus")["status"];
    EXPECT_NE(status["config_error"], "");
    EXPECT_EQ(stage.cli("status --check").first, 1);
    stage.write_config("");
    EXPECT_EQ(stage.cli("reload").first, 0);
    EXPECT_EQ(stage.call("GetStatus")["status"]["config_error"], "");

    EXPECT_EQ(stage.cli("hold because of the release").first, 0);
    EXPECT_NE(stage.cli("status").second.find("because of the release"), std::string::npos);
    stage.agent->end(SIGKILL);
    stage.start_agent();
    EXPECT_NE(stage.cli("status").second.find("because of the release"), std::string::npos)
        << "a hold survives";
    EXPECT_EQ(stage.cli("release").first, 0);
    EXPECT_EQ(stage.cli("status --check").first, 0);
}

}  // namespace
}  // namespace sockdog::testing
