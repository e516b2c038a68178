// What is advised follows from how the connections were used.
#include "incident/advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "incident/incident.h"

namespace sockdog {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// 600 connections in five minutes, each with one request that took `busy`.
Finding two_a_second(Duration busy) {
    Finding f;
    f.leak_class = LeakClass::kIdleGrowth;
    f.endpoint.family = AF_INET;
    f.window = 5min;
    f.opened_in_window = 600;
    f.requests_per_connection = 1;
    f.busy_median = busy;
    return f;
}

TEST(Advice, OneClientWhereRequestsHardlyEverMeet) {
    const Finding f = two_a_second(12ms);
    EXPECT_EQ(enough_connections(f), 1U);
    EXPECT_THAT(advice(f), HasSubstr("keep one client and reuse it"));
    EXPECT_THAT(advice(f), HasSubstr("was in use for 12ms; 120 a minute are opened"));
}

TEST(Advice, APoolAsLargeAsWhatIsInUseAtOnceTwice) {
    const Finding f = two_a_second(4s);  // eight at once
    EXPECT_EQ(enough_connections(f), 17U);
    EXPECT_THAT(advice(f), HasSubstr("use a pool of about 17 connections"));
}

TEST(Advice, NothingInNumbersWhereNothingIsKnown) {
    Finding f = two_a_second(12ms);
    f.requests_per_connection = 0;
    EXPECT_THAT(advice(f), HasSubstr("keep one client for this endpoint"));
    f.opened_in_window = 0;
    EXPECT_EQ(enough_connections(f), 0U);
    f.window = {};
    EXPECT_EQ(enough_connections(f), 0U);
}

TEST(Advice, AbandonedBodiesAreToBeRead) {
    Finding f = two_a_second(12ms);
    f.recv_queue_median = 200'000;
    EXPECT_THAT(advice(f), HasSubstr("Read each response body to its end"));
}

TEST(Advice, ConnectionsWithManyRequestsAreToBeClosedAndNotReplaced) {
    Finding f = two_a_second(12ms);
    f.leak_class = LeakClass::kCloseWait;
    f.recv_queue_median = 1;
    f.requests_per_connection = 40;
    EXPECT_THAT(advice(f), HasSubstr("Close each client"));
    EXPECT_THAT(advice(f), Not(HasSubstr("reuse")));
}

TEST(Advice, ThatOfExhaustionIsThatOfItsCause) {
    Finding f = two_a_second(12ms);
    const std::string before = advice(f);
    f.cause = f.leak_class;
    f.leak_class = LeakClass::kExhaustion;
    EXPECT_EQ(advice(f), before);
    f.cause.reset();
    f.leaked = 900;
    f.ports = Supply{.used = 1000, .limit = 1000, .growth_per_minute = 0, .runs_out = {}};
    EXPECT_THAT(advice(f), HasSubstr("ip_local_port_range"));
    f.leaked = 3;
    EXPECT_THAT(advice(f), HasSubstr("TIME_WAIT"));
}

TEST(Advice, EachClassHasOneOnBothSides) {
    for (const LeakClass leak_class : kLeakClasses) {
        for (const SocketRole role : {SocketRole::kOpened, SocketRole::kAccepted, SocketRole::kUnknown}) {
            Finding f = two_a_second(12ms);
            f.leak_class = leak_class;
            f.role = role;
            EXPECT_FALSE(advice(f).empty()) << to_string(leak_class);
            Incident incident;
            incident.latest = f;
            EXPECT_THAT(summary(incident), Not(HasSubstr("unknown class")));
            EXPECT_GT(summary(incident).size(), 30U);
        }
    }
}

}  // namespace
}  // namespace sockdog
