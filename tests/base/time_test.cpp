#include "base/time.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <vector>

namespace sockdog {
namespace {

WallTime at(std::int64_t milliseconds) {
    return WallTime{std::chrono::milliseconds{milliseconds}};
}

TEST(MonoClock, TellsTheTimeOfTheKernelsMonotonicClock) {
    timespec before{};
    timespec after{};
    clock_gettime(CLOCK_MONOTONIC, &before);
    const MonoTime now = MonoClock::now();
    clock_gettime(CLOCK_MONOTONIC, &after);
    const auto nanoseconds = [](const timespec& t) { return t.tv_sec * 1'000'000'000LL + t.tv_nsec; };
    EXPECT_GE(now.time_since_epoch().count(), nanoseconds(before));
    EXPECT_LE(now.time_since_epoch().count(), nanoseconds(after));
}

TEST(MonoClock, NeverGoesBack) {
    MonoTime last = MonoClock::now();
    for (int i = 0; i < 1000; ++i) {
        const MonoTime now = MonoClock::now();
        ASSERT_GE(now, last);
        last = now;
    }
}

TEST(ReadNow, GivesOneInstantOnBothClocks) {
    const auto wall_before = std::chrono::system_clock::now();
    const Now now = read_now();
    EXPECT_GE(now.wall + 1ms, wall_before);
    EXPECT_LE(now.wall, std::chrono::system_clock::now());
    EXPECT_LE(now.mono, MonoClock::now());
}

struct Instant {
    std::int64_t milliseconds;
    std::string text;
};

class Rfc3339 : public testing::TestWithParam<Instant> {};

TEST_P(Rfc3339, IsWrittenInUtcWithMilliseconds) {
    EXPECT_EQ(format_rfc3339(at(GetParam().milliseconds)), GetParam().text);
}

TEST_P(Rfc3339, ComesBackAsTheSameInstant) {
    EXPECT_EQ(parse_rfc3339(GetParam().text), at(GetParam().milliseconds));
}

INSTANTIATE_TEST_SUITE_P(Instants, Rfc3339,
                         testing::Values(Instant{0, "1970-01-01T00:00:00.000Z"},
                                         Instant{1, "1970-01-01T00:00:00.001Z"},
                                         Instant{-1, "1969-12-31T23:59:59.999Z"},
                                         Instant{951'782'400'000, "2000-02-29T00:00:00.000Z"},
                                         Instant{1'795'376'355'123, "2026-11-22T19:39:15.123Z"},
                                         Instant{4'107'542'399'999, "2100-02-28T23:59:59.999Z"},
                                         Instant{-62'167'219'200'000, "0000-01-01T00:00:00.000Z"},
                                         Instant{253'402'300'799'999, "9999-12-31T23:59:59.999Z"}));

TEST(Rfc3339Format, StaysWithinFourDigitYears) {
    EXPECT_EQ(format_rfc3339(WallTime::max()), "9999-12-31T23:59:59.999Z");
    EXPECT_EQ(format_rfc3339(WallTime::min()), "0000-01-01T00:00:00.000Z");
}

TEST(Rfc3339Parse, TakesTheOtherSpellingsOfUtc) {
    const std::vector<Instant> cases = {
        {1'795'376'355'000, "2026-11-22T19:39:15Z"},
        {1'795'376'355'000, "2026-11-22t19:39:15z"},
        {1'795'376'355'000, "2026-11-22 19:39:15Z"},
        {1'795'376'355'000, "2026-11-22T19:39:15+00:00"},
        {1'795'376'355'000, "2026-11-22T19:39:15-00:00"},
        {1'795'376'355'500, "2026-11-22T19:39:15.5Z"},
        {1'795'376'355'120, "2026-11-22T19:39:15.12Z"},
        {1'795'376'355'123, "2026-11-22T19:39:15.123999999999999999999999Z"},
        {1'483'228'800'000, "2016-12-31T23:59:60Z"},  // a leap second that did happen
    };
    for (const Instant& c : cases) EXPECT_EQ(parse_rfc3339(c.text), at(c.milliseconds)) << c.text;
}

TEST(Rfc3339Parse, GivesTheEpochForWhatIsNotRfc3339Utc) {
    const std::vector<std::string> cases = {
        "",
        "Z",
        "now",
        "2026-11-22",
        "2026-11-22T19:39Z",
        "2026-11-22T19:39:15",
        "2026-11-22T19:39:15+01:00",
        "2026-11-22T19:39:15.Z",
        "2026-11-22T19:39:15.123Z ",
        " 2026-11-22T19:39:15.123Z",
        "2026-11-22T19:39:15.123ZZ",
        "2026-11-22T24:00:00Z",
        "2026-11-22T19:60:15Z",
        "2026-11-22T19:39:61Z",
        "2026-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-00T00:00:00Z",
        "+026-11-22T19:39:15Z",
        "2026-11-22T-9:39:15Z",
        "20261122T193915Z",
        "12026-11-22T19:39:15Z",
        std::string("2026-11-22T19:39:15\0Z", 21),
        "\xff\xff\xff\xff-11-22T19:39:15Z",
    };
    for (const std::string& text : cases) EXPECT_EQ(parse_rfc3339(text), WallTime{}) << text;
}

TEST(FormatDuration, SpeaksInTheTwoLargestUnits) {
    const std::vector<std::pair<Duration, std::string>> cases = {
        {0s, "0s"},
        {1ns, "<1ms"},
        {999'999ns, "<1ms"},
        {1ms, "1ms"},
        {850ms, "850ms"},
        {999'999us, "999ms"},
        {1s, "1s"},
        {12'900ms, "12s"},
        {59'999ms, "59s"},
        {60s, "1m00s"},
        {200s, "3m20s"},
        {59min + 59s, "59m59s"},
        {1h, "1h00m"},
        {5h + 2min + 59s, "5h02m"},
        {24h, "1d00h"},
        {102h, "4d06h"},
        {1000 * 24h, "1000d00h"},
        {-12s, "-12s"},
        {-1ns, "-<1ms"},
        {Duration::max(), "106751d23h"},
        {Duration::min(), "-106751d23h"},
    };
    for (const auto& [duration, text] : cases) EXPECT_EQ(format_duration(duration), text) << duration.count();
}

}  // namespace
}  // namespace sockdog
