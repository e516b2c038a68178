// Files that are not what they should be: damaged, foreign, newer, full, not writable.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <fstream>

#include "store/journal.h"
#include "store/open.h"
#include "store/outbox.h"
#include "support.h"

namespace sockdog {
namespace {

using ::testing::HasSubstr;
using testing::revision;
using testing::TempDir;

void write_file(const std::filesystem::path& file, const std::string& content) {
    std::ofstream(file, std::ios::binary) << content;
}

std::string read_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A journal with 200 revisions and a hold; returns the last number.
std::uint64_t make_journal(const std::filesystem::path& file) {
    auto journal = Journal::open(file);
    EXPECT_TRUE(journal.ok());
    std::vector<Revision> batch;
    for (int i = 1; i <= 200; ++i)
        batch.push_back(revision("i" + std::to_string(i), RevisionKind::kOpened, "x"));
    EXPECT_TRUE(journal->append(batch).ok());
    EXPECT_TRUE(journal->set_fact("hold", "deploy").ok());
    return batch.back().number;
}

struct Damage {
    const char* name;
    void (*inflict)(std::string& bytes);
};

class DamagedJournal : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedJournal, IsSetAsideAndNumbersGoOnAboveTheOld) {
    const TempDir dir;
    const auto file = dir / "journal.db";
    const auto last = make_journal(file);
    std::string bytes = read_file(file);
    GetParam().inflict(bytes);
    write_file(file, bytes);

    auto journal = Journal::open(file);
    ASSERT_TRUE(journal.ok()) << journal.error().message;
    ASSERT_TRUE(journal->damaged_file().has_value());
    EXPECT_THAT(journal->damaged_file()->filename().string(), HasSubstr("journal.db.damaged-"));
    EXPECT_EQ(read_file(*journal->damaged_file()), bytes) << "evidence is kept as it was";
    auto r = revision("i900", RevisionKind::kOpened, "new");
    ASSERT_TRUE(journal->append(std::span(&r, 1)).ok());
    EXPECT_GT(r.number, last);
    EXPECT_EQ(journal->read_after(last, 10)->size(), 1U)
        << "a relay whose cursor stands at the old end hears of it";

