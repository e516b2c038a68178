// `sockdog alerts` and `sockdog silence` against the real sockdog-relay, over its socket.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/time.h"
#include "base/unique_fd.h"
#include "command_output.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

using ::testing::HasSubstr;

const std::string kBin = SOCKDOG_BINARY_DIR "/bin/";

class RelayCommands : public ::testing::Test {
  protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "needs root: tests and silences are for root";
        config_ = folder_.put("sockdog.yaml",
                              "relay: {web: {listen: ''}}\n"
                              "receivers:\n"
                              "- {name: takes, type: exec, command: [/bin/true]}\n"
                              "- {name: refuses, type: exec, command: [/bin/false]}\n");
        start("relay", -1);
        for (int i = 0; i < 2000 && !std::filesystem::exists(folder_ / "relay"); ++i)
            std::this_thread::sleep_for(10ms);
        ASSERT_TRUE(std::filesystem::exists(folder_ / "relay"));
    }
    void TearDown() override { stop(); }
    /// `passed` becomes what LISTEN_FDS speaks of, unless it is -1.
    void start(const std::string& socket, int passed) {
        relay_ = fork();
        if (relay_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (passed >= 0) {
            // The descriptor may already have the number.
            const int copy = ::fcntl(passed, F_DUPFD, SD_LISTEN_FDS_START + 1);
            ::dup2(copy, SD_LISTEN_FDS_START);
            ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
            ::setenv("LISTEN_FDS", "1", 1);
        }
        ::execl((kBin + "sockdog-relay").c_str(), "sockdog-relay", "--config", config_.c_str(),
                "--control-socket", (folder_ / "control").c_str(), "--state-dir", (folder_ / "state").c_str(),
                "--socket", (folder_ / socket).c_str(), "--log-level", "off", nullptr);
        ::_exit(127);
    }
    void stop() {
        if (relay_ <= 0) return;
        ::kill(relay_, SIGTERM);
        int status = 0;
        ::waitpid(relay_, &status, 0);
        relay_ = 0;
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    /// What it printed on both; its exit code is in code_.
    std::string sockdog(const std::string& words) { return sockdog_at((folder_ / "relay").string(), words); }
    std::string sockdog_at(const std::string& socket, const std::string& words) {
        auto [text, code] =
            fixtures::output_of(kBin + "sockdog --relay-socket " + socket + " " + words + " 2>&1");
        code_ = code;
        return text;
    }

    const fixtures::TempDir folder_;
    std::string config_;
    pid_t relay_ = 0;
    int code_ = -1;
};

TEST_F(RelayCommands, AlertsListsReceiversAndTestsThem) {
    EXPECT_THAT(sockdog("alerts"),
                ::testing::AllOf(HasSubstr("takes     exec"), HasSubstr("refuses   exec"),
                                 HasSubstr("nothing waits"), HasSubstr("sockdogd does not answer")));
    EXPECT_EQ(code_, 0);
    EXPECT_THAT(sockdog("alerts test takes"), HasSubstr("takes: delivered, an opening and its end"));
    EXPECT_EQ(code_, 0);
    EXPECT_THAT(sockdog("alerts test refuses"), HasSubstr("refuses: NOT delivered (exit status 1)"));
    EXPECT_EQ(code_, 1);
    EXPECT_THAT(sockdog("alerts test take"),
                HasSubstr("there is no receiver \"take\"; did you mean \"takes\"?"));
    EXPECT_EQ(code_, 1);
    EXPECT_THAT(sockdog("alerts dead"), HasSubstr("no dead letters"));
    EXPECT_THAT(sockdog("alerts retry 17"), HasSubstr("there is no dead letter 17"));
    EXPECT_THAT(sockdog("alerts retry"), HasSubstr("0 dead letters will be tried again"));
    EXPECT_EQ(nlohmann::json::parse(sockdog("alerts --json"))["alerts"].size(), 0U);
}

TEST_F(RelayCommands, TakesTheSocketOfTheServiceManager) {
    const auto passed = (folder_ / "passed").string();
    const UniqueFd listening(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    ASSERT_LT(passed.size(), sizeof address.sun_path);
    passed.copy(&address.sun_path[0], passed.size());
    ASSERT_EQ(::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listening.get(), 8), 0);
    stop();
    start("own", listening.get());
    EXPECT_THAT(sockdog_at(passed, "alerts"), HasSubstr("takes     exec"));
    EXPECT_EQ(code_, 0);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "own")) << "it listens in two places";
    stop();
    EXPECT_TRUE(std::filesystem::exists(passed)) << "the file belongs to the service manager";
}

TEST_F(RelayCommands, SilencesComeAndGo) {
    EXPECT_THAT(sockdog("silence"), HasSubstr("nothing is silenced"));
    EXPECT_THAT(sockdog("silence --unit 'batch@*.service' --for 2h --comment 'nightly import'"),
                HasSubstr("silence 1 until "));
    EXPECT_THAT(sockdog("silence --class churn --until 2026-01-01T00:00:00Z"), HasSubstr("over already"));
    EXPECT_EQ(code_, 64);
    const std::string list = sockdog("silence");
    EXPECT_THAT(list, HasSubstr("batch@*.service"));
    EXPECT_THAT(list, HasSubstr("nightly import"));
    EXPECT_THAT(list, HasSubstr("root"));
    EXPECT_THAT(sockdog("silence --end 1"), HasSubstr("ended"));
    EXPECT_THAT(sockdog("silence --end 1"), HasSubstr("there is no silence 1"));
    EXPECT_EQ(code_, 1);
    EXPECT_THAT(sockdog("silence"), HasSubstr("nothing is silenced"));
}

TEST_F(RelayCommands, WithoutARelayItSaysSo) {
    const std::string said = sockdog_at("/nonexistent/relay", "alerts");
    EXPECT_THAT(said, HasSubstr("sockdog-relay does not answer at /nonexistent/relay"));
    EXPECT_EQ(code_, 69);
}

}  // namespace
}  // namespace sockdog
