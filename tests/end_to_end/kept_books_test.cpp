// sockdogd is killed, restarted and stopped while something leaks: what it knew, it knows again.
#include <signal.h>

#include <fstream>

#include "base/time.h"
#include "end_to_end/stage.h"

namespace sockdog::testing {
namespace {

using std::chrono::seconds;

constexpr const char* kDaemon = SOCKDOG_BINARY_DIR "/bin/sockdogd";

std::size_t lines_in(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::size_t count = 0;
    for (std::string line; std::getline(in, line);) count++;
    return count;
}

std::size_t pins_in(const std::filesystem::path& folder) {
    std::size_t count = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error))
        if (!entry.is_directory()) count++;
    return count;
}

/// A remedy that only leaves a line behind, so that it helps nothing and can be counted.
std::string policy(const Stage& stage, const std::string& port) {
    return "policies:\n"
           "  - name: leaky\n"
           "    match: {command_line: '*leaky_client.py " +
           port +
           " *'}\n"
           "    remedy: {action: command, command: ['/bin/sh', '-c', 'echo acted >> " +
           stage.path("acted").string() +
           "'], dry_run: false, sustained: 1s, verify: 1s, cooldown: 10m, max_failures: 5}\n"
           "remedies: {after_boot: 0s}\n";
}

class KeptBooks : public ::testing::Test {
  protected:
    void SetUp() override {
        if (const std::string why = cannot_run(); !why.empty()) GTEST_SKIP() << why;
        if (const std::string why = stage_.pin_books(); !why.empty()) GTEST_SKIP() << why;
        stage_.write_config(policy(stage_, port_));
        stage_.start_agent();
    }

    void begin_leak() {
        server_ = stage_.script("keepalive_server.py", {port_, "2"});
        std::this_thread::sleep_for(seconds(1));
        leaky_ = stage_.script("leaky_client.py", {port_, "8", "120"});
    }
    /// The one incident about our leak, null before. Others may leak on this host.
    [[nodiscard]] nlohmann::json incident() const {
        nlohmann::json ours;
        const nlohmann::json all = stage_.call("ListIncidents", {{"all", true}});
        if (!all.is_object()) return ours;
        for (const nlohmann::json& incident : all["incidents"]) {
            if (incident["first"]["endpoint"] != "127.0.0.1:" + port_) continue;
            EXPECT_TRUE(ours.is_null()) << all.dump(2);
            ours = incident;
        }
        return ours;
    }
    [[nodiscard]] nlohmann::json status() const { return stage_.call("GetStatus")["status"]; }
    [[nodiscard]] std::filesystem::path pins() const {
        return std::filesystem::path(status().value("books_pinned_at", "")).parent_path();
    }
    /// Connections that the leaking program has opened, as the books have it.
    [[nodiscard]] std::uint64_t opened() const {
        const nlohmann::json all = stage_.call("ListProcesses");
        for (const nlohmann::json& process : all["processes"])
            if (process["owner"]["process"]["pid"] == leaky_->pid()) return process["gauges"]["opened"];
        return 0;
    }
    [[nodiscard]] static double dwell(const nlohmann::json& incident) {
        return incident["latest"]["oldest_dwell_seconds"];
    }

    const std::string port_ = std::to_string(free_port());
    Stage stage_;
    std::unique_ptr<Program> server_;
    std::unique_ptr<Program> leaky_;
};

