// The history of a process: bounded, in order, and not forgetful of what went away.
#include "detect/history.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>

#include "detect/detector.h"
#include "detect/evidence.h"
#include "simulator.h"

namespace sockdog::testing {
namespace {

MonoTime at(Duration since) {
    return MonoTime(1000h + since);
}

Gauges with(std::uint32_t close_wait, std::uint64_t opened = 0) {
    Gauges g;
    g.sockets[static_cast<std::size_t>(TcpState::kCloseWait)] = close_wait;
    g.opened = opened;
    return g;
}

SocketRecord socket_to(std::uint16_t port, SocketRole role = SocketRole::kOpened) {
    static std::uint64_t id = 0;
    SocketRecord s;
    s.id = ++id;
    s.role = role;
    s.state = TcpState::kEstablished;
    s.has_fd = true;
    s.local = endpoint(static_cast<std::uint16_t>(40000 + id));
    s.remote = endpoint(port);
    return s;
}

TEST(History, IgnoresSamplesThatGoBack) {
    ProcessHistory history;
    history.add(at(10s), with(1));
    history.add(at(10s), with(2));
    history.add(at(9s), with(3));
    ASSERT_EQ(history.gauges().size(), 1U);
    EXPECT_EQ(history.gauges().back().gauges.in(TcpState::kCloseWait), 1U);
    EXPECT_EQ(history.since(), at(10s));
}

TEST(History, OfKeptBooksBeginsWithTheBooks) {
    ProcessHistory history;
    history.begin(at(-2h));
    history.add(at(10s), with(1));
    EXPECT_EQ(history.since(), at(-2h));
    EXPECT_EQ(history.gauges().size(), 1U) << "what was between is not known";
}

TEST(History, TellsHowFarACounterRoseAsFarAsThatIsKnown) {
    const auto opened = [](const Gauges& g) { return g.opened; };
    ProcessHistory history;
    EXPECT_EQ(rise_since(history, at(0s), opened), 0U);
    history.add(at(10s), with(0, 100));
    history.add(at(20s), with(0, 107));
    EXPECT_EQ(rise_since(history, at(15s), opened), 7U);
    EXPECT_EQ(rise_since(history, at(0s), opened), 107U) << "the counters began after that";
    history.begin(at(-2h));
    EXPECT_EQ(rise_since(history, at(0s), opened), 7U) << "the hundred may be of hours ago";
    EXPECT_EQ(rise_since(history, at(-3h), opened), 107U);
}

TEST(History, OfAQuietProcessIsTwoPoints) {
    ProcessHistory history;
    for (int i = 0; i < 1000; ++i) history.add(at(i * 5s), with(3, 7));
    ASSERT_EQ(history.gauges().size(), 2U);
    EXPECT_EQ(history.gauges().front().at, at(0s));
    EXPECT_EQ(history.gauges().back().at, at(999 * 5s));
}

TEST(History, StaysSmallForAYearAndRemembersThePile) {
    ProcessHistory history;
    for (int i = 0; i < 100'000; ++i) {
        const bool pile = i > 400 && i < 410;
        history.add(at(i * 315s), with(pile ? 90 : 1, static_cast<std::uint64_t>(i)));
        if (i % 16 == 0) history.trim(10min);
    }
    history.trim(10min);
    EXPECT_LE(history.gauges().size(), 64U);
    EXPECT_EQ(history.gauges().front().at, at(0s));
    EXPECT_EQ(history.since(), at(0s));
    EXPECT_TRUE(std::any_of(history.gauges().begin(), history.gauges().end(),
                            [](const GaugePoint& p) { return p.gauges.in(TcpState::kCloseWait) == 90; }));
    EXPECT_TRUE(std::is_sorted(history.gauges().begin(), history.gauges().end(),
                               [](const auto& a, const auto& b) { return a.at < b.at; }));
}

TEST(History, IsBoundedEvenWhenTheTickIsFarTooShort) {
    ProcessHistory history;
    for (int i = 0; i < 5000; ++i) history.add(at(i * 1ms), with(1, static_cast<std::uint64_t>(i)));
    history.trim(10min);
    EXPECT_LE(history.gauges().size(), ProcessHistory::kMaxPoints);
    EXPECT_EQ(history.gauges().back().at, at(4999ms));
}

TEST(History, KeepsTheBusiestEndpointsOfACrawler) {
    ProcessHistory history;
    std::vector<SocketRecord> sockets;
    for (int port = 1; port <= 1000; ++port) {
        for (int i = 0; i < 3 + port / 500; ++i)
            sockets.push_back(socket_to(static_cast<std::uint16_t>(port)));
    }
    history.add_walk(at(0s), sockets);
    history.trim(1min);
    EXPECT_EQ(history.endpoints().size(), ProcessHistory::kMaxEndpoints);
    EXPECT_TRUE(history.endpoints().contains(endpoint_key(socket_to(1000))));
}

TEST(History, DropsAnEndpointThatHasBeenEmptyForLong) {
    ProcessHistory history;
    history.add_walk(at(0s), std::vector{socket_to(80), socket_to(80), socket_to(80)});
    history.add_walk(at(30s), {});
    history.trim(1min);
    EXPECT_EQ(history.endpoints().size(), 1U);
    history.add_walk(at(61s), {});
    history.trim(1min);
    EXPECT_TRUE(history.endpoints().empty());
}

TEST(History, TellsTheOlderFromTheBorn) {
    ProcessHistory history;
    std::vector<SocketRecord> sockets{socket_to(80), socket_to(80), socket_to(80)};
    sockets[0].opened = at(0s);
    sockets[1].opened = at(1s);
    history.add_walk(at(5s), sockets);
    sockets[1].state = TcpState::kCloseWait;
    sockets.push_back(socket_to(80));
    sockets.back().opened = at(7s);
    sockets.push_back(socket_to(80));
    sockets.back().has_fd = false;
    history.add_walk(at(10s), sockets);
    const auto& points = history.endpoints().begin()->second;
    ASSERT_EQ(points.size(), 2U);
    EXPECT_EQ(points[0].born, 2U);
    EXPECT_EQ(points[0].older, 1U);  // older than the books
    EXPECT_EQ(points[1].born, 1U);
    EXPECT_EQ(points[1].older, 3U);
    EXPECT_EQ(points[1].established, 3U);
    EXPECT_EQ(points[1].close_wait, 1U);
    EXPECT_EQ(points[1].newest_opened, at(7s));
}

TEST(Endpoint, OfAMappedAddressIsTheIpv4Address) {
    SocketRecord mapped = socket_to(80);
    mapped.remote.family = AF_INET6;
    mapped.remote.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1};
    EXPECT_EQ(endpoint_key(mapped), endpoint_key(socket_to(80)));
}

TEST(Endpoint, OfSocketsOlderThanTheBooksIsGuessedFromTheirPort) {
    std::vector<SocketRecord> sockets;
    for (int i = 0; i < 4; ++i) {
        sockets.push_back(socket_to(80, SocketRole::kUnknown));  // each from a port of its own
        sockets.push_back(socket_to(static_cast<std::uint16_t>(50000 + i), SocketRole::kUnknown));
        sockets.back().local = endpoint(443);  // all at one port
    }
    sockets.push_back(socket_to(50100, SocketRole::kUnknown));
    sockets.back().local = endpoint(22);
    sockets.push_back(socket_to(0, SocketRole::kListening));
    sockets.back().local = endpoint(22);
    sockets.back().state = TcpState::kListen;
    const auto groups = by_endpoint(sockets);
    ASSERT_EQ(groups.size(), 3U);
    EXPECT_EQ(groups.at({SocketRole::kOpened, endpoint(80), 0}).size(), 4U);
    EXPECT_EQ(groups.at({SocketRole::kAccepted, endpoint(443), 0}).size(), 4U);
    EXPECT_EQ(groups.at({SocketRole::kAccepted, endpoint(22), 0}).size(), 1U);
}

TEST(Limits, SayHowMuchHistoryTheyNeed) {
    Limits limits;
    EXPECT_GE(history_needed(limits), 9min);
    limits.close_wait.dwell = 1h;
    EXPECT_EQ(history_needed(limits), 4h);
}

}  // namespace
}  // namespace sockdog::testing