    auto again = Journal::open(file);
    ASSERT_TRUE(again.ok());
    EXPECT_FALSE(again->damaged_file()) << "the new one is sound";
}

INSTANTIATE_TEST_SUITE_P(
    Files, DamagedJournal,
    ::testing::Values(
        Damage{"text", [](std::string& b) { b = "not a database, never was one, and long enough"; }},
        Damage{"header", [](std::string& b) { b.replace(0, 16, 16, '\0'); }},
        Damage{"pages", [](std::string& b) { b.replace(8192, b.size() - 8192, b.size() - 8192, '\xff'); }},
        Damage{"halved", [](std::string& b) { b.resize(b.size() / 2); }},
        Damage{"short", [](std::string& b) { b.resize(100); }}),
    [](const auto& tested) { return tested.param.name; });

TEST(DamagedFile, CarriesOverWhatCanStillBeRead) {
    const TempDir dir;
    const auto file = dir / "journal.db";
    make_journal(file);
    constexpr std::uint64_t kLast = 9'000'000'000'000'000;  // ahead of the clock: only the old file knows
    std::size_t index_page = 0;
    {
        auto database = sql::Database::open(file);
        ASSERT_TRUE(database.ok());
        ASSERT_TRUE(database->execute("UPDATE sqlite_sequence SET seq = 9000000000000000", "test").ok());
        index_page = static_cast<std::size_t>(
            database->integer("SELECT rootpage FROM sqlite_schema WHERE name = 'incidents_by_age'", "test")
                .value_or(0));
    }
    constexpr std::size_t kPageBytes = 4096;
    std::string bytes = read_file(file);
    ASSERT_GT(index_page, 0U);
    bytes.replace((index_page - 1) * kPageBytes, kPageBytes, kPageBytes, '\xff');
    write_file(file, bytes);

    auto journal = Journal::open(file);
    ASSERT_TRUE(journal.ok()) << journal.error().message;
    ASSERT_TRUE(journal->damaged_file().has_value());
    EXPECT_EQ(journal->last_number().value_or(0), kLast);
    EXPECT_EQ(journal->next_incident_id().value_or(0), 201U);
    EXPECT_EQ(journal->fact("hold")->value_or(""), "deploy");
}

TEST(DamagedFile, AnEmptyFileIsAnEmptyJournalAboveAnyCursor) {
    const TempDir dir;
    const auto last = make_journal(dir / "journal.db");
    write_file(dir / "journal.db", "");
    auto journal = Journal::open(dir / "journal.db");
    ASSERT_TRUE(journal.ok()) << journal.error().message;
    EXPECT_GE(journal->last_number().value_or(0), last);
    EXPECT_GT(journal->last_number().value_or(0), 1'700'000'000'000'000U);
}

TEST(DamagedFile, ADamagedOutboxBeginsAnewAtCursorZero) {
    const TempDir dir;
    write_file(dir / "outbox.db", std::string(5000, 'x'));
    auto outbox = Outbox::open(dir / "outbox.db");
    ASSERT_TRUE(outbox.ok()) << outbox.error().message;
    EXPECT_TRUE(outbox->damaged_file().has_value());
    EXPECT_EQ(outbox->cursor().value_or(9), 0U);
}

TEST(DamagedFile, AFileOfANewerVersionIsRefusedAndNotTouched) {
    const TempDir dir;
    make_journal(dir / "journal.db");
    {
        auto database = sql::Database::open(dir / "journal.db");
        ASSERT_TRUE(database->execute("PRAGMA user_version = 99", "test").ok());
    }
    const auto journal = Journal::open(dir / "journal.db");
    ASSERT_FALSE(journal.ok());
    EXPECT_EQ(journal.error().code, EPROTO);
    EXPECT_THAT(journal.error().message, HasSubstr("newer sockdog"));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
}

TEST(UnusablePlace, IsAnErrorThatNamesIt) {
    const TempDir dir;
    std::filesystem::create_directory(dir / "folder");
    write_file(dir / "file", "");
    for (const std::string& path : {(dir / "folder").string(), (dir / "file/journal.db").string(),
                                    std::string("/proc/sockdog/journal.db")}) {
        const auto journal = Journal::open(path);
        ASSERT_FALSE(journal.ok()) << path;
        EXPECT_NE(journal.error().code, 0) << path;
        EXPECT_THAT(journal.error().message, HasSubstr("journal")) << path;
    }
}

/// Runs `body` in a child that cannot make any file larger than `bytes`; its failures are its exit code.
int with_file_limit(rlim_t bytes, const std::function<int()>& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{bytes, bytes};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        ::_exit(body());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(FullDisk, IsAClearErrorAndLosesNothingThatWasReported) {
    const TempDir dir;
    const auto last = make_journal(dir / "journal.db");
    const int verdict = with_file_limit(400'000, [&] {
        auto journal = Journal::open(dir / "journal.db");
        if (!journal) return 1;
        for (int i = 0; i < 1000; ++i) {
            auto r = revision("i500", RevisionKind::kGrew, std::string(20'000, 'x'));
            const auto done = journal->append(std::span(&r, 1));
            if (done) continue;
            if (r.number != 0) return 2;
            if (done.error().message.find("journal") == std::string::npos) return 3;
            if (done.error().code == 0) return 4;
            return journal->read_after(last, 10).ok() ? 0 : 5;  // reading goes on
        }
        return 6;
    });
    EXPECT_EQ(verdict, 0);
    auto journal = Journal::open(dir / "journal.db");
    ASSERT_TRUE(journal.ok());
    EXPECT_FALSE(journal->damaged_file());
    EXPECT_EQ(journal->read_after(0, 200)->back().number, last);
    auto r = revision("i501", RevisionKind::kOpened, "after");
    EXPECT_TRUE(journal->append(std::span(&r, 1)).ok());
}

TEST(FullDisk, IsEnospc) {
    const TempDir dir;
    auto database = sql::Database::open(dir / "x.db");
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE(database->execute("CREATE TABLE t(x)", "make").ok());
    ASSERT_TRUE(database->prepare("PRAGMA max_page_count = 3", "limit")->run().ok());
    Status done = Ok{};
    for (int i = 0; i < 100 && done; ++i) {
        done = database->execute("INSERT INTO t VALUES(randomblob(4000))", "write the row");
    }
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, ENOSPC);
    EXPECT_EQ(done.error().message, "write the row: database or disk is full");
}

TEST(Schema, UpgradesInOneTransactionOrNotAtAll) {
    const TempDir dir;
    constexpr const char* kOne[] = {"CREATE TABLE a(x);"};
    constexpr const char* kTwo[] = {"CREATE TABLE a(x);", "CREATE TABLE b(x); INSERT INTO b VALUES(7);"};
    constexpr const char* kBroken[] = {"CREATE TABLE a(x);", "CREATE TABLE b(x); NONSENSE;"};
    ASSERT_TRUE(sql::open_file(dir / "x.db", {.name = "test", .steps = kOne}).ok());
    const auto failed = sql::open_file(dir / "x.db", {.name = "test", .steps = kBroken});
    ASSERT_FALSE(failed.ok());
    EXPECT_THAT(failed.error().message, HasSubstr("upgrade the schema to 2"));
    auto opened = sql::open_file(dir / "x.db", {.name = "test", .steps = kTwo});
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ(opened->database.integer("SELECT x FROM b", "test").value_or(0), 7);
    EXPECT_EQ(opened->database.integer("PRAGMA user_version", "test").value_or(0), 2);
}

}  // namespace
}  // namespace sockdog
