// What was reported survives kill -9 at any moment.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "killed_child.h"
#include "store/journal.h"
#include "store/outbox.h"
#include "store/sqlite.h"
#include "support.h"

namespace sockdog {
namespace {

using testing::at_second;
using testing::Report;
using testing::revision;
using testing::run_and_kill;
using testing::TempDir;

constexpr int kRounds = 60;

/// Opens, grows and resolves incidents three at a time for ever; each number is told after append() returned
/// it.
void append_for_ever(const std::filesystem::path& file, int round, const Report& report) {
    auto journal = Journal::open(file);
    if (!journal) return;
    const auto first_id = journal->next_incident_id();
    if (!first_id) return;
    for (std::uint64_t step = 0;; ++step) {
        const std::string id = "i" + std::to_string(*first_id + step);
        const std::string token = std::to_string(round) + "." + std::to_string(step) + ".";
        std::vector<Revision> batch{revision(id, RevisionKind::kOpened, token + "0"),
                                    revision(id, RevisionKind::kGrew, token + "1")};
        if (step % 2 == 0) batch.push_back(revision(id, RevisionKind::kResolved, token + "2"));
        if (!journal->append(batch)) return;
        for (const auto& r : batch) report(r.number);
    }
}

/// What the journal should hold, built up round by round from what it gives back.
class JournalCheck {
  public:
    explicit JournalCheck(std::filesystem::path file) : file_(std::move(file)) {}

    /// No token twice, numbers rise, batches are whole, the open incidents are those whose last revision is
    /// not a resolved one, and all that was `reported` or seen in earlier rounds is there.
    void run(const std::set<std::uint64_t>& reported) {
        auto journal = Journal::open(file_);
        ASSERT_TRUE(journal.ok()) << journal.error().message;
        ASSERT_FALSE(journal->damaged_file());
        const auto fresh = journal->read_after(seen_.empty() ? 0 : *seen_.rbegin(), 1'000'000);
        ASSERT_TRUE(fresh.ok()) << fresh.error().message;
        for (const auto& revision : *fresh) take(revision);
        check_incidents(*journal);
        check_numbers();
        for (const auto number : reported) ASSERT_TRUE(seen_.contains(number)) << "lost " << number;
    }

  private:
    void take(const Revision& r) {
        EXPECT_TRUE(seen_.insert(r.number).second) << r.number << " is there twice";
        EXPECT_EQ(*seen_.rbegin(), r.number) << "numbers do not rise";
        EXPECT_TRUE(tokens_.insert(r.incident.policy).second) << r.incident.policy << " is there twice";
        last_token_[r.incident.id] = r.incident.policy;
        ++revisions_[r.incident.id];
        r.incident.open() ? (void)open_.insert(r.incident.id) : (void)open_.erase(r.incident.id);
    }
    void check_incidents(const Journal& journal) {
        for (const auto& [id, count] : revisions_) {
            EXPECT_EQ(count, open_.contains(id) ? 2 : 3) << "half a batch of " << id;
        }
        const auto told_open = journal.open_incidents();
        ASSERT_TRUE(told_open.ok());
        std::set<std::string> told;
        for (const auto& incident : *told_open) {
            told.insert(incident.id);
            EXPECT_EQ(incident.policy, last_token_[incident.id]);
        }
        EXPECT_EQ(told, open_);
        EXPECT_EQ(journal.next_incident_id().value_or(0), revisions_.size() + 1);
    }
    /// Past rounds are not read again in full: that would be most of the test's time.
    void check_numbers() {
        auto database = sql::Database::open(file_);
        ASSERT_TRUE(database.ok());
        auto rows = database->prepare("SELECT number FROM revisions", "test");
        std::set<std::uint64_t> numbers;
        while (rows && rows->step().value_or(false)) numbers.insert(rows->number(0));
        EXPECT_EQ(numbers, seen_);
    }

