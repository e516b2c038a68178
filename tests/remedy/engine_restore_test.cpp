// What the engine knows after a restart of the agent, from the journal alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "remedy/engine.h"
#include "remedy/fake_actuator.h"

namespace sockdog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace sockdog::testing;
using enum RemedyOutcome;

/// The open incident with these steps, a minute apart since kStart, as the journal has it.
Incident journalled(std::initializer_list<RemedyOutcome> outcomes, const std::string& reason = "") {
    Incident incident = incident_of();
    Duration when = 0s;
    for (const auto outcome : outcomes) {
        incident.remedies.push_back(report_of(outcome, at(when).wall, reason));
        when += 1min;
    }
    return incident;
}

TEST(RemedyRestore, AnInterruptedActionCountsAsTakenAndFailedAndIsTold) {
    World world;
    const Incident incident = journalled({kStarted});
    world.engine->restore({incident});
    world.add(incident);
    world.tick(10min);
    ASSERT_EQ(world.told.size(), 2U);
    EXPECT_THAT(world.told[0].second.reason, HasSubstr("sockdogd ended before the result was known"));
    EXPECT_EQ(world.told[0].second.target, "leaky.service");
    EXPECT_THAT(world.told[1].second.reason, HasSubstr("cooldown: "));
    EXPECT_THAT(world.news(), ElementsAre("i1 failed", "i1 held"));
    world.tick(30min);
    ASSERT_EQ(world.told.size(), 1U);
    EXPECT_EQ(world.told[0].second.attempt, 2U);
    EXPECT_THAT(world.news(), ElementsAre("i1 started"));
}

TEST(RemedyRestore, TheInterruptedSecondTryGivesUp) {
    World world;
    const Incident incident = journalled({kStarted, kFailed, kStarted});
    world.engine->restore({incident});
    world.add(incident);
    for (Duration t = 10min; t < 5h; t += 5min) world.tick(t);
    EXPECT_THAT(world.news(), ElementsAre("i1 failed", "i1 gave_up"));
    EXPECT_THAT(world.starts, IsEmpty());
}

TEST(RemedyRestore, HavingGivenUpIsNotForgottenNorToldAgain) {
    World world;
    const Incident incident = journalled({kStarted, kFailed, kStarted, kFailed, kGaveUp});
    world.engine->restore({incident});
    world.add(incident);
    for (Duration t = 10min; t < 5h; t += 5min) world.tick(t);
    EXPECT_THAT(world.news(), IsEmpty());
    EXPECT_THAT(world.starts, IsEmpty());
}

TEST(RemedyRestore, AReleaseBeforeTheRestartStillAllowsNewTries) {
    World world;
    const Incident incident = journalled({kStarted, kFailed, kStarted, kFailed, kGaveUp});
    world.engine->restore({incident}, at(5min).wall);
    world.add(incident);
    for (Duration t = 10min; t < 1h; t += 5min) world.tick(t);
    EXPECT_EQ(world.starts.size(), 1U);
}

TEST(RemedyRestore, AReleaseForgivesNothingThatFailedAfterIt) {
    World world;
    const Incident incident = journalled({kStarted, kFailed, kStarted, kFailed, kGaveUp});
    world.engine->restore({incident}, at(-1min).wall);
    world.add(incident);
    for (Duration t = 10min; t < 5h; t += 5min) world.tick(t);
    EXPECT_THAT(world.starts, IsEmpty());
}

TEST(RemedyRestore, ResolvedIncidentsCountForCooldownAndBudget) {
    World world;
    Incident resolved = journalled({kStarted, kSucceeded});
    resolved.resolved_at = at(5min).wall;
    world.engine->restore({resolved});
    Incident again = incident_of("i2");
    again.opened_at = at(10min).wall;
    world.add(again);
    world.tick(20min);
    ASSERT_EQ(world.told.size(), 1U);
    EXPECT_THAT(world.told[0].second.reason, HasSubstr("cooldown: "));
    world.tick(30min);
    EXPECT_EQ(world.starts.size(), 1U);
}

TEST(RemedyRestore, WhatWasToldIsNotToldAgain) {
    World world;
    Incident incident = journalled({kDryRun});
    incident.remedies.push_back(report_of(kHeld, at(1min).wall, "uncertain: events were lost"));
    world.engine->restore({incident});
    RemedyPolicy policy = acting_policy();
    policy.dry_run = true;
    world.add(incident, policy);
    world.uncertain = true;
    world.tick(10min);
    world.uncertain = false;
    for (Duration t = 10min; t < 30min; t += 5s) world.tick(t);
    EXPECT_THAT(world.news(), IsEmpty());
    world.tick(30min);
    EXPECT_THAT(world.news(), ElementsAre("i1 dry_run"));
}

TEST(RemedyRestore, EvidenceIsNoYoungerBecauseDetectorsNeedAWhileAfterARestart) {
    World world;
    const Incident incident = incident_of();
    RemedyPolicy policy = acting_policy();
    policy.sustained = 5min;
    world.engine->restore({incident});
    world.add(incident, policy);
    OwnerState& state = world.states[incident.owner.stable_key()];
    const std::uint32_t leaked = std::exchange(state.leaked, 0);
    world.tick(10min);
    EXPECT_THAT(world.starts, IsEmpty()) << "nothing is seen to leak yet";
    state.leaked = leaked;
    world.tick(10min + 5s);
    EXPECT_EQ(world.starts.size(), 1U);
}

TEST(RemedyRestore, APauseAfterTheLeakWasSeenAgainBeginsTheEvidenceAnew) {
    World world;
    const Incident incident = incident_of();
    RemedyPolicy policy = acting_policy();
    policy.sustained = 30min;
    world.engine->restore({incident});
    world.add(incident, policy);
    OwnerState& state = world.states[incident.owner.stable_key()];
    world.tick(10min);
    const std::uint32_t leaked = std::exchange(state.leaked, 0);
    world.tick(15min);
    state.leaked = leaked;
    for (Duration t = 15min + 5s; t < 45min; t += 5s) world.tick(t);
    EXPECT_THAT(world.starts, IsEmpty());
    world.tick(45min);
    EXPECT_EQ(world.starts.size(), 1U);
}

TEST(RemedyRestore, AJournalFromTheFutureCostsOneCooldownNotAYear) {
    World world;
    Incident incident = incident_of();
    incident.remedies = {report_of(kStarted, kStart + 24h * 365), report_of(kFailed, kStart + 24h * 365)};
    world.engine->restore({incident});
    world.add(incident);
    for (Duration t = 10min; t < 40min; t += 5s) world.tick(t);
    EXPECT_THAT(world.starts, IsEmpty());
    world.tick(40min);
    EXPECT_EQ(world.starts.size(), 1U);
}

TEST(RemedyRestore, WhatIsUnderWayCarriesItsReports) {
    World world;
    const Incident incident = incident_of();
    world.add(incident);
    EXPECT_EQ(world.engine->under_way(), std::nullopt);
    world.tick(10min);
    const auto under_way = world.engine->under_way();
    ASSERT_TRUE(under_way.has_value());
    EXPECT_EQ(under_way->id, "i1");
    ASSERT_EQ(under_way->remedies.size(), 1U);
    // Killed here: the next engine has this incident from the journal.
    world.engine.reset();
    world.boot();
    world.engine->restore({*under_way});
    world.tick(11min);
    EXPECT_THAT(world.news(), ElementsAre("i1 started", "i1 failed", "i1 held"));
}

}  // namespace
}  // namespace sockdog
