#include "app/throttle.h"

#include <gtest/gtest.h>

namespace sockdog {
namespace {

constexpr MonoTime kStart{1000s};

TEST(Throttle, LetsABurstPassAndThenKeepsToItsShare) {
    Throttle throttle;
    throttle.set_share(0.05);
    // 100 ms of work at every chance, ten times a second: without it, a whole core.
    Duration worked{};
    for (int tenth = 0; tenth < 6000; ++tenth) {
        const MonoTime now = kStart + tenth * 100ms;
        if (throttle.refuse(now)) continue;
        worked += 100ms;
        throttle.charge(now, 100ms);
    }
    const double share = static_cast<double>(worked.count()) / static_cast<double>(Duration(10min).count());
    EXPECT_GT(share, 0.05);
    EXPECT_LT(share, 0.056) << "the saved minute is a tenth of ten minutes";
    EXPECT_GT(throttle.refused(), 5000U);
    EXPECT_TRUE(throttle.last_refused());
}

TEST(Throttle, SaysWhenThereIsBudgetAgain) {
    Throttle throttle;
    throttle.set_share(0.1);
    ASSERT_FALSE(throttle.refuse(kStart));
    throttle.charge(kStart, 7s);  // one above the saved six
    const auto again = throttle.refuse(kStart);
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, kStart + 10s);
    EXPECT_TRUE(throttle.refuse(kStart + 9s));
    EXPECT_FALSE(throttle.refuse(kStart + 11s));
}

TEST(Throttle, NeverStopsALightLoad) {
    Throttle throttle;
    for (int i = 0; i < 10000; ++i) {
        EXPECT_FALSE(throttle.refuse(kStart + i * 1s));
        throttle.charge(kStart + i * 1s, 1ms);
    }
    EXPECT_EQ(throttle.refused(), 0U);
}

TEST(Throttle, AClockThatStandsStillEarnsNothing) {
    Throttle throttle;
    EXPECT_FALSE(throttle.refuse(kStart));
    throttle.charge(kStart, 10s);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(throttle.refuse(kStart));
    EXPECT_TRUE(throttle.refuse(kStart - 5s));
}

}  // namespace
}  // namespace sockdog
