#include "store/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.h"

namespace sockdog {
namespace {

using testing::at_second;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TempDir;

Outbox open(const std::filesystem::path& file) {
    auto outbox = Outbox::open(file);
    if (!outbox) throw std::runtime_error(outbox.error().message);
    return std::move(outbox).value();
}

OutboxItem item(const std::string& receiver, const std::string& incident, std::uint64_t revision) {
    OutboxItem i;
    i.receiver = receiver;
    i.incident = incident;
    i.revision = revision;
    i.idempotency_key = incident + "-" + std::to_string(revision);
    i.body = "{\"n\":" + std::to_string(revision) + "}";
    return i;
}

/// "receiver/incident-revision" of each.
std::vector<std::string> names(const Result<std::vector<OutboxItem>>& items) {
    std::vector<std::string> out;
    EXPECT_TRUE(items.ok());
    if (items) {
        for (const auto& i : *items) out.push_back(i.receiver + "/" + i.idempotency_key);
    }
    return out;
}

TEST(Outbox, TakesItemsAndCursorTogetherAndGivesThemBack) {
    const TempDir dir;
    {
        Outbox outbox = open(dir / "outbox.db");
        EXPECT_EQ(outbox.cursor().value_or(9), 0U);
        EXPECT_FALSE(outbox.next_due()->has_value());
        const std::vector items{item("ops", "i1", 5)};
        ASSERT_TRUE(outbox.accept(items, 7).ok());
    }
    const Outbox outbox = open(dir / "outbox.db");
    EXPECT_EQ(outbox.cursor().value_or(0), 7U);
    const auto due = outbox.due(at_second(1), 10);
    ASSERT_TRUE(due.ok());
    ASSERT_EQ(due->size(), 1U);
    EXPECT_EQ(due->front().body, "{\"n\":5}");
    EXPECT_EQ(due->front().revision, 5U);
    EXPECT_EQ(due->front().idempotency_key, "i1-5");
    EXPECT_EQ(due->front().attempts, 0U);
    EXPECT_EQ(outbox.pending("ops").value_or(0), 1U);
    EXPECT_EQ(outbox.pending("other").value_or(9), 0U);
}

TEST(Outbox, OffersOnlyTheHeadOfEachReceiverAndIncident) {
    const TempDir dir;
    Outbox outbox = open(dir / "outbox.db");
    const std::vector items{item("a", "i1", 1), item("a", "i1", 2), item("b", "i1", 1),
                            item("a", "i2", 3), item("a", "i1", 4), item("b", "i2", 3)};
    ASSERT_TRUE(outbox.accept(items, 4).ok());
    EXPECT_THAT(names(outbox.due(at_second(1), 10)), ElementsAre("a/i1-1", "b/i1-1", "a/i2-3", "b/i2-3"));
    EXPECT_THAT(names(outbox.due(at_second(1), 2)), ElementsAre("a/i1-1", "b/i1-1"));
    EXPECT_THAT(names(outbox.due_for("b", at_second(1), 10)), ElementsAre("b/i1-1", "b/i2-3"));

    const auto head = outbox.due(at_second(1), 1)->front().sequence;
    ASSERT_TRUE(outbox.retry_at(head, at_second(100), "HTTP 503").ok());
    EXPECT_THAT(names(outbox.due_for("a", at_second(99), 10)), ElementsAre("a/i2-3"))
        << "i1-2 must not overtake";
    EXPECT_THAT(names(outbox.due_for("a", at_second(100), 10)), ElementsAre("a/i1-1", "a/i2-3"));
    EXPECT_EQ(outbox.due(at_second(100), 1)->front().attempts, 1U);
    EXPECT_EQ(outbox.due(at_second(100), 1)->front().last_error, "HTTP 503");

    ASSERT_TRUE(outbox.delivered(head).ok());
    EXPECT_THAT(names(outbox.due_for("a", at_second(1), 10)), ElementsAre("a/i1-2", "a/i2-3"));
    EXPECT_EQ(outbox.pending("a").value_or(0), 3U);
}

TEST(Outbox, TellsWhenTheNextHeadFallsDue) {
    const TempDir dir;
    Outbox outbox = open(dir / "outbox.db");
    const std::vector items{item("a", "i1", 1), item("a", "i1", 2)};
    ASSERT_TRUE(outbox.accept(items, 2).ok());
    const auto head = outbox.due(at_second(1), 1)->front().sequence;
    ASSERT_TRUE(outbox.retry_at(head, at_second(500), "").ok());
    EXPECT_EQ(outbox.next_due()->value_or(at_second(9)), at_second(500)) << "the second waits for the first";
    ASSERT_TRUE(outbox.delivered(head).ok());
    EXPECT_EQ(outbox.next_due()->value_or(at_second(9)), at_second(0));
}

TEST(Outbox, KnowsItemsAgainWhetherPendingDeliveredOrDead) {
    const TempDir dir;
    Outbox outbox = open(dir / "outbox.db");
    const std::vector items{item("a", "i1", 1), item("a", "i2", 2), item("a", "i3", 3)};
    ASSERT_TRUE(outbox.accept(items, 3).ok());
    const auto due = outbox.due(at_second(1), 10);
    ASSERT_TRUE(outbox.delivered((*due)[0].sequence).ok());
    ASSERT_TRUE(outbox.dead_letter((*due)[1].sequence, "HTTP 410").ok());
    ASSERT_TRUE(outbox.retry_at((*due)[2].sequence, at_second(50), "HTTP 500").ok());

    auto repeated = items;
    repeated[2].body = "{}";
    ASSERT_TRUE(outbox.accept(repeated, 1).ok());
    EXPECT_EQ(outbox.cursor().value_or(0), 1U) << "the cursor goes where it is told";
    EXPECT_EQ(outbox.pending("a").value_or(0), 1U);
    EXPECT_EQ(outbox.due(at_second(50), 10)->front().body, "{\"n\":3}");
    const std::vector other{item("b", "i1", 1)};
    ASSERT_TRUE(outbox.accept(other, 3).ok());
    EXPECT_EQ(outbox.pending("b").value_or(0), 1U) << "another receiver's is another item";
}

TEST(Outbox, KeepsDeadLettersAndLetsTheNextTakeItsTurn) {
    const TempDir dir;
    Outbox outbox = open(dir / "outbox.db");
    const std::vector items{item("a", "i1", 1), item("a", "i1", 2)};
    ASSERT_TRUE(outbox.accept(items, 2).ok());
    ASSERT_TRUE(outbox.dead_letter(outbox.due(at_second(1), 1)->front().sequence, "HTTP 410 Gone").ok());
    EXPECT_THAT(names(outbox.due(at_second(1), 10)), ElementsAre("a/i1-2"));
    const auto dead = outbox.dead_letters(10);
    ASSERT_EQ(dead->size(), 1U);
    EXPECT_EQ(dead->front().last_error, "HTTP 410 Gone");
    EXPECT_EQ(dead->front().attempts, 1U);
    EXPECT_EQ(dead->front().body, "{\"n\":1}");
}

TEST(Outbox, RefusesToEndWhatIsNotPending) {
    const TempDir dir;
    Outbox outbox = open(dir / "outbox.db");
    const std::vector items{item("a", "i1", 1)};
    ASSERT_TRUE(outbox.accept(items, 1).ok());
    const auto sequence = outbox.due(at_second(1), 1)->front().sequence;
    ASSERT_TRUE(outbox.delivered(sequence).ok());
    for (const auto& done : {outbox.delivered(sequence), outbox.retry_at(sequence, at_second(1), ""),
                             outbox.dead_letter(sequence, ""), outbox.delivered(12345)}) {
        ASSERT_FALSE(done.ok());
        EXPECT_EQ(done.error().code, ENOENT);
    }
    EXPECT_THAT(*outbox.due(at_second(1), 10), IsEmpty());
}

}  // namespace
}  // namespace sockdog
