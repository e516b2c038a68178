// Real commands in real process groups.
#include "remedy/command_actuator.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "base/proc_root.h"
#include "remedy/fixtures.h"
#include "remedy/loop.h"

namespace sockdog {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace sockdog::testing;

RemedyPolicy running(std::vector<std::string> argv, Duration timeout = 30s) {
    RemedyPolicy policy = acting_policy();
    policy.action = RemedyAction::kCommand;
    policy.command = std::move(argv);
    policy.command_timeout = timeout;
    return policy;
}
RemedyPolicy shell(const std::string& script, Duration timeout = 30s) {
    return running({"/bin/sh", "-c", script}, timeout);
}

/// A process that is gone, or a zombie that nobody has reaped yet.
bool is_gone(int pid) {
    if (::kill(pid, 0) != 0) return errno == ESRCH;
    const auto stat = ProcRoot().read(static_cast<std::uint32_t>(pid), "stat");
    return !stat || stat->find(") Z ") != std::string::npos;
}

/// 0 where there is none.
int number_after(const std::string& text, const std::string& word) {
    const auto at = text.find(word);
    if (at == std::string::npos) return 0;
    return static_cast<int>(std::strtol(text.c_str() + at + word.size(), nullptr, 10));
}

struct CommandTest : ::testing::Test {
    Loop loop;
    CommandActuator actuator{loop.get(), 1s};
    std::optional<Result<std::string>> answer;
    int answers = 0;

