#include "relay/follower.h"

#include <gtest/gtest.h>

#include "incident/json.h"
#include "relay/revisions.h"

namespace sockdog {
namespace {

using test::make_revision;

nlohmann::json reply_of(std::vector<nlohmann::json> revisions, std::uint64_t last) {
    return {{"revisions", std::move(revisions)}, {"last", last}};
}

TEST(ReadBatch, MovesTheCursorToTheLastRevisionItGot) {
    const auto batch = read_batch(reply_of({make_revision(5), make_revision(9)}, 40), 4);
    ASSERT_TRUE(batch.ok());
    EXPECT_EQ(batch->revisions.size(), 2U);
    EXPECT_EQ(batch->cursor, 9U) << "not 40: what lies between has not come yet";
    EXPECT_EQ(batch->last, 40U);
}

TEST(ReadBatch, EmptyRepliesLeaveTheCursorAlone) {
    const auto batch = read_batch(reply_of({}, 40), 7);
    ASSERT_TRUE(batch.ok());
    EXPECT_EQ(batch->cursor, 7U);
}

TEST(ReadBatch, SkipsWhatIsKnownAlready) {
    const auto batch = read_batch(reply_of({make_revision(5), make_revision(6)}, 6), 5);
    ASSERT_TRUE(batch.ok());
    ASSERT_EQ(batch->revisions.size(), 1U);
    EXPECT_EQ(batch->revisions[0].number, 6U);
}

TEST(ReadBatch, PassesOverARevisionThatMakesNoSense) {
    nlohmann::json strange = make_revision(6);
    strange["kind"] = "exploded";
    const auto batch = read_batch(reply_of({make_revision(5), strange, 17, nullptr, make_revision(7)}, 7), 4);
    ASSERT_TRUE(batch.ok());
    EXPECT_EQ(batch->revisions.size(), 2U);
    EXPECT_EQ(batch->unreadable, 3U);
    EXPECT_EQ(batch->cursor, 7U);

    const auto last = read_batch(reply_of({strange}, 6), 5);
    ASSERT_TRUE(last.ok());
    EXPECT_EQ(last->cursor, 6U) << "or it would be asked for again for ever";
}

TEST(ReadBatch, RefusesWhatIsNoReply) {
    for (const char* text :
         {"[]", "{}", "null", R"({"revisions": []})", R"({"last": 3})", R"({"revisions": {}, "last": 3})",
          R"({"revisions": [], "last": -1})", R"({"revisions": [], "last": "x"})"}) {
        EXPECT_FALSE(read_batch(nlohmann::json::parse(text), 0).ok()) << text;
    }
}

}  // namespace
}  // namespace sockdog
