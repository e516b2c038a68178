#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "remedy/engine.h"
#include "remedy/fake_actuator.h"

namespace sockdog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using namespace sockdog::testing;

/// One action on `incident` that fails at `when`; leaves the incident open.
void fail_once(World& world, Duration when) {
    world.tick(when);
    ASSERT_FALSE(world.starts.empty());
    world.starts.back().done(make_error("it did not work"));
    world.tick(when + 5s);
}

TEST(RemedyEngine, ActsOnceTheEvidenceIsSustainedAndVerifiesByTheBooks) {
    World world;
    const Incident incident = incident_of();
    world.add(incident);
    for (Duration t = 0s; t < 5min; t += 5s) world.tick(t);
    EXPECT_THAT(world.news(), IsEmpty());
    EXPECT_THAT(world.engine->why_not("i1").value_or(""), StartsWith("sustained: "));
    EXPECT_FALSE(world.engine->busy());

    world.tick(5min);
    ASSERT_EQ(world.told.size(), 1U);
    const RemedyReport started = world.told[0].second;
    EXPECT_EQ(started.outcome, RemedyOutcome::kStarted);
    EXPECT_EQ(started.action, "systemd-restart");
    EXPECT_EQ(started.target, "target of i1");
    EXPECT_EQ(started.attempt, 1U);
    EXPECT_EQ(started.process, incident.owner.process);
    EXPECT_EQ(started.at, at(5min).wall);
    EXPECT_THAT(started.reason, HasSubstr("57 sockets to 127.0.0.1:25555"));
    EXPECT_TRUE(world.engine->busy());
    ASSERT_EQ(world.starts.size(), 1U);
    world.news();

    world.starts[0].done(std::string("restarted"));
    world.replace(incident);  // and so the incident is resolved
    for (Duration t = 5min + 5s; t < 7min + 5s; t += 5s) world.tick(t);
    EXPECT_THAT(world.news(), IsEmpty());
    EXPECT_TRUE(world.engine->busy());
    world.tick(7min + 5s);
    ASSERT_EQ(world.told.size(), 1U);
    EXPECT_EQ(world.told[0].first, "i1");
    EXPECT_EQ(world.told[0].second.outcome, RemedyOutcome::kSucceeded);
    EXPECT_THAT(world.told[0].second.reason, HasSubstr("restarted; pid 4243 took the place of pid 4242"));
    EXPECT_FALSE(world.engine->busy());
    EXPECT_EQ(world.starts.size(), 1U);
}

TEST(RemedyEngine, TellsTheStartBeforeItActs) {
    World world;
    world.add(incident_of());
    world.tick(10min);
    ASSERT_EQ(world.starts.size(), 1U);
    EXPECT_EQ(world.told_when_started, 1U);
    ASSERT_EQ(world.starts[0].incident.remedies.size(), 1U);
    EXPECT_EQ(world.starts[0].incident.remedies[0].outcome, RemedyOutcome::kStarted);
}

TEST(RemedyEngine, DoesNotActWhereTheStartCannotBeJournalled) {
    World world;
    world.add(incident_of());
    world.journalled = false;
    world.tick(10min);
    EXPECT_THAT(world.starts, IsEmpty());
    ASSERT_EQ(world.told.size(), 2U);
    EXPECT_EQ(world.told[1].second.outcome, RemedyOutcome::kFailed);
    EXPECT_THAT(world.told[1].second.reason, HasSubstr("could not be journalled"));
    EXPECT_FALSE(world.engine->busy());
    world.journalled = true;
    world.tick(40min + 5s);
    EXPECT_EQ(world.starts.size(), 1U) << "after the cooldown";
}

TEST(RemedyEngine, DoesNothingAtAllWithoutAPolicyThatActs) {
    World world;
    world.add(incident_of(), RemedyPolicy{});
    for (Duration t = 0s; t < 2h; t += 1min) world.tick(t);
    EXPECT_THAT(world.told, IsEmpty());
    EXPECT_THAT(world.starts, IsEmpty());
}

TEST(RemedyEngine, ADryRunTellsOnceAndAgainAfterTheCooldown) {
    World world;
    RemedyPolicy policy;
    policy.action = RemedyAction::kSystemdRestart;
    ASSERT_TRUE(policy.dry_run) << "acting must be asked for";
    world.add(incident_of(), policy);
    for (Duration t = 0s; t < 35min; t += 5s) world.tick(t);
    EXPECT_THAT(world.news(), ElementsAre("i1 dry_run"));
    for (Duration t = 35min; t < 65min; t += 5s) world.tick(t);
    EXPECT_THAT(world.news(), ElementsAre("i1 dry_run"));
    EXPECT_THAT(world.starts, IsEmpty());
    EXPECT_FALSE(world.engine->busy());
}

