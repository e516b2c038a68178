// What sockdogd asks systemd at its end: is this a stop, or will it be back?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "remedy/own_job.h"
#include "remedy/private_bus.h"

namespace sockdog {
namespace {

using namespace sockdog::testing;

TEST(OwnJob, IsWhatTheManagerIsDoingToOurUnit) {
    for (const std::string type : {"stop", "restart", "try-restart"}) {
        const PrivateBus bus;
        if (!bus.problem().empty()) GTEST_SKIP() << bus.problem();
        UnitScript script;
        script.job_id = 18;
        script.job_type = type;
        FakeSystemd systemd(bus.address(), script);
        ASSERT_EQ(systemd.problem(), "");
        const auto answer = own_job_type(5s, bus.address());
        ASSERT_TRUE(answer) << answer.error().message;
        EXPECT_EQ(*answer, type);
        EXPECT_THAT(systemd.calls(), ::testing::Contains("GetUnitByPID 0"));
    }
}

TEST(OwnJob, IsEmptyWhereNobodyAskedTheManager) {
    const PrivateBus bus;
    if (!bus.problem().empty()) GTEST_SKIP() << bus.problem();
    FakeSystemd systemd(bus.address(), {});
    ASSERT_EQ(systemd.problem(), "");
    const auto answer = own_job_type(5s, bus.address());
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(*answer, "");
}

TEST(OwnJob, IsNotWaitedForLongerThanTheLimit) {
    const PrivateBus bus;
    if (!bus.problem().empty()) GTEST_SKIP() << bus.problem();
    UnitScript script;
    script.hang_on_load = true;
    FakeSystemd systemd(bus.address(), script);
    ASSERT_EQ(systemd.problem(), "");
    const MonoTime before = MonoClock::now();
    const auto answer = own_job_type(300ms, bus.address());
    EXPECT_FALSE(answer);
    EXPECT_LT(MonoClock::now() - before, 5s);
}

TEST(OwnJob, IsAnErrorWithoutABusOrWithoutSystemd) {
    EXPECT_FALSE(own_job_type(1s, "unix:path=/nonexistent/bus"));
    const PrivateBus bus;
    if (!bus.problem().empty()) GTEST_SKIP() << bus.problem();
    EXPECT_FALSE(own_job_type(1s, bus.address()));
}

}  // namespace
}  // namespace sockdog