TEST_F(KeptBooks, LetAnIncidentGoOnOverAKillAsIfNothingHadHappened) {
    begin_leak();
    ASSERT_TRUE(eventually([&] { return lines_in(stage_.path("acted")) == 1; }, seconds(60)))
        << stage_.logs();
    ASSERT_TRUE(eventually([&] { return incident()["latest"]["close_wait"] > 20; }, seconds(30)));
    const nlohmann::json before = incident();
    const nlohmann::json status_before = status();
    const std::uint64_t opened_before = opened();
    EXPECT_GT(pins_in(pins()), 10U);

    stage_.agent->end(SIGKILL);
    std::this_thread::sleep_for(seconds(3));
    stage_.start_agent();
    const auto time = [](const nlohmann::json& status, const char* name) {
        return parse_rfc3339(status[name].get<std::string>());
    };
    EXPECT_LT(std::chrono::abs(time(status(), "books_since") - time(status_before, "books_since")), 100ms);
    EXPECT_LT(time(status(), "books_since"), time(status(), "started_at"));
    EXPECT_GE(opened(), opened_before + 12) << "three seconds without an agent at eight a second";
    const auto grown = [&] { return incident()["latest"]["leaked"] > before["latest"]["leaked"]; };
    ASSERT_TRUE(eventually(grown, seconds(2))) << "it is seen again in the first turns\n" << stage_.logs();
    const nlohmann::json after = incident();
    EXPECT_EQ(after["id"], before["id"]);
    EXPECT_EQ(after["opened_at"], before["opened_at"]);
    EXPECT_TRUE(after["resolved_at"].is_null());
    EXPECT_GE(dwell(after), dwell(before) + 3) << "the records know since when";
    EXPECT_EQ(status()["losses"]["drift_corrected"], 0);

    std::this_thread::sleep_for(seconds(3));  // longer than `sustained`
    EXPECT_EQ(lines_in(stage_.path("acted")), 1U) << "no second remedy\n" << stage_.logs();
    EXPECT_EQ(incident()["id"], before["id"]);
    const auto [code, text] = stage_.cli("status");
    EXPECT_NE(text.find("over restarts of sockdogd; pinned at "), std::string::npos) << text;
}

TEST_F(KeptBooks, LeaveNothingAfterAStopAndWhatAKillLeftCanBeDiscarded) {
    const std::filesystem::path folder = pins();
    ASSERT_GT(pins_in(folder), 10U);
    stage_.agent->end(SIGTERM);
    EXPECT_EQ(pins_in(folder), 0U) << stage_.logs();
    EXPECT_TRUE(std::filesystem::is_empty(folder)) << stage_.logs();

    stage_.start_agent();
    EXPECT_GE(status()["books_since"].get<std::string>(), status()["started_at"].get<std::string>())
        << "new books";
    Program busy({kDaemon, "--discard-books", "--config", stage_.path("sockdog.yaml").string()},
                 stage_.path("discard.log"));
    EXPECT_EQ(busy.wait(), 1) << "they are in use";
    EXPECT_GT(pins_in(folder), 10U);
    stage_.agent->end(SIGKILL);
    for (int round = 0; round < 2; round++) {
        Program discard({kDaemon, "--discard-books", "--config", stage_.path("sockdog.yaml").string()},
                        stage_.path("discard.log"));
        EXPECT_EQ(discard.wait(), 0);
        EXPECT_FALSE(std::filesystem::exists(folder));
    }
}

TEST_F(KeptBooks, StayWhereTheServiceManagerDoesNotSayThatItIsAStop) {
    setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
    stage_.agent->end(SIGKILL);
    stage_.start_agent();
    const std::filesystem::path folder = pins();
    const auto before = std::chrono::steady_clock::now();
    stage_.agent->end(SIGTERM);
    unsetenv("NOTIFY_SOCKET");
    EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(10));
    EXPECT_GT(pins_in(folder), 10U) << stage_.logs();
}

TEST_F(KeptBooks, StayOverAStopOnlyWhereTheyAlwaysDo) {
    std::filesystem::create_directory(stage_.path("sockdog.d"));
    const std::filesystem::path drop_in = stage_.path("sockdog.d") / "50-books.yaml";
    const std::filesystem::path folder = pins();
    stage_.agent->end(SIGKILL);
    std::ofstream(drop_in) << "books: {pinned: always}\n";
    for (int round = 0; round < 2; round++) {
        stage_.start_agent();
        EXPECT_LT(status()["books_since"].get<std::string>(), status()["started_at"].get<std::string>());
        stage_.agent->end(SIGTERM);
        EXPECT_GT(pins_in(folder), 10U);
    }
    std::ofstream(drop_in) << "books: {pinned: never}\n";
    stage_.start_agent();
    EXPECT_EQ(pins_in(folder), 0U) << stage_.logs();
    EXPECT_EQ(status()["books_pinned_at"], "");
    EXPECT_EQ(status()["books_not_pinned"], "") << "nothing that anybody should look at";
}

}  // namespace
}  // namespace sockdog::testing