    void start(const RemedyPolicy& policy, const Incident& incident = incident_of()) {
        actuator.start(incident, policy, [this](Result<std::string> result) {
            answer.emplace(std::move(result));
            ++answers;
        });
    }
    /// The sentence of success or of the error.
    std::string run(const RemedyPolicy& policy, const Incident& incident = incident_of()) {
        answer.reset();
        start(policy, incident);
        if (!loop.run_until([this] { return answer.has_value(); })) return "no answer";
        return answer->ok() ? answer->value() : answer->error().message;
    }
};

TEST_F(CommandTest, TellsHowACommandEnded) {
    struct Case {
        RemedyPolicy policy;
        bool ok;
        std::string says;
    };
    const std::vector<Case> cases = {
        {shell("exit 0"), true, "the command ended well; no output"},
        {shell("echo one; echo two >&2"), true, "its output: one / two"},
        {shell("echo broken; exit 3"), false, "status 3; its output: broken"},
        {shell("kill -SEGV $$"), false, "signal 11 (SIGSEGV)"},
        {running({"/no/such/program"}), false, "run /no/such/program: No such file or directory"},
        {running({"/etc/passwd"}), false, "run /etc/passwd: Permission denied"},
        {running({"true"}), true, "ended well"},
        {running({"no-such-program-in-path"}), false, "No such file"},
        {running({}), false, "names no command"},
        {shell("printf '\\033[2J\\377\\n\\n  x'"), true, "\\x1b[2J\\xff / x"},
    };
    for (const auto& c : cases) {
        const std::string said = run(c.policy);
        ASSERT_TRUE(answer.has_value()) << said;
        EXPECT_EQ(answer->ok(), c.ok) << said;
        EXPECT_THAT(said, HasSubstr(c.says));
    }
    EXPECT_EQ(answers, static_cast<int>(cases.size()));
}

TEST_F(CommandTest, IsToldAboutTheIncidentThroughItsEnvironmentAndNothingElse) {
    ASSERT_EQ(::setenv("SOCKDOG_TEST_SECRET", "of the agent", 1), 0);
    Incident incident = incident_of("i42", "web.service");
    incident.owner.executable = "/opt/we;b $(x)\n";
    incident.owner.container_id = "abc";
    incident.remedies.push_back(report_of(RemedyOutcome::kStarted, kStart));
    incident.remedies.back().attempt = 2;
    // NUL-separated, as the values may hold newlines.
    const std::string said = run(shell("tr '\\0' '|' < /proc/$$/environ"), incident);
    ::unsetenv("SOCKDOG_TEST_SECRET");
    EXPECT_THAT(said,
                AllOf(HasSubstr("SOCKDOG_INCIDENT=i42|"), HasSubstr("SOCKDOG_CLASS=close_wait|"),
                      HasSubstr("SOCKDOG_PID=4242|"), HasSubstr("SOCKDOG_UNIT=web.service|"),
                      HasSubstr("SOCKDOG_EXECUTABLE=/opt/we;b $(x)"), HasSubstr("SOCKDOG_CONTAINER=abc|"),
                      HasSubstr("SOCKDOG_ENDPOINT=127.0.0.1:25555|"), HasSubstr("SOCKDOG_LEAKED=57|"),
                      HasSubstr("SOCKDOG_ATTEMPT=2"), HasSubstr("PATH=/usr/local/sbin:"),
                      Not(HasSubstr("SOCKDOG_TEST_SECRET"))));
}

TEST_F(CommandTest, GetsItsArgumentsWithoutAShell) {
    EXPECT_THAT(run(running({"/bin/echo", "{unit}", "$HOME;", "`id`", "*"})),
                HasSubstr("its output: leaky.service $HOME; `id` *"));
}

TEST_F(CommandTest, InheritsNoFileDescriptorButItsOwnThree) {
    const int leaked = ::open("/dev/zero", O_RDONLY);  // without close-on-exec, on purpose
    ASSERT_GE(leaked, 0);
    // The shell's glob opens one descriptor of its own, which is gone from /proc when it is looked at.
    const std::string said = run(shell("for fd in /proc/self/fd/*; do readlink $fd || :; done; pwd"));
    ::close(leaked);
    EXPECT_THAT(said, HasSubstr("/dev/null / "));
    EXPECT_THAT(said, Not(HasSubstr("/dev/zero")));
    EXPECT_THAT(said, Not(HasSubstr("eventpoll")));
    EXPECT_THAT(said, Not(HasSubstr("pidfd")));
    EXPECT_THAT(said, ::testing::EndsWith(" / /"));
}

TEST_F(CommandTest, RunsWithDefaultSignalsThoughOursAreBlockedAndIgnored) {
    sigset_t blocked;
    sigset_t before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    ASSERT_EQ(::sigprocmask(SIG_BLOCK, &blocked, &before), 0);
    auto* const handler = ::signal(SIGPIPE, SIG_IGN);
    const std::string said = run(shell("grep -E '^Sig(Blk|Ign):' /proc/self/status; kill -USR1 $$"));
    ::signal(SIGPIPE, handler);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    EXPECT_THAT(said, AllOf(HasSubstr("signal 10 (SIGUSR1)"), HasSubstr("SigBlk:\\x090000000000000000")));
    const std::string mark = "SigIgn:\\x09";
    const auto at = said.find(mark);
    ASSERT_NE(at, std::string::npos) << said;
    // glibc leaves its own two, signals 32 and 33, ignored in whatever posix_spawn starts.
    const auto ignored = std::strtoull(said.c_str() + at + mark.size(), nullptr, 16);
    EXPECT_EQ(ignored & 0x7fffffffU, 0U) << said;
}

TEST_F(CommandTest, KeepsTheEndOfALongOutput) {
    const std::string said =
        run(shell("i=0; while [ $i -lt 20000 ]; do echo line-$i; i=$((i+1)); done; echo the end"));
    EXPECT_THAT(said, AllOf(HasSubstr("the end"), HasSubstr("line-19999"), Not(HasSubstr("line-1 "))));
    EXPECT_LT(said.size(), 8192U);
}

TEST_F(CommandTest, IsEndedByTermAtItsTimeout) {
    const std::string said =
        run(shell("trap 'echo cleaned up; exit 0' TERM; while :; do sleep 0.05; done", 1s));
    ASSERT_FALSE(answer->ok());
    EXPECT_EQ(answer->error().code, ETIMEDOUT);
    EXPECT_THAT(said, AllOf(HasSubstr("did not end within 1s and was killed"), HasSubstr("cleaned up")));
}

TEST_F(CommandTest, IsKilledAsAGroupWhenItIgnoresTerm) {
    const std::string said = run(
        shell("trap '' TERM; sleep 300 & echo child $!; echo shell $$; wait; while :; do sleep 1; done", 1s));
    ASSERT_FALSE(answer->ok()) << said;
    const int child = number_after(said, "child ");
    const int leader = number_after(said, "shell ");
    ASSERT_GT(std::min(child, leader), 1) << said;
    EXPECT_TRUE(loop.run_until([&] { return is_gone(child) && is_gone(leader); })) << child << " " << leader;
}

TEST_F(CommandTest, WhatItsLeaderLeavesBehindAtTheTimeoutIsKilledToo) {
    // The leader dies of TERM, its child ignores it.
    const std::string said = run(shell("(trap '' TERM; exec sleep 300) & echo child $!; wait", 1s));
    ASSERT_FALSE(answer->ok()) << said;
    const int child = number_after(said, "child ");
    ASSERT_GT(child, 1) << said;
    EXPECT_TRUE(loop.run_until([&] { return is_gone(child); })) << child;
}

TEST_F(CommandTest, WhatItStartedInTheBackgroundOutlivesASuccess) {
    const std::string said = run(shell("sleep 300 & echo child $!"));
    ASSERT_TRUE(answer->ok()) << said;
    const int child = number_after(said, "child ");
    ASSERT_GT(child, 1) << said;
    EXPECT_FALSE(is_gone(child)) << "a service started by the command must live on";
    ::kill(child, SIGKILL);
}

TEST_F(CommandTest, OneAtATime) {
    start(shell("sleep 0.3; echo first"));
    std::optional<Result<std::string>> second;
    actuator.start(incident_of(), shell("echo second"),
                   [&](Result<std::string> r) { second.emplace(std::move(r)); });
    ASSERT_TRUE(second.has_value());
    ASSERT_FALSE(second->ok());
    EXPECT_EQ(second->error().code, EBUSY);
    ASSERT_TRUE(loop.run_until([this] { return answer.has_value(); }));
    EXPECT_THAT(answer->value(), HasSubstr("first"));
    EXPECT_THAT(run(shell("echo third")), HasSubstr("third"));
}

TEST_F(CommandTest, LeavesNoFileDescriptorsNorZombies) {
    const auto count = [] {
        int n = 0;
        for (int fd = 0; fd < 256; ++fd) n += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
        return n;
    };
    run(shell("exit 0"));
    const int before = count();
    for (int i = 0; i < 20; ++i) run(i % 2 == 0 ? shell("exit 1") : running({"/no/such"}));
    EXPECT_EQ(count(), before);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "every child was reaped";
}

TEST(CommandActuator, TerminatesItsCommandWhenItIsDestroyed) {
    const Loop loop;
    auto actuator = make_command_actuator(loop.get());
    const std::string file = ::testing::TempDir() + "sockdog-command-" + std::to_string(::getpid());
    bool answered = false;
    actuator->start(incident_of(), shell("echo $$ > " + file + "; exec sleep 300"),
                    [&](const Result<std::string>&) { answered = true; });
    int pid = 0;
    ASSERT_TRUE(loop.run_until([&] { return static_cast<bool>(std::ifstream(file) >> pid); }));
    actuator.reset();
    EXPECT_TRUE(loop.run_until([&] { return ::waitpid(pid, nullptr, WNOHANG) != 0; })) << "it got TERM";
    EXPECT_FALSE(answered);
    ::unlink(file.c_str());
}

}  // namespace
}  // namespace sockdog