    std::filesystem::path file_;
    std::set<std::uint64_t> seen_;
    std::set<std::string> tokens_;
    std::set<std::string> open_;
    std::map<std::string, int> revisions_;
    std::map<std::string, std::string> last_token_;
};

TEST(Crash, NothingThatTheJournalReportedIsLostOrDoubledByKillNine) {
    const TempDir dir;
    std::mt19937 random(20261122);
    std::set<std::uint64_t> reported;
    JournalCheck check(dir / "journal.db");
    for (int round = 0; round < kRounds; ++round) {
        const std::size_t wanted = random() % 12;
        const auto told =
            run_and_kill([&](const Report& report) { append_for_ever(dir / "journal.db", round, report); },
                         wanted, static_cast<unsigned>(random() % 3000));
        ASSERT_GE(told.size(), wanted) << "the child failed by itself in round " << round;
        reported.insert(told.begin(), told.end());
        check.run(reported);
        ASSERT_FALSE(HasFailure()) << "round " << round;
    }
    EXPECT_GT(reported.size(), 100U);
}

/// Takes two items for each revision and delivers the first one that is due; tells the new cursor, or the
/// delivered revision with the top bit set.
constexpr std::uint64_t kDeliveredBit = std::uint64_t{1} << 63U;

void relay_for_ever(const std::filesystem::path& file, const Report& report) {
    auto outbox = Outbox::open(file);
    if (!outbox) return;
    auto cursor = outbox->cursor();
    if (!cursor) return;
    for (std::uint64_t number = *cursor + 1;; ++number) {
        const std::string key = std::to_string(number);
        std::vector<OutboxItem> items(2);
        for (auto& i : items) {
            i.incident = "i1";
            i.revision = number;
            i.idempotency_key = key;
            i.body = key;
        }
        items[0].receiver = "a";
        items[1].receiver = "b";
        if (!outbox->accept(items, number)) return;
        report(number);
        const auto due = outbox->due_for("a", at_second(1), 1);
        if (!due || due->empty() || !outbox->delivered(due->front().sequence)) return;
        report(due->front().revision | kDeliveredBit);
    }
}

TEST(Crash, TheOutboxNeitherLosesNorRepeatsWhatItTook) {
    const TempDir dir;
    std::mt19937 random(42);
    std::set<std::uint64_t> taken;
    std::set<std::uint64_t> delivered;
    for (int round = 0; round < kRounds; ++round) {
        const std::size_t wanted = random() % 10;
        const auto told =
            run_and_kill([&](const Report& report) { relay_for_ever(dir / "outbox.db", report); }, wanted,
                         static_cast<unsigned>(random() % 3000));
        ASSERT_GE(told.size(), wanted) << "the child failed by itself in round " << round;
        for (const auto value : told) {
            auto& set = (value & kDeliveredBit) != 0 ? delivered : taken;
            ASSERT_TRUE(set.insert(value & ~kDeliveredBit).second) << "twice: " << (value & ~kDeliveredBit);
        }
        auto outbox = Outbox::open(dir / "outbox.db");
        ASSERT_TRUE(outbox.ok());
        const auto cursor = outbox->cursor().value_or(0);
        EXPECT_TRUE(taken.empty() || cursor >= *taken.rbegin());
        EXPECT_EQ(outbox->pending("b").value_or(0), cursor)
            << "cursor and items move together, for every receiver";
        // A delivery may be stored and its report cut off by the kill, once a round.
        const auto left = outbox->pending("a").value_or(0);
        EXPECT_LE(left + delivered.size(), cursor);
        const auto next = outbox->due_for("a", at_second(1), 1);
        ASSERT_TRUE(next.ok());
        if (!next->empty()) {
            EXPECT_FALSE(delivered.contains(next->front().revision)) << "delivered again";
            EXPECT_EQ(next->front().revision, cursor - left + 1) << "in order, without a gap";
        }
        ASSERT_FALSE(HasFailure()) << "round " << round;
    }
    EXPECT_GT(delivered.size(), 50U);
}

}  // namespace
}  // namespace sockdog
