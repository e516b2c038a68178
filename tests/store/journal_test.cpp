#include "store/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "support.h"

namespace sockdog {
namespace {

using testing::at_second;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::revision;
using testing::TempDir;

Journal open(const std::filesystem::path& file) {
    auto journal = Journal::open(file);
    if (!journal) throw std::runtime_error(journal.error().message);
    return std::move(journal).value();
}

std::uint64_t append(Journal& journal, Revision r) {
    const auto done = journal.append(std::span(&r, 1));
    EXPECT_TRUE(done.ok()) << done.error().message;
    return r.number;
}

std::vector<std::string> ids(const Result<std::vector<Incident>>& incidents) {
    std::vector<std::string> out;
    EXPECT_TRUE(incidents.ok());
    if (incidents) {
        for (const auto& i : *incidents) out.push_back(i.id);
    }
    return out;
}

TEST(Journal, GivesBackWhatWasAppendedInOrderAndAfterReopening) {
    const TempDir dir;
    std::array batch{revision("i1", RevisionKind::kOpened, "a"), revision("i2", RevisionKind::kOpened, "b"),
                     revision("i1", RevisionKind::kGrew, "c")};
    {
        Journal journal = open(dir / "deep/er/journal.db");
        ASSERT_TRUE(journal.append(batch).ok());
    }
    EXPECT_LT(batch[0].number, batch[1].number);
    EXPECT_LT(batch[1].number, batch[2].number);

    const Journal journal = open(dir / "deep/er/journal.db");
    const auto all = journal.read_after(0, 100);
    ASSERT_TRUE(all.ok());
    ASSERT_EQ(all->size(), 3U);
    EXPECT_EQ((*all)[2].number, batch[2].number);
    EXPECT_EQ((*all)[2].kind, RevisionKind::kGrew);
    EXPECT_EQ((*all)[2].at, batch[2].at);
    EXPECT_EQ((*all)[2].incident.policy, "c");
    EXPECT_EQ((*all)[2].incident.latest.leaked, 57U);
    EXPECT_EQ(journal.last_number().value_or(0), batch[2].number);
    EXPECT_EQ(journal.read_after(batch[0].number, 1)->front().number, batch[1].number);
    EXPECT_THAT(*journal.read_after(batch[2].number, 100), IsEmpty());
    EXPECT_THAT(*journal.read_after(UINT64_MAX, 100), IsEmpty());
    EXPECT_THAT(*journal.read_after(0, 0), IsEmpty());
    EXPECT_FALSE(journal.damaged_file());
}

TEST(Journal, KeepsFileAndFolderPrivate) {
    const TempDir dir;
    Journal journal = open(dir / "state/journal.db");
    append(journal, revision("i1", RevisionKind::kOpened, "a"));
    struct stat info {};
    for (const char* name : {"state/journal.db", "state/journal.db-wal"}) {
        ASSERT_EQ(::stat((dir / name).c_str(), &info), 0) << name;
        EXPECT_EQ(info.st_mode & 0777, 0600U) << name;
    }
    ASSERT_EQ(::stat((dir / "state").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST(Journal, TakesBackForeignEyesFromAFileThatWasOpenToAll) {
    const TempDir dir;
    { open(dir / "journal.db"); }
    ASSERT_EQ(::chmod((dir / "journal.db").c_str(), 0666), 0);
    open(dir / "journal.db");
    struct stat info {};
    ASSERT_EQ(::stat((dir / "journal.db").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST(Journal, KnowsTheLatestStateOfEachIncident) {
    const TempDir dir;
    Journal journal = open(dir / "journal.db");
    auto second = revision("i2", RevisionKind::kOpened, "b");
    second.incident.opened_at = at_second(2000);
    append(journal, revision("i1", RevisionKind::kOpened, "a"));
    append(journal, second);
    append(journal, revision("i1", RevisionKind::kGrew, "a2"));
    EXPECT_THAT(ids(journal.open_incidents()), ElementsAre("i1", "i2"));
    EXPECT_THAT(ids(journal.incidents(false, 10)), ElementsAre("i2", "i1"));

    append(journal, revision("i1", RevisionKind::kResolved, "a3"));
    EXPECT_THAT(ids(journal.open_incidents()), ElementsAre("i2"));
    EXPECT_THAT(ids(journal.incidents(true, 10)), ElementsAre("i2"));
    EXPECT_THAT(ids(journal.incidents(false, 10)), ElementsAre("i2", "i1"));
    EXPECT_THAT(ids(journal.incidents(false, 1)), ElementsAre("i2"));
    const auto found = journal.find("i1");
    ASSERT_TRUE(found.ok() && found->has_value());
    EXPECT_EQ((*found)->policy, "a3");
    EXPECT_FALSE((*found)->open());
    EXPECT_FALSE(journal.find("i3")->has_value());
    EXPECT_FALSE(journal.find("' OR 1=1 --")->has_value());
}

TEST(Journal, NeverReusesAnIncidentIdNotEvenAfterPruning) {
    const TempDir dir;
    Journal journal = open(dir / "journal.db");
    EXPECT_EQ(journal.next_incident_id().value_or(0), 1U);
    append(journal, revision("i41", RevisionKind::kResolved, "a"));
    append(journal, revision("i7", RevisionKind::kOpened, "b"));
    append(journal, revision("not-an-id", RevisionKind::kOpened, "c"));
    append(journal, revision("i99999999999999999999999", RevisionKind::kOpened, "d"));
    EXPECT_EQ(journal.prune(at_second(5000)).value_or(0), 1U);
    EXPECT_EQ(journal.next_incident_id().value_or(0), 42U);
}

TEST(Journal, PrunesOnlyWhatWasResolvedLongAgoAndNeverTheNewestNumber) {
    const TempDir dir;
    Journal journal = open(dir / "journal.db");
    append(journal, revision("i1", RevisionKind::kOpened, "a"));
    append(journal, revision("i1", RevisionKind::kResolved, "a", at_second(1500)));
    append(journal, revision("i2", RevisionKind::kOpened, "b"));
    append(journal, revision("i3", RevisionKind::kResolved, "c", at_second(3000)));
    const auto last = append(journal, revision("i4", RevisionKind::kResolved, "d", at_second(1500)));

    EXPECT_EQ(journal.prune(at_second(2000)).value_or(0), 2U);
    EXPECT_THAT(ids(journal.incidents(false, 10)), ElementsAre("i4", "i3", "i2"));
    EXPECT_EQ(journal.read_after(0, 10)->back().number, last);
    EXPECT_EQ(journal.prune(at_second(2000)).value_or(9), 0U);
    EXPECT_GT(append(journal, revision("i5", RevisionKind::kOpened, "e")), last);
    EXPECT_EQ(journal.prune(at_second(2000)).value_or(0), 1U);  // i4 is not the newest any more
    EXPECT_FALSE(journal.find("i4")->has_value());
}

TEST(Journal, StoresHostileBytes) {
    const TempDir dir;
    Journal journal = open(dir / "journal.db");
    auto r = revision("i1", RevisionKind::kOpened, "a");
    r.incident.owner.comm = "ev" + std::string(1, '\0') + "il\n\xff\xfe'); DROP TABLE revisions;--";
    r.incident.owner.command_line = std::string(200'000, '\x80');
    const auto number = append(journal, r);
    const auto read = journal.read_after(0, 10);
    ASSERT_TRUE(read.ok()) << read.error().message;
    ASSERT_EQ(read->size(), 1U);
    EXPECT_EQ(read->front().number, number);
    EXPECT_THAT(read->front().incident.owner.comm, HasSubstr("DROP TABLE"));
}

TEST(Journal, KeepsFacts) {
    const TempDir dir;
    {
        Journal journal = open(dir / "journal.db");
        EXPECT_FALSE(journal.fact("hold")->has_value());
        ASSERT_TRUE(journal.set_fact("hold", "deploy").ok());
        ASSERT_TRUE(journal.set_fact("hold", std::string("a\0b", 3)).ok());
        ASSERT_TRUE(journal.set_fact("other", "").ok());
    }
    Journal journal = open(dir / "journal.db");
    EXPECT_EQ(journal.fact("hold")->value_or("?"), std::string("a\0b", 3));
    EXPECT_EQ(journal.fact("other")->value_or("?"), "");
    ASSERT_TRUE(journal.clear_fact("hold").ok());
    EXPECT_FALSE(journal.fact("hold")->has_value());
}

TEST(Journal, AnEmptyBatchIsNothing) {
    const TempDir dir;
    Journal journal = open(dir / "journal.db");
    const auto before = journal.last_number().value_or(0);
    EXPECT_TRUE(journal.append({}).ok());
    EXPECT_EQ(journal.last_number().value_or(0), before);
}

TEST(Journal, ManyRevisionsDoNotSlowDownTheStateOfIncidents) {
    const TempDir dir;
    Journal journal = open(dir / "journal.db");
    std::vector<Revision> batch;
    for (int i = 0; i < 500; ++i) {
        batch.push_back(revision("i" + std::to_string(i % 10), RevisionKind::kGrew, std::to_string(i)));
    }
    ASSERT_TRUE(journal.append(batch).ok());
    const auto open = journal.open_incidents();
    ASSERT_TRUE(open.ok());
    ASSERT_EQ(open->size(), 10U);
    for (const auto& incident : *open) EXPECT_GE(std::stoi(incident.policy), 490);
}

}  // namespace
}  // namespace sockdog
