#include "run/leak.h"

#include "run/support.h"

namespace sockdog::testing {
namespace {

const LeakRules kAll{kStart, {kRunClasses.begin(), kRunClasses.end()}};

TEST(RunLeak, IsWhatTheProgramNeverClosed) {
    EXPECT_EQ(classify(held(TcpState::kCloseWait), kAll), RunClass::kCloseWait);
    EXPECT_EQ(classify(held(TcpState::kEstablished), kAll), RunClass::kOpen);
    EXPECT_EQ(classify(held(TcpState::kClose), kAll), RunClass::kDeadFd);
    EXPECT_EQ(classify(held(TcpState::kCloseWait, SocketRole::kAccepted), kAll), RunClass::kCloseWait);
    for (const TcpState state :
         {TcpState::kListen, TcpState::kSynSent, TcpState::kFinWait2, TcpState::kLastAck})
        EXPECT_FALSE(classify(held(state), kAll)) << to_string(state);
}

TEST(RunLeak, IsNoAcceptedConnectionWhosePeerIsStillThere) {
    EXPECT_FALSE(classify(held(TcpState::kEstablished, SocketRole::kAccepted), kAll));
}

TEST(RunLeak, IsNoSocketThatWasNeverConnectedOrAccepted) {
    HeldSocket refused = held(TcpState::kClose);
    refused.socket.bytes_acked = 0;
    EXPECT_FALSE(classify(refused, kAll));
    HeldSocket in_backlog = held(TcpState::kCloseWait, SocketRole::kAccepted);
    in_backlog.socket.has_fd = false;
    EXPECT_FALSE(classify(in_backlog, kAll));
}

TEST(RunLeak, TakesWhatHappenedAtTheVeryEndForAPartOfIt) {
    HeldSocket opened = held(TcpState::kCloseWait);
    opened.socket.state_since = opened.at - 1ms;
    EXPECT_EQ(classify(opened, kAll), RunClass::kOpen);
    opened.socket.role = SocketRole::kAccepted;
    EXPECT_FALSE(classify(opened, kAll));
    opened.socket.state_since = opened.at - 1s;
    EXPECT_TRUE(classify(opened, kAll));
    opened.end_of_process = opened.at - 2s;  // many sockets take their time to be closed
    EXPECT_FALSE(classify(opened, kAll));
}

TEST(RunLeak, OfAProcessThatLivesOnIsOpenOnlyWhenItIsIdle) {
    HeldSocket busy = held(TcpState::kEstablished);
    busy.process_ended = false;
    busy.socket.idle_sent = busy.socket.idle_received = 10ms;
    EXPECT_FALSE(classify(busy, kAll));
    busy.socket.idle_sent = busy.socket.idle_received = 2s;
    EXPECT_EQ(classify(busy, kAll), RunClass::kOpen);
}

TEST(RunLeak, IsNothingFromBeforeTheWarmUpWasOverNorOfAnotherClass) {
    EXPECT_FALSE(classify(held(TcpState::kCloseWait), {kStart + 2s, kAll.classes}));
    EXPECT_FALSE(classify(held(TcpState::kCloseWait), {kStart, {RunClass::kOpen}}));
    HeldSocket older = held(TcpState::kCloseWait);
    older.socket.opened.reset();
    EXPECT_FALSE(classify(older, kAll));
}

TEST(RunLeak, IsOneLineForOneLineOfCode) {
    std::vector<Leak> leaks(3, leak());
    leaks[1].site.frames[0].line = 11;  // another way through the library
    leaks[1].held.socket.remote.port = 81;
    leaks.push_back(leak(RunClass::kOpen));
    leaks.push_back(leak(RunClass::kCloseWait, site_at("/src/app/client.py", 50, "post")));
    leaks.push_back(leak(RunClass::kCloseWait, CallSite{}));
    const auto groups = group(leaks);
    ASSERT_EQ(groups.size(), 4U);
    EXPECT_EQ(groups[0].count, 3U);
    EXPECT_EQ(groups[0].place(), "client.py:42 fetch");
    EXPECT_EQ(groups[0].endpoints.size(), 2U);
    EXPECT_EQ(groups[0].oldest, Duration(9s));
}

}  // namespace
}  // namespace sockdog::testing
