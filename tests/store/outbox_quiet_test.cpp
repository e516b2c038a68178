// What the outbox knows of incidents: who takes them for open, what is held back, and what is dropped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/outbox.h"
#include "support.h"

namespace sockdog {
namespace {

using testing::at_second;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TempDir;

class OutboxQuiet : public ::testing::Test {
  protected:
    OutboxQuiet() : outbox_(Outbox::open(dir_ / "outbox.db").value()) {}
    OutboxItem item(const std::string& incident, Standing standing) {
        OutboxItem i;
        i.receiver = "ops";
        i.incident = incident;
        i.revision = ++number_;
        i.idempotency_key = "k" + std::to_string(number_);
        i.body = "{}";
        i.standing = standing;
        return i;
    }
    void accept(const OutboxItem& one) { ASSERT_TRUE(outbox_.accept({&one, 1}, number_).ok()); }
    std::vector<OutboxItem> all_waiting() { return outbox_.waiting(10000).value(); }
    std::vector<std::string> waiting() {
        std::vector<std::string> keys;
        for (const OutboxItem& i : all_waiting()) keys.push_back(i.idempotency_key);
        return keys;
    }
    void deliver_all() {
        for (const OutboxItem& i : all_waiting()) ASSERT_TRUE(outbox_.delivered(i.sequence).ok());
    }

    static WallTime later() { return read_now().wall + 1h; }

