#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <unordered_set>

#include "base/process_id.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace sockdog {
namespace {

bool is_open(int fd) {
    return fcntl(fd, F_GETFD) != -1;
}

UniqueFd open_null() {
    return UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

TEST(UniqueFd, ClosesWhatItOwnsExactlyOnce) {
    int number = -1;
    {
        const UniqueFd fd = open_null();
        ASSERT_TRUE(fd.valid());
        number = fd.get();
        EXPECT_TRUE(is_open(number));
    }
    EXPECT_FALSE(is_open(number));
}

TEST(UniqueFd, MovesOwnershipAndClosesWhatItHeldBefore) {
    UniqueFd first = open_null();
    UniqueFd second = open_null();
    const int kept = first.get();
    const int dropped = second.get();
    second = std::move(first);
    EXPECT_FALSE(first.valid());  // NOLINT(bugprone-use-after-move): the promise under test
    EXPECT_EQ(second.get(), kept);
    EXPECT_TRUE(is_open(kept));
    EXPECT_FALSE(is_open(dropped));
}

TEST(UniqueFd, SurvivesBeingMovedIntoItself) {
    UniqueFd fd = open_null();
    UniqueFd& same = fd;
    fd = std::move(same);
    EXPECT_TRUE(is_open(fd.get()));
}

TEST(UniqueFd, ReleaseHandsTheDescriptorOver) {
    UniqueFd fd = open_null();
    UniqueFd taker(fd.release());
    EXPECT_FALSE(fd);
    EXPECT_TRUE(is_open(taker.get()));
}

TEST(Error, TellsWhatWasTriedAndWhy) {
    const Error error = Error::from_errno("open /proc/7/stat", ENOENT);
    EXPECT_EQ(error.code, ENOENT);
    EXPECT_EQ(error.message, "open /proc/7/stat: No such file or directory");
}

TEST(Error, KeepsItsCodeAndGrowsContextOnItsWayUp) {
    const Error error = Error::from_errno("read", EIO).within("identify process 7").within("walk");
    EXPECT_EQ(error.code, EIO);
    EXPECT_EQ(error.message, "walk: identify process 7: read: Input/output error");
}

TEST(Result, HoldsEitherAValueOrAnError) {
    const Result<int> good = 7;
    const Result<int> bad = make_error("no", EPERM);
    ASSERT_TRUE(good.ok());
    EXPECT_EQ(*good, 7);
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code, EPERM);
    EXPECT_EQ(good.value_or(1), 7);
    EXPECT_EQ(bad.value_or(1), 1);
}

TEST(Result, MovesWhatCannotBeCopied) {
    Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
    const std::unique_ptr<int> taken = std::move(result).value();
    EXPECT_EQ(*taken, 7);
}

TEST(ProcessId, TellsApartTwoProcessesThatHadTheSamePid) {
    const std::unordered_set<ProcessId> ids = {{7, 100}, {7, 101}, {8, 100}, {7, 100}};
    EXPECT_EQ(ids.size(), 3U);
    EXPECT_NE((ProcessId{7, 100}), (ProcessId{7, 101}));
}

TEST(ProcessId, ZeroIsNobody) {
    EXPECT_FALSE(ProcessId{}.known());
    EXPECT_TRUE((ProcessId{1, 0}).known());
}

}  // namespace
}  // namespace sockdog