TEST(RemedyEngine, ADryRunIsGuardedLikeTheRealThing) {
    World world;
    RemedyPolicy policy = acting_policy();
    policy.dry_run = true;
    world.add(incident_of("i1", "ssh.service"), policy);
    world.tick(10min);
    ASSERT_EQ(world.told.size(), 1U);
    EXPECT_EQ(world.told[0].second.outcome, RemedyOutcome::kHeld);
    EXPECT_THAT(world.told[0].second.reason, StartsWith("protected: "));
}

TEST(RemedyEngine, TellsEachGuardOncePerIncident) {
    World world;
    world.add(incident_of());
    world.engine->hold("deploy");
    for (Duration t = 10min; t < 20min; t += 5s) world.tick(t);
    EXPECT_THAT(world.news(), ElementsAre("i1 held"));
    world.engine->release();
    world.uncertain = true;
    for (Duration t = 20min; t < 30min; t += 5s) world.tick(t);
    EXPECT_THAT(world.news(), ElementsAre("i1 held"));
    world.engine->hold("again");
    world.tick(30min);
    EXPECT_THAT(world.news(), ElementsAre("i1 held")) << "a new hold is news";
    EXPECT_THAT(world.starts, IsEmpty());
}

TEST(RemedyEngine, HoldStopsActingAndReleaseResumesIt) {
    World world;
    world.add(incident_of());
    world.engine->hold("maintenance");
    EXPECT_EQ(world.engine->held(), "maintenance");
    world.tick(10min);
    ASSERT_EQ(world.told.size(), 1U);
    EXPECT_THAT(world.told[0].second.reason, HasSubstr("maintenance"));
    EXPECT_THAT(world.starts, IsEmpty());
    world.engine->release();
    EXPECT_EQ(world.engine->held(), std::nullopt);
    world.tick(11min);
    EXPECT_EQ(world.starts.size(), 1U);
}

TEST(RemedyEngine, AnActionUnderWayIsFollowedToItsEndDespiteAHold) {
    World world;
    const Incident incident = incident_of();
    world.add(incident);
    world.tick(10min);
    world.engine->hold("stop");
    world.news();
    world.starts[0].done(std::string("restarted"));
    world.replace(incident);
    for (Duration t = 10min; t < 13min; t += 5s) world.tick(t);
    EXPECT_THAT(world.news(), ElementsAre("i1 succeeded"));
    EXPECT_EQ(world.engine->held(), "stop");
}

TEST(RemedyEngine, OneOffenderAtATimeTheWorstFirst) {
    World world;
    const Incident small = incident_of("i1", owner_of("small.service", 100), 40);
    const Incident large = incident_of("i2", owner_of("large.service", 200), 400);
    Incident critical = incident_of("i3", owner_of("critical.service", 300), 50);
    critical.latest.severity = Severity::kCritical;
    for (const auto& incident : {small, large, critical}) world.add(incident);
    world.tick(10min);
    ASSERT_EQ(world.starts.size(), 1U);
    EXPECT_EQ(world.starts[0].incident.id, "i3");
    EXPECT_THAT(world.news(), ElementsAre("i3 started", "i2 held", "i1 held"));

    world.starts[0].done(std::string("restarted"));
    world.replace(critical);
    for (Duration t = 10min + 5s; t <= 12min + 5s; t += 5s) world.tick(t);
    EXPECT_THAT(world.news(), ElementsAre("i3 succeeded"));
    EXPECT_EQ(world.starts.size(), 1U) << "the tick that ends one remedy starts no other: measure first";
    world.tick(12min + 10s);
    EXPECT_THAT(world.news(), ElementsAre("i2 started"));
}

TEST(RemedyEngine, TwoFailuresGiveUpOnceAndForGood) {
    World world;
    world.add(incident_of());
    fail_once(world, 10min);
    ASSERT_EQ(world.told.size(), 2U);
    EXPECT_THAT(world.told[1].second.reason, HasSubstr("it did not work"));
    EXPECT_THAT(world.news(), ElementsAre("i1 started", "i1 failed"));
    for (Duration t = 11min; t < 40min; t += 1min) world.tick(t);
    EXPECT_THAT(world.news(), ElementsAre("i1 held")) << "the cooldown";
    fail_once(world, 40min);
    EXPECT_EQ(world.told.front().second.attempt, 2U);
    EXPECT_THAT(world.news(), ElementsAre("i1 started", "i1 failed", "i1 gave_up"));
    for (Duration t = 41min; t < 10h; t += 1min) world.tick(t);
    EXPECT_THAT(world.news(), IsEmpty());
    EXPECT_EQ(world.starts.size(), 2U);
}

