#include "remedy/ledger.h"

#include <gtest/gtest.h>

#include "remedy/fixtures.h"

namespace sockdog {
namespace {

using namespace sockdog::testing;
using enum RemedyOutcome;

constexpr const char* kKey = "unit:leaky.service";

/// An incident with one report per outcome, a minute apart from `first` on.
Incident with_remedies(const std::string& id, std::initializer_list<RemedyOutcome> outcomes,
                       WallTime first = kStart) {
    Incident incident = incident_of(id);
    for (const auto outcome : outcomes) {
        incident.remedies.push_back(report_of(outcome, first));
        first += 1min;
    }
    return incident;
}

TEST(Ledger, CountsWhatTheJournalTells) {
    struct Case {
        std::string name;
        std::vector<Incident> incidents;
        std::uint32_t failures;
        bool gave_up;
        std::size_t actions;
        std::size_t interrupted;
    };
    const std::vector<Case> cases = {
        {"nothing", {}, 0, false, 0, 0},
        {"only talk", {with_remedies("i1", {kDryRun, kHeld, kDryRun})}, 0, false, 0, 0},
        {"a success", {with_remedies("i1", {kStarted, kSucceeded})}, 0, false, 1, 0},
        {"a failure", {with_remedies("i1", {kStarted, kFailed})}, 1, false, 1, 0},
        {"killed in the middle", {with_remedies("i1", {kStarted})}, 1, false, 1, 1},
        {"killed in the middle, then held", {with_remedies("i1", {kStarted, kHeld})}, 1, false, 1, 1},
        {"killed in the middle, tried again",
         {with_remedies("i1", {kStarted, kStarted, kFailed})},
         2,
         false,
         2,
         0},
        {"failure, success, failure",
         {with_remedies("i1", {kStarted, kFailed, kStarted, kSucceeded, kStarted, kFailed})},
         1,
         false,
         3,
         0},
        {"gave up", {with_remedies("i1", {kStarted, kFailed, kStarted, kFailed, kGaveUp})}, 2, true, 2, 0},
        {"gave up, released, tried again",
         {with_remedies("i1", {kStarted, kFailed, kStarted, kFailed, kGaveUp, kStarted, kFailed})},
         1,
         false,
         3,
         0},
        {"failures of two incidents of one owner",
         {with_remedies("i2", {kStarted, kFailed}, kStart + 1h), with_remedies("i1", {kStarted, kFailed})},
         2,
         false,
         2,
         0},
        {"the later incident succeeded, whatever the order",
         {with_remedies("i2", {kStarted, kSucceeded}, kStart + 1h), with_remedies("i1", {kStarted, kFailed})},
         0,
         false,
         2,
         0},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        Ledger ledger;
        EXPECT_EQ(ledger.restore(c.incidents).size(), c.interrupted);
        ledger.anchor(at(2h));
        EXPECT_EQ(ledger.failures(kKey), c.failures);
        EXPECT_EQ(ledger.has_given_up(kKey), c.gave_up);
        EXPECT_EQ(ledger.actions_after(at(-24h).mono).size(), c.actions);
    }
}

TEST(Ledger, CooldownGoesOnOverARestart) {
    Ledger ledger;
    (void)ledger.restore({with_remedies("i1", {kStarted, kSucceeded})});
    ledger.anchor(at(10min));
    ASSERT_TRUE(ledger.last_action(kKey).has_value());
    EXPECT_EQ(*ledger.last_action(kKey), at(0s).mono);
    ledger.anchor(at(20min, 5h));  // a later jump of the wall clock changes nothing
    EXPECT_EQ(*ledger.last_action(kKey), at(0s).mono);
}

TEST(Ledger, ATimeInTheFutureCountsAsNow) {
    Ledger ledger;
    (void)ledger.restore({with_remedies("i1", {kStarted, kFailed}, kStart + 24h * 365)});
    ledger.anchor(at(10min));
    EXPECT_EQ(*ledger.last_action(kKey), at(10min).mono);
    ledger.anchor(at(30min));  // and stays at that moment: the cooldown does end
    EXPECT_EQ(*ledger.last_action(kKey), at(10min).mono);
}

TEST(Ledger, TheLatestOfSeveralActionsCounts) {
    Ledger ledger;
    (void)ledger.restore(
        {with_remedies("i2", {kStarted, kFailed}, kStart + 1h), with_remedies("i1", {kStarted, kFailed})});
    ledger.anchor(at(2h));
    EXPECT_EQ(*ledger.last_action(kKey), at(1h).mono);
    ledger.started(kKey, at(3h).mono);
    EXPECT_EQ(*ledger.last_action(kKey), at(3h).mono);
    EXPECT_EQ(ledger.actions_after(at(1h).mono).size(), 1U);
}

TEST(Ledger, AReportWhoseClockRanBackwardsKeepsItsPlaceInTheIncident) {
    Incident incident = with_remedies("i1", {kStarted});
    incident.remedies.push_back(report_of(kSucceeded, kStart - 24h));
    Ledger ledger;
    EXPECT_TRUE(ledger.restore({incident}).empty());
    EXPECT_EQ(ledger.failures(kKey), 0U);
}

TEST(Ledger, TimesOfALostJournalDoNotOverflow) {
    EXPECT_EQ(wall_age(kStart, kStart + 1h), Duration::zero());
    EXPECT_EQ(wall_age(kStart, kStart - 1h), Duration(1h));
    const WallTime never{std::chrono::milliseconds(std::numeric_limits<std::int32_t>::min()) * 100'000};
    EXPECT_GT(wall_age(kStart, never), Duration(24h * 365));
}

TEST(Ledger, ForgivingKeepsCooldownAndBudget) {
    Ledger ledger;
    ledger.started(kKey, at(0s).mono);
    ledger.failed(kKey);
    ledger.gave_up(kKey);
    ledger.forgive();
    EXPECT_EQ(ledger.failures(kKey), 0U);
    EXPECT_FALSE(ledger.has_given_up(kKey));
    EXPECT_TRUE(ledger.last_action(kKey).has_value());
    EXPECT_EQ(ledger.actions_after(at(-1s).mono).size(), 1U);
}

TEST(Ledger, StaysBoundedHoweverMuchIsDone) {
    Ledger ledger;
    for (int i = 0; i < 10'000; ++i)
        ledger.started("unit:x" + std::to_string(i % 100), at(std::chrono::seconds(i)).mono);
    EXPECT_LE(ledger.actions_after(at(-1h).mono).size(), 4096U);
    EXPECT_EQ(ledger.actions_after(at(-1h).mono).back(), at(9'999s).mono);
}

}  // namespace
}  // namespace sockdog