    TempDir dir_;
    std::uint64_t number_ = 0;
    Outbox outbox_;
};

TEST_F(OutboxQuiet, AnEndGoesOnlyToWhoKnowsOfTheBeginning) {
    accept(item("i1", Standing::kOver));
    EXPECT_THAT(waiting(), IsEmpty()) << "never told that it is open";
    accept(item("i2", Standing::kOpen));
    accept(item("i2", Standing::kOver));
    EXPECT_THAT(waiting(), ElementsAre("k2", "k3")) << "on its way already";
    deliver_all();
    EXPECT_THAT(*outbox_.told_open(), IsEmpty());
    accept(item("i2", Standing::kOver));
    EXPECT_THAT(waiting(), IsEmpty()) << "one end for one beginning";
    accept(item("i3", Standing::kOpen));
    deliver_all();
    EXPECT_THAT(*outbox_.told_open(), ElementsAre(Told{"ops", "i3"}));
    accept(item("i3", Standing::kOver));
    EXPECT_THAT(waiting(), ElementsAre("k6"));
}

TEST_F(OutboxQuiet, AnAcceptedEndEndsTheRepeatsWhateverBecomesOfIt) {
    accept(item("i1", Standing::kOpen));
    deliver_all();
    ASSERT_EQ(*outbox_.queue_repeats("ops", later(), 0s), 1U);
    deliver_all();
    accept(item("i1", Standing::kOver));
    ASSERT_TRUE(outbox_.dead_letter(all_waiting().front().sequence, "rejected").ok());
    EXPECT_EQ(*outbox_.queue_repeats("ops", later(), 0s), 0U);

    accept(item("i2", Standing::kOpen));
    accept(item("i2", Standing::kOver));
    const auto both = all_waiting();
    ASSERT_EQ(both.size(), 2U);
    ASSERT_TRUE(outbox_.delivered(both[0].sequence).ok());
    ASSERT_TRUE(outbox_.dead_letter(both[1].sequence, "rejected").ok());
    EXPECT_EQ(*outbox_.queue_repeats("ops", later(), 0s), 0U) << "told after its end was accepted";
}

TEST_F(OutboxQuiet, AnEndWithoutABodyIsNotedAndNotSent) {
    OutboxItem end = item("i1", Standing::kOver);
    end.body.clear();
    accept(item("i1", Standing::kOpen));
    deliver_all();
    accept(end);
    EXPECT_THAT(waiting(), IsEmpty());
    EXPECT_THAT(*outbox_.told_open(), IsEmpty());
    EXPECT_EQ(*outbox_.queue_repeats("ops", later(), 0s), 0U);

    end = item("i2", Standing::kOver);
    end.body.clear();
    accept(item("i2", Standing::kOpen));
    accept(end);
    EXPECT_EQ(waiting().size(), 1U);
    deliver_all();
    EXPECT_EQ(*outbox_.queue_repeats("ops", later(), 0s), 0U) << "told after it was over";
    EXPECT_THAT(outbox_.dead_letters(10).value(), IsEmpty());
}

TEST_F(OutboxQuiet, TheEndOfADeadLetterIsRevivedWithIt) {
    accept(item("i1", Standing::kOpen));
    ASSERT_TRUE(outbox_.dead_letter(all_waiting().front().sequence, "rejected").ok());
    accept(item("i1", Standing::kOver));
    EXPECT_THAT(waiting(), IsEmpty());
    ASSERT_EQ(outbox_.dead_letters(10)->size(), 2U);
    EXPECT_EQ(*outbox_.revive({}, at_second(1)), 2U);
    EXPECT_THAT(waiting(), ElementsAre("k1", "k2"));
    deliver_all();
    EXPECT_THAT(*outbox_.told_open(), IsEmpty());
}

TEST_F(OutboxQuiet, KeepsTheLastRevisionOfWhatIsOpen) {
    const auto tell = [&](const std::string& incident, const std::string& json) {
        const LastRevision last{incident, json};
        ASSERT_TRUE(outbox_.accept({}, ++number_, {&last, 1}).ok());
    };
    tell("i1/5", "{1}");
    tell("i2/5", "{2}");
    tell("i1/5", "{3}");
    tell("i2/5", "");
    outbox_ = Outbox::open(dir_ / "outbox.db").value();
    EXPECT_THAT(outbox_.open_incidents().value(), ElementsAre("i1/5"));
    EXPECT_EQ(outbox_.last_revision("i1/5").value(), "{3}");
    EXPECT_EQ(outbox_.last_revision("i1/6").value(), std::nullopt) << "another i1";
    EXPECT_EQ(outbox_.last_revision("i2/5").value(), std::nullopt) << "it is over";
}

TEST_F(OutboxQuiet, WhatIsForgottenIsNotRepeatedAndHasNoEnd) {
    accept(item("i1", Standing::kOpen));
    accept(item("i2", Standing::kOpen));
    accept(item("i3", Standing::kOpen));
    deliver_all();
    accept(item("i3", Standing::kOver));
    EXPECT_THAT(*outbox_.told_open(), ElementsAre(Told{"ops", "i1"}, Told{"ops", "i2"}));
    ASSERT_EQ(*outbox_.queue_repeats("ops", later(), 0s), 2U);
    const std::vector<Told> gone{{"ops", "i1"}, {"ops", "i3"}, {"other", "i2"}};
    EXPECT_THAT(*outbox_.forget_told(gone), ElementsAre(Told{"ops", "i1"})) << "the end of i3 is on its way";
    EXPECT_EQ(waiting().size(), 2U) << "the repeat of i2, the end of i3";
    accept(item("i1", Standing::kOver));
    EXPECT_EQ(waiting().size(), 2U);
}

TEST_F(OutboxQuiet, WhatIsHeldIsReplacedByLaterNewsAndCancelledByItsEnd) {
    OutboxItem held = item("i1", Standing::kOpen);
    held.held = true;
    held.next_attempt = at_second(1000);
    accept(held);
    EXPECT_THAT(*outbox_.due(at_second(999), 10), IsEmpty());
    OutboxItem escalated = item("i1", Standing::kOpen);
    escalated.held = true;
    escalated.next_attempt = at_second(1000);
    accept(escalated);
    EXPECT_THAT(waiting(), ElementsAre("k2"));
    accept(item("i1", Standing::kOver));
    EXPECT_THAT(waiting(), IsEmpty());
    accept(held = item("i2", Standing::kOpen));
    EXPECT_THAT(waiting(), ElementsAre("k4"));
}

TEST_F(OutboxQuiet, RepeatsOnlyWhatIsOpenAndOnlyWhenNothingWaits) {
    accept(item("i1", Standing::kOpen));
    EXPECT_EQ(*outbox_.queue_repeats("ops", read_now().wall + 1h, 1min), 0U) << "not told yet";
    deliver_all();
    const WallTime now = read_now().wall;
    EXPECT_EQ(*outbox_.queue_repeats("ops", now, 1min), 0U) << "told just now";
    const WallTime later = std::chrono::floor<std::chrono::milliseconds>(now + 2min);
    EXPECT_EQ(*outbox_.queue_repeats("ops", later, 1min), 1U);
    EXPECT_THAT(waiting(), ElementsAre("k1-r1"));
    EXPECT_EQ(outbox_.waiting(1)->front().kind, OutboxKind::kRepeat);
    EXPECT_EQ(*outbox_.queue_repeats("ops", later + 1h, 1min), 0U) << "it waits already";
    deliver_all();
    EXPECT_EQ(*outbox_.queue_repeats("ops", later + 1h, 1min), 1U);
    EXPECT_THAT(waiting(), ElementsAre("k1-r2"));
    EXPECT_EQ(*outbox_.queue_repeats("others", later + 1h, 1min), 0U);
    deliver_all();
    accept(item("i1", Standing::kOver));
    deliver_all();
    EXPECT_EQ(*outbox_.queue_repeats("ops", later + 2h, 1min), 0U);
}

TEST_F(OutboxQuiet, DeadLettersCanBeTriedAgainOrDiscarded) {
    for (const char* incident : {"i1", "i2", "i3"}) accept(item(incident, Standing::kOpen));
    for (const OutboxItem& i : all_waiting()) ASSERT_TRUE(outbox_.dead_letter(i.sequence, "no").ok());
    EXPECT_THAT(waiting(), IsEmpty());
    const auto dead = outbox_.dead_letters(10).value();
    ASSERT_EQ(dead.size(), 3U);
    EXPECT_EQ(*outbox_.revive(dead[0].sequence, at_second(5)), 1U);
    EXPECT_THAT(waiting(), ElementsAre("k3"));
    EXPECT_EQ(*outbox_.discard(9999), 0U);
    EXPECT_EQ(*outbox_.discard(std::nullopt), 2U);
    EXPECT_THAT(*outbox_.dead_letters(10), IsEmpty());
}

TEST_F(OutboxQuiet, CountsOpeningsOfOneKeyWithinAWindow) {
    EXPECT_EQ(*outbox_.count_opening("a", at_second(100), at_second(0)), 1U);
    EXPECT_EQ(*outbox_.count_opening("a", at_second(100), at_second(0)), 1U) << "the same one told again";
    EXPECT_EQ(*outbox_.count_opening("b", at_second(150), at_second(0)), 1U);
    EXPECT_EQ(*outbox_.count_opening("a", at_second(200), at_second(0)), 2U);
    EXPECT_EQ(*outbox_.count_opening("a", at_second(300), at_second(150)), 2U) << "the first is too long ago";
}

TEST_F(OutboxQuiet, SilencesEndByThemselvesOrByHand) {
    const auto first = outbox_.add_silence({.id = 0,
                                            .unit = "a*",
                                            .leak_class = "",
                                            .from = at_second(0),
                                            .until = at_second(100),
                                            .by = "root",
                                            .comment = "import"});
    const auto second = outbox_.add_silence({.id = 0,
                                             .unit = "",
                                             .leak_class = "churn",
                                             .from = at_second(0),
                                             .until = at_second(50),
                                             .by = "ann",
                                             .comment = ""});
    ASSERT_TRUE(first && second);
    const auto both = outbox_.silences(at_second(10)).value();
    ASSERT_EQ(both.size(), 2U);
    EXPECT_EQ(both[0].id, *second) << "in the order of their ends";
    EXPECT_EQ(both[1].comment, "import");
    OutboxItem held = item("i1", Standing::kOpen);
    held.held = true;
    held.next_attempt = at_second(100);
    held.last_error = "silence " + std::to_string(*first);
    accept(held);
    EXPECT_EQ(outbox_.silences(at_second(60))->size(), 1U);
    ASSERT_TRUE(outbox_.end_silence(*first, at_second(60)).ok());
    EXPECT_THAT(*outbox_.silences(at_second(60)), IsEmpty());
    EXPECT_EQ(outbox_.due(at_second(60), 10)->size(), 1U) << "what it held is due";
    EXPECT_EQ(outbox_.end_silence(*first, at_second(60)).error().code, ENOENT);
}

TEST_F(OutboxQuiet, AFullOutboxDropsDeadLettersBeforeWhatWaits) {
    outbox_.set_max_bytes(400'000);
    const auto large = [&](const std::string& incident) {
        OutboxItem i = item(incident, Standing::kOpen);
        i.body = std::string(1000, 'x');
        return i;
    };
    for (int n = 0; n < 150; ++n) accept(large("dead" + std::to_string(n)));
    for (const OutboxItem& i : all_waiting()) ASSERT_TRUE(outbox_.dead_letter(i.sequence, "no").ok());
    for (int n = 0; n < 150; ++n) accept(large("live" + std::to_string(n)));
    EXPECT_EQ(outbox_.waiting(1000)->size(), 150U);
    EXPECT_GT(outbox_.dropped(), 0U);
    EXPECT_LT(outbox_.dead_letters(1000)->size(), 150U);
    for (int n = 0; n < 1000; ++n) accept(large("more" + std::to_string(n)));
    EXPECT_THAT(*outbox_.dead_letters(1000), IsEmpty());
    const auto left = all_waiting();
    EXPECT_LT(left.size(), 500U);
    EXPECT_EQ(left.back().incident, "more999") << "the newest stay";
    EXPECT_LT(std::filesystem::file_size(dir_ / "outbox.db"), 800'000U);
}

}  // namespace
}  // namespace sockdog