TEST(RemedyEngine, GivingUpHoldsForTheNextIncidentOfTheSameOwnerAndForNobodyElse) {
    World world;
    world.add(incident_of("i1"));
    fail_once(world, 10min);
    fail_once(world, 50min);
    world.news();
    world.open.clear();
    world.add(incident_of("i2", owner_of("leaky.service", 5000)));
    world.add(incident_of("i3", owner_of("other.service", 6000)));
    world.tick(3h);
    EXPECT_THAT(world.news(), ElementsAre("i2 held", "i3 started"));
    EXPECT_EQ(world.starts.back().incident.id, "i3");
}

TEST(RemedyEngine, ReleaseAllowsNewTriesAfterGivingUp) {
    World world;
    world.add(incident_of());
    fail_once(world, 10min);
    fail_once(world, 50min);
    world.news();
    world.engine->release();
    world.tick(60min);
    EXPECT_THAT(world.news(), ElementsAre("i1 held")) << "the cooldown still holds";
    world.tick(90min);
    EXPECT_THAT(world.news(), ElementsAre("i1 started"));
}

TEST(RemedyEngine, AProcessThatKeepsItsPidIsAFailure) {
    World world;
    world.add(incident_of());
    world.tick(10min);
    world.starts[0].done(std::string("restarted"));
    world.news();
    for (Duration t = 10min + 5s; t < 10min + 20s; t += 5s) world.tick(t);
    ASSERT_EQ(world.told.size(), 1U);
    EXPECT_EQ(world.told[0].second.outcome, RemedyOutcome::kFailed);
    EXPECT_THAT(world.told[0].second.reason, HasSubstr("kept its pid"));
}

TEST(RemedyEngine, AServiceThatLeaksAgainIsAFailureAtOnce) {
    World world;
    const Incident incident = incident_of();
    world.add(incident);
    world.tick(10min);
    world.starts[0].done(std::string("restarted"));
    const ProcessId next = world.replace(incident);
    for (Duration t = 10min + 5s; t < 11min; t += 5s) world.tick(t);
    world.states[incident.owner.stable_key()] = {next, 9};
    world.news();
    world.tick(11min);
    ASSERT_EQ(world.told.size(), 1U);
    EXPECT_EQ(world.told[0].second.outcome, RemedyOutcome::kFailed);
    EXPECT_THAT(world.told[0].second.reason, HasSubstr("leaks again: 9 sockets"));
}

TEST(RemedyEngine, ChecksWhoHasThePidAtTheMomentOfActing) {
    World world;
    const Incident incident = incident_of();
    world.add(incident);
    world.processes.erase(incident.owner.process);
    world.tick(10min);
    ASSERT_EQ(world.told.size(), 1U);
    EXPECT_THAT(world.told[0].second.reason, StartsWith("identity: pid 4242"));
    world.news();
    Owner changed = incident.owner;
    changed.executable = "/usr/sbin/sshd";
    world.processes[incident.owner.process] = changed;
    world.tick(11min);
    ASSERT_EQ(world.told.size(), 1U);
    EXPECT_THAT(world.told[0].second.reason, StartsWith("protected: "));
    EXPECT_THAT(world.starts, IsEmpty());
}

TEST(RemedyEngine, TheActuatorGetsTheOwnerThatWasJustRead) {
    World world;
    const Incident incident = incident_of();
    world.add(incident);
    world.processes[incident.owner.process].cgroup = "/system.slice/leaky.service/inner";
    world.tick(10min);
    ASSERT_EQ(world.starts.size(), 1U);
    EXPECT_EQ(world.starts[0].incident.owner.cgroup, "/system.slice/leaky.service/inner");
}

TEST(RemedyEngine, APauseOfTheLeakStartsTheEvidenceAnew) {
    World world;
    const Incident incident = incident_of();
    world.add(incident);
    const std::string key = incident.owner.stable_key();
    world.tick(0s);
    world.states[key].leaked = 0;
    world.tick(4min);
    world.states[key].leaked = 57;
    for (Duration t = 4min + 5s; t < 9min; t += 5s) world.tick(t);
    EXPECT_THAT(world.starts, IsEmpty());
    world.tick(9min);
    EXPECT_EQ(world.starts.size(), 1U);
}

