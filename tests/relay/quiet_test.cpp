#include "relay/quiet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "relay/revisions.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

using test::make_revision;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class QuietTest : public ::testing::Test {
  protected:
    QuietTest() : outbox_(Outbox::open(folder_ / "outbox.db").value()) {}
    std::vector<OutboxItem> apply(const Revision& revision, Standing standing = Standing::kOpen) {
        std::vector<OutboxItem> items(1);
        items[0].receiver = "a";
        items[0].incident = revision.incident.id;
        items[0].standing = standing;
        EXPECT_TRUE(quiet_.apply(revision, now_, items).ok());
        return items;
    }
    void silence(const std::string& unit, const std::string& leak_class, Duration length) {
        Silence one;
        one.unit = unit;
        one.leak_class = leak_class;
        one.until = std::chrono::floor<std::chrono::milliseconds>(now_ + length);
        ASSERT_TRUE(outbox_.add_silence(one).ok());
    }

    const fixtures::TempDir folder_;
    const WallTime now_ = read_now().wall;
    SharedOutbox outbox_;
    Quiet quiet_{outbox_, FlapSettings{.openings = 3, .window = 1h, .hold = 30min}};
};

TEST_F(QuietTest, ASilenceHoldsWhatFitsItUntilItsEnd) {
    silence("leak*", "close_wait", 1h);
    const auto held = apply(make_revision(1));
    ASSERT_THAT(held, SizeIs(1));
    EXPECT_TRUE(held[0].held);
    EXPECT_EQ(held[0].next_attempt, std::chrono::floor<std::chrono::milliseconds>(now_ + 1h));
    EXPECT_EQ(held[0].last_error, "silence 1");
    Revision other = make_revision(2, "i2");
    other.incident.latest.leak_class = LeakClass::kDeadFd;
    EXPECT_FALSE(apply(other)[0].held) << "of another class";
    other = make_revision(3, "i3");
    other.incident.owner.unit = "web.service";
    EXPECT_FALSE(apply(other)[0].held) << "of another unit";
}

TEST_F(QuietTest, TheLongestOfSeveralSilencesCounts) {
    silence("*", "", 1h);
    silence("leaker", "", 3h);
    silence("", "close_wait", 2h);
    EXPECT_EQ(apply(make_revision(1))[0].last_error, "silence 2");
}

TEST_F(QuietTest, StepsOfRemediesAreNotToldInASilenceButEndsAre) {
    silence("*", "", 1h);
    EXPECT_THAT(apply(make_revision(1, "i1", RevisionKind::kRemedied), Standing::kNone), IsEmpty());
    const auto end = apply(make_revision(2, "i1", RevisionKind::kResolved), Standing::kOver);
    ASSERT_THAT(end, SizeIs(1));
    EXPECT_FALSE(end[0].held);
}

TEST_F(QuietTest, WhatOpensAgainAndAgainIsHeldButItsEscalationIsTold) {
    Revision revision = make_revision(1);
    revision.incident.key = "the same";
    for (std::uint64_t n = 1; n <= 2; ++n) {
        revision.at += 5min;
        EXPECT_FALSE(apply(revision)[0].held) << n;
    }
    revision.at += 5min;
    const auto third = apply(revision);
    EXPECT_TRUE(third[0].held);
    EXPECT_EQ(third[0].last_error, "flaps");
    EXPECT_EQ(quiet_.flapped(), 1U);
    revision.kind = RevisionKind::kEscalated;
    EXPECT_FALSE(apply(revision)[0].held);
    revision.kind = RevisionKind::kOpened;
    revision.at += 2h;
    EXPECT_FALSE(apply(revision)[0].held) << "it was quiet for an hour";
    quiet_.set({.openings = 0});
    revision.at += 1s;
    for (int n = 0; n < 9; ++n) EXPECT_FALSE(apply(revision)[0].held);
}

TEST(ReceiverMatch, EveryGivenPatternMustMatch) {
    Incident incident = make_revision(1).incident;
    incident.owner.container_id = "0123456789abcdef";
    EXPECT_TRUE(ReceiverMatch{}.matches(incident));
    EXPECT_TRUE((ReceiverMatch{"0123456789ab", "close_*", "default", "0123*"}.matches(incident)));
    EXPECT_FALSE((ReceiverMatch{"0123456789ab", "dead_fd", "", ""}.matches(incident)));
    EXPECT_FALSE((ReceiverMatch{"", "", "web", ""}.matches(incident)));
    EXPECT_FALSE((ReceiverMatch{"", "", "", "9*"}.matches(incident)));
    incident.owner.unit = "web.service";
    EXPECT_TRUE((ReceiverMatch{"web.service", "", "", ""}.matches(incident)));
    incident.latest.leak_class = LeakClass::kExhaustion;
    incident.latest.cause = LeakClass::kIdleGrowth;
    EXPECT_TRUE((ReceiverMatch{"", "idle_growth", "", ""}.matches(incident))) << "the leak behind it";
}

}  // namespace
}  // namespace sockdog
