// Restarting through monit, live: Debian's monit, a leaking program behind a pid file, and sockdogd.
#include "end_to_end/stage.h"
#include "remedy/real_monit.h"

namespace sockdog::testing {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr unsigned kBoshPort = 2822;

class MonitLive : public ::testing::Test {
  protected:
    void SetUp() override {
        if (const std::string why = cannot_run(); !why.empty()) GTEST_SKIP() << why;
        if (!RealMonit::installed()) GTEST_SKIP() << "monit is not installed";
        if (!monit_tools::is_free(kBoshPort)) GTEST_SKIP() << "port 2822 of 127.0.0.1 is taken";
    }

    /// The leak under monit, once it runs. The pid file's path as a last argument only names the process.
    void supervise(unsigned monit_port, const std::string& first = "") {
        server_ = stage_.script("keepalive_server.py", {port_, "2"});
        std::this_thread::sleep_for(seconds(1));
        monit_ = std::make_unique<RealMonit>(
            first +
                "\ntest -e \"$1.once\" && export LEAKY_KEEP=0\ntouch \"$1.once\"\nexec /usr/bin/python3 " +
                std::string(SOCKDOG_SOURCE_DIR) + "/tests/programs/leaky_client.py " + port_ +
                " 8 60 \"$1\"\n",
            monit_port);
        ASSERT_TRUE(monit_->up()) << monit_->log();
    }
    void watch() {
        stage_.write_config(
            "remedies:\n  after_boot: 0s\n  monit: {url: '" + monit_->url() + "', credentials_file: '" +
            monit_->credentials() +
            "', timeout: 5s}\n"
            "policies:\n  - name: job\n    match: {command_line: '*leaky_client.py " +
            port_ +
            " *'}\n    remedy: {action: monit-restart, dry_run: false, min_leaked: 8, sustained: "
            "1s, verify: 9s, cooldown: 1m}\n");
        stage_.start_agent();
    }
    /// The first report with that outcome; null where none came in time.
    [[nodiscard]] json report(const std::string& outcome) const {
        json found;
        static_cast<void>(eventually(
            [&] {
                const json reply = stage_.call("ListIncidents", {{"all", true}});
                for (const json& incident : reply.value("incidents", json::array()))
                    for (const json& one : incident["remedies"])
                        if (one["outcome"] == outcome && found.is_null()) found = one;
                return !found.is_null();
            },
            seconds(60)));
        return found;
    }
    /// The incident with a success; others leak on this host, too.
    [[nodiscard]] json restarted() const {
        const json reply = stage_.call("ListIncidents", {{"all", true}});
        for (const json& incident : reply.value("incidents", json::array()))
            for (const json& one : incident["remedies"])
                if (one["outcome"] == "succeeded") return incident;
        return json::object();
    }
    void expect_restarted() {
        const auto before = monit_->web();
        ASSERT_TRUE(before);
        const json succeeded = report("succeeded");
        ASSERT_FALSE(succeeded.is_null()) << stage_.logs() << monit_->log();
        EXPECT_EQ(succeeded["action"], "monit-restart");
        EXPECT_EQ(succeeded["target"], "monit service web");
        EXPECT_EQ(succeeded["process"]["pid"], *before);
        EXPECT_TRUE(monit_->web() && *monit_->web() != *before) << "monit has started another";
        json mine;
        EXPECT_TRUE(
            eventually([&] { return (mine = restarted()).value("open", true) == false; }, seconds(30)))
            << "resolved";
        const std::string story = stage_.cli("explain " + mine.value("id", "")).second;
        EXPECT_NE(story.find("monit service web"), std::string::npos) << story;
    }

    std::string port_ = std::to_string(free_port());
    Stage stage_;
    std::unique_ptr<Program> server_;
    std::unique_ptr<RealMonit> monit_;
};

TEST_F(MonitLive, RestartsTheServiceAndTheLeakIsGone) {
    supervise(kBoshPort);
    watch();
    expect_restarted();
}

TEST_F(MonitLive, RestartsThroughAUnixSocket) {
    supervise(0);
    watch();
    expect_restarted();
}

TEST_F(MonitLive, LeavesAServiceAloneThatAnOperatorUnmonitored) {
    supervise(kBoshPort);
    const auto before = monit_->web();
    ASSERT_TRUE(monit_->operate("unmonitor"));
    watch();
    const json failed = report("failed");
    ASSERT_FALSE(failed.is_null()) << stage_.logs() << monit_->log();
    EXPECT_NE(failed["reason"].get<std::string>().find("not monitored"), std::string::npos) << failed;
    EXPECT_EQ(monit_->web(), before) << "it still runs";
}

TEST_F(MonitLive, AProcessThatIgnoresTermIsAFailure) {
    supervise(kBoshPort, "trap '' TERM");
    const auto before = monit_->web();
    watch();
    const json failed = report("failed");
    ASSERT_FALSE(failed.is_null()) << stage_.logs() << monit_->log();
    EXPECT_NE(failed["reason"].get<std::string>().find("kept its pid"), std::string::npos) << failed;
    EXPECT_EQ(monit_->web(), before);
}

}  // namespace
}  // namespace sockdog::testing