TEST(RemedyEngine, AJumpOfTheWallClockIsNoEvidenceAndEndsNoCooldown) {
    World world;
    world.add(incident_of());
    world.tick(0s);
    world.tick(1min, 24h);
    EXPECT_THAT(world.starts, IsEmpty());
    world.tick(5min, 24h);
    ASSERT_EQ(world.starts.size(), 1U);
    world.starts[0].done(make_error("no"));
    world.tick(6min, 24h);
    world.tick(10min, 48h);
    world.tick(20min, -48h);
    EXPECT_EQ(world.starts.size(), 1U);
    world.tick(35min, -48h);
    EXPECT_EQ(world.starts.size(), 2U);
}

TEST(RemedyEngine, AnActuatorThatNeverAnswersIsAFailureAndItsLateAnswerIsIgnored) {
    World world;
    world.add(incident_of());
    world.tick(10min);
    world.news();
    world.tick(15min - 1s);
    EXPECT_TRUE(world.engine->busy());
    world.tick(15min);
    ASSERT_EQ(world.told.size(), 1U);
    EXPECT_EQ(world.told[0].second.outcome, RemedyOutcome::kFailed);
    EXPECT_THAT(world.told[0].second.reason, HasSubstr("no answer"));
    world.news();
    world.starts[0].done(std::string("late"));
    world.tick(16min);
    EXPECT_FALSE(world.engine->busy());
    EXPECT_THAT(world.news(), ElementsAre("i1 held"));
}

TEST(RemedyEngine, AnAnswerAfterTheEngineIsGoneDoesNoHarm) {
    World world;
    world.add(incident_of());
    world.tick(10min);
    world.engine.reset();
    world.starts[0].done(std::string("too late"));
}

TEST(RemedyEngine, AnActionWithoutAnActuatorIsRefused) {
    std::vector<RemedyReport> told;
    RemedyHooks hooks;
    const Incident incident = incident_of();
    hooks.report = [&](const std::string&, const RemedyReport& report) { told.push_back(report); };
    hooks.identify = [&](ProcessId) -> Result<Owner> { return incident.owner; };
    hooks.observe = [&](const Incident&) { return OwnerState{incident.owner.process, 57}; };
    hooks.uncertain = [] { return false; };
    RemedyEngine engine({}, {}, hooks);
    engine.tick(at(10min), {{incident, acting_policy()}});
    ASSERT_EQ(told.size(), 1U);
    EXPECT_THAT(told[0].reason, StartsWith("target: this sockdogd cannot carry out systemd-restart"));
}

TEST(RemedyEngine, WithoutHooksNothingIsEverDone) {
    World world;
    std::map<RemedyAction, std::unique_ptr<Actuator>> actuators;
    actuators[RemedyAction::kSystemdRestart] = std::make_unique<FakeActuator>(&world.starts, [] {});
    RemedyEngine engine(std::move(actuators), {}, {});
    engine.tick(at(10min), {{incident_of(), acting_policy()}});
    EXPECT_THAT(world.starts, IsEmpty());
}

TEST(RemedyEngine, ReloadedSettingsProtectAtOnce) {
    World world;
    world.add(incident_of());
    world.engine->set_settings({{"leaky.service"}, {}});
    world.tick(10min);
    EXPECT_THAT(world.news(), ElementsAre("i1 held"));
    world.engine->set_settings({});
    world.tick(11min);
    EXPECT_THAT(world.news(), ElementsAre("i1 started"));
}

TEST(RemedyEngine, TheBudgetHoldsOverAllOwners) {
    World world;
    for (std::uint32_t i = 1; i <= 5; ++i) {
        world.add(
            incident_of("i" + std::to_string(i), owner_of("s" + std::to_string(i) + ".service", 100 * i)));
    }
    for (Duration t = 10min; t < 65min; t += 5s) {
        const std::size_t before = world.starts.size();
        world.tick(t);
        if (world.starts.size() > before) world.starts.back().done(make_error("no"));
    }
    EXPECT_EQ(world.starts.size(), 3U);
    EXPECT_THAT(world.engine->why_not("i5").value_or(""), StartsWith("budget: "));
    EXPECT_THAT(world.engine->why_not("i1").value_or(""), StartsWith("budget: "));
}

}  // namespace
}  // namespace sockdog
