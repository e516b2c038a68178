// Restarts through a real monit and the real helper.
#include "remedy/monit_actuator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "remedy/fixtures.h"
#include "remedy/loop.h"
#include "remedy/real_monit.h"

namespace sockdog {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace sockdog::testing;

constexpr const char* kHelper = SOCKDOG_BINARY_DIR "/bin/sockdog-monit";
constexpr const char* kPlain = "exec sleep 60\n";
// As under bpm: the pid file names the parent, the child is who leaks.
constexpr const char* kWithChild =
    "trap 'kill $!; exit' TERM\nsleep 60 & echo $! > $1.child.new && mv $1.child.new $1.child\nwait\n";
constexpr const char* kStubborn = "trap '' TERM\nfor i in $(seq 60); do sleep 1; done\n";

RemedyPolicy restarting() {
    RemedyPolicy policy = acting_policy();
    policy.action = RemedyAction::kMonitRestart;
    return policy;
}

Incident incident_of_pid(std::uint32_t pid) {
    Owner owner = owner_of("", pid);
    if (const auto found = ProcRoot().identify(pid); found) owner.process = *found;
    owner.cgroup = "/";
    owner.bosh_job = "web";
    return incident_of("i1", owner);
}

struct MonitTest : ::testing::Test {
    Loop loop;
    RemedySettings settings;
    MonitActuator actuator{loop.get(), [this] { return settings; }, kHelper};
    std::optional<Result<std::string>> answer;

    void SetUp() override {
        if (!RealMonit::installed()) GTEST_SKIP() << "monit is not installed";
    }
    void aim_at(const RealMonit& monit) {
        settings.monit.url = monit.url();
        settings.monit.credentials_file = monit.credentials();
    }
    /// The sentence of success or of the error.
    std::string act_on(std::uint32_t pid) {
        answer.reset();
        actuator.start(incident_of_pid(pid), restarting(),
                       [this](Result<std::string> result) { answer.emplace(std::move(result)); });
        if (!loop.run_until([this] { return answer.has_value(); })) return "no answer";
        return answer->ok() ? answer->value() : answer->error().message;
    }
};

TEST_F(MonitTest, RestartsTheServiceOfAProcess) {
    const RealMonit monit(kPlain);
    aim_at(monit);
    ASSERT_TRUE(monit.up()) << monit.log();
    const auto before = *monit.web();
    EXPECT_EQ(actuator.target(incident_of_pid(before), restarting()),
              "monit service of pid " + std::to_string(before));
    EXPECT_EQ(act_on(before), "monit accepted the restart of web");
    EXPECT_EQ(actuator.target(incident_of_pid(before), restarting()), "monit service web");
    EXPECT_TRUE(monit_tools::eventually([&] { return monit.web() && *monit.web() != before; }))
        << monit.log();
    EXPECT_TRUE(monit.said("'web' restart action done")) << monit.log();
}

TEST_F(MonitTest, RestartsTheServiceOfADescendant) {
    const RealMonit monit(kWithChild);
    aim_at(monit);
    ASSERT_TRUE(monit.up()) << monit.log();
    const auto before = *monit.web();
    const auto child = *monit.child();
    ASSERT_NE(child, before);
    EXPECT_EQ(act_on(child), "monit accepted the restart of web");
    EXPECT_TRUE(monit_tools::eventually([&] {
        return monit.child() && *monit.child() != child && *monit.web() != before;
    })) << monit.log();
}

TEST_F(MonitTest, LeavesAnUnmonitoredServiceAloneAndUnmonitored) {
    const RealMonit monit(kPlain);
    aim_at(monit);
    ASSERT_TRUE(monit.up()) << monit.log();
    const auto before = *monit.web();
    ASSERT_TRUE(monit.operate("unmonitor"));
    ASSERT_TRUE(monit.said("'web' unmonitor action done")) << monit.log();
    EXPECT_THAT(act_on(before),
                AllOf(StartsWith("target: no service of monit has pid "),
                      HasSubstr("not monitored, so that monit does not tell their pids, are web")));
    loop.run_for(std::chrono::milliseconds(2500));  // two of monit's rounds
    EXPECT_EQ(monit.web(), before);
    EXPECT_EQ(monit.log().find("'web' restart"), std::string::npos) << monit.log();
    EXPECT_THAT(act_on(before), HasSubstr("not monitored"));
}

TEST_F(MonitTest, KnowsNoServiceOfAProcessThatMonitDoesNotWatch) {
    const RealMonit monit(kPlain);
    aim_at(monit);
    ASSERT_TRUE(monit.up()) << monit.log();
    EXPECT_THAT(act_on(static_cast<std::uint32_t>(::getpid())),
                StartsWith("target: no service of monit has"));
}

TEST_F(MonitTest, SaysThatAPasswordIsWrong) {
    const RealMonit monit(kPlain);
    aim_at(monit);
    ASSERT_TRUE(monit.up()) << monit.log();
    settings.monit.credentials_file = monit.credentials("guessed");
    EXPECT_THAT(act_on(*monit.web()), HasSubstr("refuses the credentials (HTTP 401)"));
    settings.monit.credentials_file.clear();
    EXPECT_THAT(act_on(*monit.web()), HasSubstr("refuses a request without credentials (HTTP 401)"));
}

// The process ignores TERM. monit says "restart action done" all the same; the books say who is still there.
TEST_F(MonitTest, AStubbornProcessIsAFailedRemedy) {
    const RealMonit monit(kStubborn);
    aim_at(monit);
    ASSERT_TRUE(monit.up()) << monit.log();
    const Incident incident = incident_of_pid(*monit.web());
    std::vector<RemedyReport> told;
    RemedyHooks hooks;
    hooks.report = [&](const std::string&, const RemedyReport& report) { told.push_back(report); };
    hooks.identify = [&](ProcessId process) -> Result<Owner> {
        const auto found = ProcRoot().identify(process.pid);
        if (!found || *found != process) return make_error("gone", ESRCH);
        return incident.owner;
    };
    hooks.observe = [&](const Incident&) { return OwnerState{incident.owner.process, 57}; };
    hooks.uncertain = [] { return false; };
    std::map<RemedyAction, std::unique_ptr<Actuator>> actuators;
    actuators[RemedyAction::kMonitRestart] = make_monit_actuator(
        loop.get(), [this] { return settings; }, kHelper);
    RemedyEngine engine(std::move(actuators), {}, std::move(hooks));
    RemedyPolicy policy = restarting();
    policy.verify = 6s;  // more than monit's time limit for its stop program
    const auto over = [&] {
        engine.tick(read_now(), {{incident, policy}});
        return told.size() > 1;
    };
    ASSERT_TRUE(loop.run_until(over));
    EXPECT_EQ(told[0].outcome, RemedyOutcome::kStarted);
    EXPECT_THAT(told[0].target, StartsWith("monit service of pid "));
    EXPECT_EQ(told[1].outcome, RemedyOutcome::kFailed);
    EXPECT_EQ(told[1].action, "monit-restart");
    EXPECT_EQ(told[1].target, "monit service web");
    EXPECT_THAT(told[1].reason,
                AllOf(StartsWith("monit accepted the restart of web; the process kept its pid"),
                      HasSubstr("was not replaced")));
    EXPECT_TRUE(monit.said("'web' failed to stop")) << monit.log();
    EXPECT_TRUE(monit.said("'web' restart action done")) << monit.log();
    EXPECT_EQ(monit.web(), incident.owner.process.pid);
}

}  // namespace
}  // namespace sockdog
