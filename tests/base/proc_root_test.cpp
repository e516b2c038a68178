#include "base/proc_root.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"

namespace sockdog {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ProcRootTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "sockdog_proc_XXXXXX";
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    void write(const std::string& name, const std::string& content) {
        const auto file = root_ / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << content;
    }
    [[nodiscard]] ProcRoot proc() const { return ProcRoot(root_); }

    std::filesystem::path root_;
};

/// Fields 3 to 21 of a stat line, then `start` as field 22, then some of the rest.
std::string stat_line(const std::string& comm, const std::string& start) {
    return "7 (" + comm + ") S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 " + start + " 1000 200 0 0\n";
}

TEST_F(ProcRootTest, ReadsFilesWholeNulBytesIncluded) {
    const std::string content("a\0b\0\n", 5);
    write("7/cmdline", content);
    const auto read = proc().read(7, "cmdline");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read.value(), content);
}

TEST_F(ProcRootTest, ReadsAnEmptyFileAsEmpty) {
    write("7/cmdline", "");
    const auto read = proc().read(7, "cmdline");
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read.value(), "");
}

TEST_F(ProcRootTest, ReadsAtMostOneMebibyte) {
    write("7/cmdline", std::string((1U << 20U) + 12345, 'x'));
    const auto read = proc().read(7, "cmdline");
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read.value().size(), 1U << 20U);
}

TEST_F(ProcRootTest, AVanishedProcessIsAnErrorWithItsErrno) {
    for (const char* name : {"stat", "cgroup", "ns/net"}) {
        const auto read = proc().read(7, name);
        ASSERT_FALSE(read.ok());
        EXPECT_EQ(read.error().code, ENOENT);
        EXPECT_THAT(read.error().message, HasSubstr(name));
    }
    EXPECT_EQ(proc().read_link(7, "exe").error().code, ENOENT);
    EXPECT_EQ(proc().identify(7).error().code, ENOENT);
}

TEST_F(ProcRootTest, AFolderInPlaceOfAFileIsAnError) {
    std::filesystem::create_directories(root_ / "7/stat");
    const auto read = proc().read(7, "stat");
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code, EISDIR);
}

TEST_F(ProcRootTest, DoesNotHangOnAFileThatHasNoDataYet) {
    std::filesystem::create_directories(root_ / "7");
    ASSERT_EQ(mkfifo((root_ / "7/stat").c_str(), 0600), 0);
    EXPECT_FALSE(proc().identify(7).ok());
}

TEST_F(ProcRootTest, ReadsLinksThatPointNowhere) {
    std::filesystem::create_directories(root_ / "7/ns");
    std::filesystem::create_symlink("/usr/sbin/nginx (deleted)", root_ / "7/exe");
    std::filesystem::create_symlink("net:[4026531840]", root_ / "7/ns/net");
    EXPECT_EQ(proc().read_link(7, "exe").value_or(""), "/usr/sbin/nginx (deleted)");
    EXPECT_EQ(proc().read_link(7, "ns/net").value_or(""), "net:[4026531840]");
}

TEST_F(ProcRootTest, KnowsTheLimitOfFdsAndHowManyAreOpen) {
    const auto pid = static_cast<std::uint32_t>(::getpid());
    const ProcRoot real;
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_EQ(real.fd_limit(pid), limit.rlim_cur);
    const auto before = real.count_fds(pid);
    ASSERT_TRUE(before);
    const UniqueFd another(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(*real.count_fds(pid), *before + 1);
    EXPECT_FALSE(real.count_fds(0x7fffffff));
    EXPECT_EQ(real.fd_limit(0x7fffffff), 0U);
}

TEST_F(ProcRootTest, CountsFdsOneByOneWhereTheFolderDoesNotTell) {
    for (int i = 0; i < 5; ++i) write("7/fd/" + std::to_string(i), "");
    EXPECT_EQ(*proc().count_fds(7), 5U);
}

TEST_F(ProcRootTest, ReadsGlobalFiles) {
    write("sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
    EXPECT_EQ(proc().read_global("sys/net/ipv4/ip_local_port_range").value_or(""), "32768\t60999\n");
    EXPECT_EQ(proc().read_global("sys/none").error().code, ENOENT);
}

TEST_F(ProcRootTest, ListsPidsInOrderAndNothingElse) {
    for (const char* name :
         {"10", "9", "1", "4194304", "self", "12a", "0", "007", "-3", "4294967296", "1.5"}) {
        std::filesystem::create_directories(root_ / name);
    }
    EXPECT_THAT(proc().pids(), ElementsAre(1, 9, 10, 4194304));
    EXPECT_THAT(ProcRoot(root_ / "nowhere").pids(), IsEmpty());
}

TEST_F(ProcRootTest, IdentifiesAProcessWhateverItsName) {
    for (const std::string comm : {"nginx", "", " ", "a) R 1 (b", ")", "))))", "(", "(sd-pam)", "a b c d e",
                                   "x)\n7 (y", "\xff\xfe", "7 (z) S", ") S 1 7 7 0 -1 "}) {
        write("7/stat", stat_line(comm, "123456"));
        const auto id = proc().identify(7);
        ASSERT_TRUE(id.ok()) << comm << ": " << id.error().message;
        EXPECT_EQ(id.value(), (ProcessId{7, 123456})) << comm;
    }
}

TEST_F(ProcRootTest, IdentifiesUpToTheLargestStartTime) {
    write("7/stat", stat_line("x", "18446744073709551615"));
    EXPECT_EQ(proc().identify(7).value_or({}).start_ticks, 18446744073709551615ULL);
}

TEST_F(ProcRootTest, RefusesAStatThatHasNoStartTime) {
    for (const std::string& stat :
         {std::string(""), std::string("7"), std::string("7 (x"), std::string("7 (x)"),
          std::string("7 (x) S 1 2 3"), std::string("7 (x) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0"),
          stat_line("x", "-5"), stat_line("x", "12x"), stat_line("x", "18446744073709551616"),
          std::string(100'000, ')'), std::string("\0\0\0", 3)}) {
        write("7/stat", stat);
        const auto id = proc().identify(7);
        ASSERT_FALSE(id.ok()) << stat.substr(0, 80);
        EXPECT_EQ(id.error().code, EPROTO);
    }
}

TEST(ProcRootOfThisHost, KnowsThisProcess) {
    const ProcRoot proc;
    const auto self = static_cast<std::uint32_t>(getpid());
    const auto first = proc.identify(self);
    const auto second = proc.identify(self);
    ASSERT_TRUE(first.ok()) << first.error().message;
    ASSERT_TRUE(second.ok());
    EXPECT_GT(first->start_ticks, 0U);
    EXPECT_EQ(first.value(), second.value());
    EXPECT_THAT(proc.pids(), Contains(self));
    EXPECT_THAT(proc.read_link(self, "exe").value_or(""), HasSubstr("base_test"));
}

TEST(ProcRootOfThisHost, LeavesNoDescriptorOpen) {
    const auto count = [] {
        std::size_t entries = 0;
        for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
            ++entries;
        return entries;
    };
    const ProcRoot proc;
    const auto self = static_cast<std::uint32_t>(getpid());
    const std::size_t before = count();
    for (int i = 0; i < 100; ++i) {
        (void)proc.read(self, "status");
        (void)proc.read(self, "no such file");
        (void)proc.read(self, "fd");  // a folder: opens, does not read
        (void)proc.pids();
    }
    EXPECT_EQ(count(), before);
}

}  // namespace
}  // namespace sockdog
