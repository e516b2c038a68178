// A faulty release hits many services at once: the budget keeps sockdog from restarting all of them.
#include <signal.h>

#include <fstream>
#include <set>

#include "end_to_end/stage.h"

namespace sockdog::testing {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr std::size_t kServices = 30;
constexpr std::size_t kBudget = 3;

/// Ends one and starts a mended one under the same command line, as a service manager would. Writes down both
/// pids.
std::string restart_script(const Stage& stage) {
    const std::string path = stage.path("restart.sh").string();
    std::ofstream(path) << "#!/bin/sh\ncommand=$(tr '\\0' ' ' </proc/\"$1\"/cmdline)\n"
                        << "echo \"$1\" >>" << stage.path("ended.pids").string() << "\nkill \"$1\"\n"
                        << "LEAKY_KEEP=0 setsid $command >/dev/null 2>&1 </dev/null &\n"
                        << "echo $! >>" << stage.path("started.pids").string() << "\n";
    return path;
}

/// Ends what the script started, whatever became of the test.
struct EndStarted {
    const Stage& stage;
    ~EndStarted() {
        for (const pid_t pid : pids_in(stage.path("started.pids")))
            if (pid > 1) kill(pid, SIGKILL);
    }
};

bool was_held_by_budget(const json& incident) {
    for (const json& report : incident["remedies"])
        if (report["outcome"] == "held" && report["reason"].get<std::string>().starts_with("budget: "))
            return true;
    return false;
}

TEST(RemedyStorm, ThirtyLeakingServicesAreThreeRestartsAndNotOneMore) {
    if (const std::string why = cannot_run(); !why.empty()) GTEST_SKIP() << why;
    Stage stage;
    stage.write_config(
        "policies:\n"
        "  - name: storm\n"
        "    match: {command_line: '*leaky_client.py*'}\n"
        "    remedy: {action: command, command: ['/bin/sh', '" +
        restart_script(stage) +
        "', '{pid}'], dry_run: false, sustained: 2s, verify: 2s, cooldown: 1m, budget: " +
        std::to_string(kBudget) + ", budget_window: 1h}\n");
    stage.start_agent();
    const EndStarted cleanup{stage};
    const std::string port = std::to_string(free_port());
    const auto server = stage.script("keepalive_server.py", {port, "2"});
    const auto pooled = stage.script("pooled_client.py", {port, "4", "120"});
    std::this_thread::sleep_for(seconds(1));
    std::vector<std::unique_ptr<Program>> services;
    std::set<pid_t> pids;
    for (std::size_t i = 0; i < kServices; i++) {
        // A service of its own each: the command line differs.
        services.push_back(stage.script("leaky_client.py", {port, "3", "120." + std::to_string(100 + i)}));
        pids.insert(services.back()->pid());
    }

    const auto all_but_budget_are_held = [&] {
        const json reply = stage.call("ListIncidents");
        std::size_t held = 0;
        for (const json& incident : reply.value("incidents", json::array()))
            held += was_held_by_budget(incident);
        return held >= kServices - kBudget;
    };
    EXPECT_TRUE(eventually(all_but_budget_are_held, seconds(90))) << stage.logs();
    std::this_thread::sleep_for(seconds(5));  // time for one too many
    const std::vector<pid_t> ended = pids_in(stage.path("ended.pids"));
    EXPECT_EQ(ended.size(), kBudget);
    EXPECT_EQ(std::set<pid_t>(ended.begin(), ended.end()).size(), ended.size()) << "nobody twice";
    for (const pid_t pid : ended) EXPECT_TRUE(pids.contains(pid)) << pid << " did not leak";
    for (const pid_t pid : pids) {
        const bool was_ended = std::find(ended.begin(), ended.end(), pid) != ended.end();
        EXPECT_EQ(kill(pid, 0) == 0, true) << pid << ": ours until we wait for it";
        std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
        const std::string line((std::istreambuf_iterator<char>(status)), {});
        const bool runs = line.find(") Z ") == std::string::npos;
        EXPECT_EQ(runs, !was_ended) << line;
    }
    EXPECT_EQ(kill(pooled->pid(), 0), 0);

    // Why nothing is done about the others is told where people look.
    const json open = stage.call("ListIncidents")["incidents"];
    ASSERT_FALSE(open.empty());
    std::string one;
    for (const json& incident : open) {
        if (!was_held_by_budget(incident)) continue;
        EXPECT_EQ(incident["latest"]["severity"], "critical") << "a person is needed";
        one = incident["id"];
    }
    const auto [code, story] = stage.cli("explain " + one);
    EXPECT_EQ(code, 0);
    EXPECT_NE(story.find("budget: 3 actions"), std::string::npos) << story;
}

}  // namespace
}  // namespace sockdog::testing
