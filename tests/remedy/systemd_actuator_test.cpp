// The systemd actuator against a private bus and a stand-in for systemd on it.
#include "remedy/systemd_actuator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "remedy/fixtures.h"
#include "remedy/loop.h"
#include "remedy/private_bus.h"

namespace sockdog {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace sockdog::testing;

struct SystemdTest : ::testing::Test {
    PrivateBus bus;
    Loop loop;
    std::optional<Result<std::string>> answer;
    int answers = 0;

    void SetUp() override {
        if (!bus.problem().empty()) GTEST_SKIP() << bus.problem();
    }
    Actuator::Done taker() {
        return [this](Result<std::string> result) {
            answer.emplace(std::move(result));
            ++answers;
        };
    }
    std::string run(SystemdActuator& actuator, const Incident& incident = incident_of()) {
        answer.reset();
        actuator.start(incident, acting_policy(), taker());
        if (!loop.run_until([this] { return answer.has_value(); })) return "no answer";
        return answer->ok() ? answer->value() : answer->error().message;
    }
    /// The answer to a restart of leaky.service by a manager of that kind, and the calls that it got.
    std::string run(const UnitScript& script, Duration limit = 30s) {
        FakeSystemd systemd(bus.address(), script);
        EXPECT_EQ(systemd.problem(), "");
        SystemdActuator actuator(loop.get(), {.system = bus.address(), .user = {}}, limit);
        std::string said = run(actuator);
        calls = systemd.calls();
        return said;
    }
    std::vector<std::string> calls;
};

constexpr const char* kRestartCall = "TryRestartUnit leaky.service replace";

TEST_F(SystemdTest, RestartsAUnitAndFollowsTheJobToItsEnd) {
    EXPECT_EQ(run(UnitScript{}), "systemd restarted leaky.service");
    EXPECT_TRUE(answer->ok());
    EXPECT_THAT(calls, ElementsAre("Subscribe", "LoadUnit leaky.service", kRestartCall));
}

Incident users_incident() {
    Incident incident = incident_of("i1", "user@1000.service");
    incident.owner.user_unit = "app.service";
    incident.owner.cgroup = "/user.slice/user-1000.slice/user@1000.service/app.slice/app.service";
    return incident;
}

TEST_F(SystemdTest, RestartsAUnitOfAUserOnTheUsersBusAlone) {
    PrivateBus users;
    ASSERT_EQ(users.problem(), "");
    UnitScript script;
    script.control_group = users_incident().owner.cgroup;
    FakeSystemd host(bus.address(), script);
    FakeSystemd user(users.address(), script);
    SystemdActuator actuator(loop.get(), {.system = bus.address(), .user = users.address()}, 30s);
    EXPECT_EQ(run(actuator, users_incident()),
              "the user's systemd (user@1000.service) restarted app.service");
    EXPECT_THAT(user.calls(),
                ElementsAre("Subscribe", "LoadUnit app.service", "TryRestartUnit app.service replace"));
    EXPECT_THAT(host.calls(), ElementsAre());
}

TEST_F(SystemdTest, BelievesAUserManagerOnlyAboutWhatIsBelowIt) {
    for (const char* cgroup :
         {"/system.slice/app.service", "/user.slice/user-1001.slice/user@1001.service/app.service",
          "/user.slice/user-1000.slice/user@1000.service"}) {
        UnitScript script;
        script.control_group = cgroup;
        FakeSystemd user(bus.address(), script);
        SystemdActuator actuator(loop.get(), {.system = {}, .user = bus.address()}, 30s);
        Incident incident = users_incident();
        incident.owner.cgroup = std::string(cgroup) + "/x";
        EXPECT_THAT(run(actuator, incident), HasSubstr("does not lie below user@1000.service")) << cgroup;
        EXPECT_THAT(user.calls(), Not(Contains(HasSubstr("TryRestartUnit"))));
    }
}

TEST_F(SystemdTest, ProtectsTheSameUnitsOfAUser) {
    UnitScript script;
    script.control_group = users_incident().owner.cgroup;
    script.id = "dbus.service";
    FakeSystemd user(bus.address(), script);
    SystemdActuator actuator(loop.get(), {.system = {}, .user = bus.address()}, 30s);
    EXPECT_THAT(run(actuator, users_incident()), HasSubstr("app.service is dbus.service"));
}

TEST_F(SystemdTest, AUserWhoseBusCannotBeReachedIsAFailure) {
    SystemdActuator actuator(loop.get(), {.system = {}, .user = "unix:path=/nonexistent/bus"}, 30s);
    EXPECT_THAT(run(actuator, users_incident()), HasSubstr("restart app.service: connect to the user's bus"));
    EXPECT_FALSE(answer->ok());
}

TEST_F(SystemdTest, TellsHowAJobFailed) {
    for (const auto& [result, says] :
         std::vector<std::pair<std::string, std::string>>{{"failed", "did not stop or did not start"},
                                                          {"canceled", "cancelled by another job"},
                                                          {"timeout", "time limit"},
                                                          {"dependency", "depends on failed"},
                                                          {"skipped", "not running any more"},
                                                          {"assert\n", "ended with \"assert\\x0a\""}}) {
        UnitScript script;
        script.job_result = result;
        const std::string said = run(script);
        ASSERT_TRUE(answer.has_value()) << result;
        EXPECT_FALSE(answer->ok()) << result;
        EXPECT_THAT(said, HasSubstr("restart leaky.service: "));
        EXPECT_THAT(said, HasSubstr(says));
    }
}

TEST_F(SystemdTest, RefusesUnitsThatMustNotBeRestarted) {
    struct Case {
        std::function<void(UnitScript&)> change;
        std::string says;
    };
    const std::vector<Case> cases = {
        {[](UnitScript& s) { s.load_state = "masked"; }, "is masked"},
        {[](UnitScript& s) { s.load_state = "not-found"; }, "no unit file"},
        {[](UnitScript& s) { s.load_state = "bad-setting"; }, "bad-setting"},
        {[](UnitScript& s) { s.active_state = "inactive"; }, "is inactive, not active"},
        {[](UnitScript& s) { s.active_state = "deactivating"; }, "is deactivating"},
        {[](UnitScript& s) { s.refuse_manual_stop = true; }, "refuses manual"},
        {[](UnitScript& s) { s.can_start = false; }, "cannot be started"},
        {[](UnitScript& s) { s.job_id = 9; }, "at work on leaky.service already (job 9)"},
        {[](UnitScript& s) { s.id = "ssh.service"; }, "leaky.service is ssh.service"},
        {[](UnitScript& s) {
             s.required_by = {"web.service", "systemd-logind.service"};
         },
         "systemd-logind.service"},
        {[](UnitScript& s) { s.control_group = "/system.slice/leaky.service2"; },
         "is not that of leaky.service"},
        {[](UnitScript& s) { s.control_group = "/"; }, "is not that of"},
        {[](UnitScript& s) { s.control_group = ""; }, "is not that of"},
        {[](UnitScript& s) { s.load_error = "org.freedesktop.systemd1.NoSuchUnit"; },
         "load the unit: Unit cannot be loaded.\\x01"},
    };
    for (const auto& c : cases) {
        UnitScript script;
        c.change(script);
        const std::string said = run(script);
        ASSERT_TRUE(answer.has_value()) << c.says;
        EXPECT_FALSE(answer->ok());
        EXPECT_THAT(said, HasSubstr(c.says));
        EXPECT_THAT(calls, Not(Contains(kRestartCall))) << c.says;
    }
}

TEST_F(SystemdTest, AContainersUnitIsNotTheHostsUnitOfTheSameName) {
    FakeSystemd systemd(bus.address(), UnitScript{});
    ASSERT_EQ(systemd.problem(), "");
    SystemdActuator actuator(loop.get(), {.system = bus.address(), .user = {}}, 30s);
    Incident incident = incident_of();
    incident.owner.cgroup = "/machine.slice/machine-web.scope/system.slice/leaky.service";
    EXPECT_THAT(run(actuator, incident), HasSubstr("is not that of leaky.service"));
    EXPECT_THAT(systemd.calls(), Not(Contains(kRestartCall)));
    incident.owner.cgroup = "/system.slice/leaky.service/worker";
    EXPECT_EQ(run(actuator, incident), "systemd restarted leaky.service")
        << "below its own cgroup is fine, and a second try";
}

TEST_F(SystemdTest, IsToldWhenSystemdForbidsIt) {
    UnitScript script;
    script.restart_error = SD_BUS_ERROR_ACCESS_DENIED;
    EXPECT_THAT(run(script), HasSubstr("queue the restart: Access denied."));
    EXPECT_EQ(answer->error().code, EACCES);
}

TEST_F(SystemdTest, TakesASignalThatComesBeforeTheReply) {
    UnitScript script;
    script.signal_before_reply = true;
    EXPECT_EQ(run(script), "systemd restarted leaky.service");
}

TEST_F(SystemdTest, GivesUpOnAJobThatNeverEnds) {
    UnitScript script;
    script.job_result = "";
    EXPECT_THAT(run(script, 1s), HasSubstr("did not end within 1s; it is left to systemd"));
    EXPECT_EQ(answer->error().code, ETIMEDOUT);
    EXPECT_THAT(calls, Contains(kRestartCall));
}

TEST_F(SystemdTest, IgnoresASignalFromAnybodyButSystemd) {
    UnitScript script;
    script.forged_signal_only = true;
    EXPECT_THAT(run(script, 1s), HasSubstr("did not end within 1s"));
}

TEST_F(SystemdTest, GivesUpOnAManagerThatDoesNotAnswer) {
    UnitScript script;
    script.hang_on_load = true;
    EXPECT_THAT(run(script, 500ms), HasSubstr("no answer from systemd within 500ms"));
}

TEST_F(SystemdTest, TellsWhenTheBusVanishesInTheMiddleAndConnectsAnewAfterwards) {
    SystemdActuator actuator(loop.get(), {.system = bus.address(), .user = {}}, 30s);
    {
        UnitScript script;
        script.job_result = "";
        FakeSystemd systemd(bus.address(), script);
        ASSERT_EQ(systemd.problem(), "");
        actuator.start(incident_of(), acting_policy(), taker());
        std::vector<std::string> seen;
        ASSERT_TRUE(loop.run_until([&] {
            seen = systemd.calls();
            return ::testing::Value(seen, Contains(kRestartCall));
        }));
        loop.run_for(std::chrono::milliseconds(100));  // the reply with the job
        bus.kill_daemon();
        ASSERT_TRUE(loop.run_until([this] { return answer.has_value(); }));
    }
    ASSERT_FALSE(answer->ok());
    EXPECT_THAT(answer->error().message, HasSubstr("its result is not known"));
    EXPECT_THAT(run(actuator), HasSubstr("connect to the system bus: ")) << "there is none now";
    EXPECT_EQ(answers, 2);
}

TEST_F(SystemdTest, TellsWhenNobodyIsSystemd) {
    SystemdActuator actuator(loop.get(), {.system = bus.address(), .user = {}}, 30s);
    EXPECT_THAT(run(actuator), HasSubstr("subscribe to systemd: "));
    EXPECT_FALSE(answer->ok());
}

TEST_F(SystemdTest, OneAtATime) {
    UnitScript script;
    script.job_result = "";
    FakeSystemd systemd(bus.address(), script);
    ASSERT_EQ(systemd.problem(), "");
    SystemdActuator actuator(loop.get(), {.system = bus.address(), .user = {}}, 1s);
    actuator.start(incident_of(), acting_policy(), taker());
    std::optional<Result<std::string>> second;
    actuator.start(incident_of(), acting_policy(),
                   [&](Result<std::string> r) { second.emplace(std::move(r)); });
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(second->error().code, EBUSY);
    EXPECT_TRUE(loop.run_until([this] { return answer.has_value(); }));
}

TEST_F(SystemdTest, DestroyedInTheMiddleItNeverAnswers) {
    UnitScript script;
    script.job_result = "";
    FakeSystemd systemd(bus.address(), script);
    ASSERT_EQ(systemd.problem(), "");
    auto actuator =
        std::make_unique<SystemdActuator>(loop.get(), BusAddresses{.system = bus.address(), .user = {}}, 30s);
    actuator->start(incident_of(), acting_policy(), taker());
    loop.run_for(std::chrono::milliseconds(100));
    actuator.reset();
    loop.run_for(std::chrono::milliseconds(100));
    EXPECT_EQ(answers, 0);
}

TEST(SystemdActuator, WithoutABusSaysSoAndDoesNotBlock) {
    const Loop loop;
    for (const auto* address : {"unix:path=/nonexistent/bus", "nonsense", "unix:path=/dev/null"}) {
        SystemdActuator actuator(loop.get(), {.system = address, .user = {}}, 30s);
        std::optional<Result<std::string>> answer;
        actuator.start(incident_of(), acting_policy(),
                       [&](Result<std::string> r) { answer.emplace(std::move(r)); });
        EXPECT_FALSE(answer.has_value()) << "never from within start()";
        ASSERT_TRUE(loop.run_until([&] { return answer.has_value(); })) << address;
        ASSERT_FALSE(answer->ok());
        EXPECT_THAT(answer->error().message, HasSubstr("restart leaky.service: connect to the system bus: "))
            << address;
    }
}

TEST(SystemdActuator, RefusesWhatIsNoServiceBeforeItConnects) {
    const Loop loop;
    SystemdActuator actuator(loop.get(), {.system = "unix:path=/nonexistent/bus", .user = {}}, 30s);
    std::optional<Result<std::string>> answer;
    Incident incident = incident_of("i1", "session-2.scope");
    actuator.start(incident, acting_policy(), [&](Result<std::string> r) { answer.emplace(std::move(r)); });
    ASSERT_TRUE(answer.has_value());
    EXPECT_THAT(answer->error().message, HasSubstr("is a scope"));
}

}  // namespace
}  // namespace sockdog
