#include "cli/scan.h"

#include <gtest/gtest.h>

#include "cli/scenes.h"

namespace sockdog {
namespace {

/// `count` sockets in `state` with ids from `first` on.
ScanResult look(TcpState state, std::uint64_t first, std::uint64_t count) {
    ScanResult result;
    result.processes = {scenes::leaking_process()};
    for (std::uint64_t i = 0; i < count; ++i) {
        SocketView view = scenes::socket_in(state, first + i);
        view.socket.role = SocketRole::kUnknown;
        view.socket.idle_received = view.socket.idle_sent = 30min;
        result.sockets.push_back(view);
    }
    return result;
}

ScanReport once(const ScanResult& result) {
    return judge_scan(result, nullptr, {}, scenes::now());
}
ScanReport twice(const ScanResult& before, const ScanResult& after) {
    return judge_scan(after, &before, 60s, scenes::now());
}

TEST(Scan, SuspectsManyInCloseWaitAtOneLook) {
    EXPECT_TRUE(once(look(TcpState::kCloseWait, 0, 8)).suspicious());
    const ScanReport few = once(look(TcpState::kCloseWait, 0, 3));
    EXPECT_FALSE(few.suspicious()) << "a shared client has 2-3 for ever";
    ASSERT_EQ(few.groups.size(), 1U) << "but they are shown";
    EXPECT_FALSE(few.groups[0].oldest) << "dwell is not known at a first look";
}

TEST(Scan, TellsDeadUnreadAndNotAcceptedApart) {
    ScanResult dead = look(TcpState::kClose, 0, 8);
    EXPECT_EQ(once(dead).groups.at(0).kind, ScanKind::kDead);
    for (SocketView& view : dead.sockets) view.socket.remote = {};
    EXPECT_TRUE(once(dead).groups.empty()) << "never connected";
    ScanResult unread = look(TcpState::kEstablished, 0, 8);
    EXPECT_TRUE(once(unread).groups.empty()) << "idle connections are normal";
    for (SocketView& view : unread.sockets) view.socket.recv_queue_bytes = 65536;
    EXPECT_EQ(once(unread).groups.at(0).kind, ScanKind::kUnread);
    for (SocketView& view : unread.sockets) view.socket.idle_received = 1s;
    EXPECT_TRUE(once(unread).groups.empty()) << "on its way to the program";
    ScanResult waiting = look(TcpState::kCloseWait, 0, 8);
    for (SocketView& view : waiting.sockets) view.socket.has_fd = false;
    EXPECT_EQ(once(waiting).groups.at(0).kind, ScanKind::kNotAccepted);
    for (SocketView& view : waiting.sockets) view.socket.orphaned = true;
    EXPECT_TRUE(once(waiting).groups.empty()) << "closed by the program already";
}

TEST(Scan, GroupsAcceptedConnectionsByTheirListener) {
    ScanResult result = look(TcpState::kCloseWait, 0, 8);
    for (SocketView& view : result.sockets) {
        view.socket.local.port = 8080;
        view.socket.remote.port = static_cast<std::uint16_t>(50000 + view.socket.id);
    }
    EXPECT_EQ(once(result).groups.size(), 8U) << "without a listener each has its own peer";
    SocketView listener = scenes::socket_in(TcpState::kListen, 99);
    listener.socket.local.port = 8080;
    result.sockets.push_back(listener);
    const ScanReport report = once(result);
    ASSERT_EQ(report.groups.size(), 1U);
    EXPECT_TRUE(report.groups[0].accepted);
    EXPECT_EQ(report.groups[0].endpoint.port, 8080);
}

TEST(Scan, JudgesTwoLooksByWhatStayedAndGrew) {
    struct Case {
        const char* name;
        TcpState state;
        std::uint64_t before, first, after;
        bool suspicious;
    };
    const std::vector<Case> cases{
        {"eight stayed", TcpState::kCloseWait, 8, 0, 8, true},
        {"eight, all of them new", TcpState::kCloseWait, 8, 100, 8, false},
        {"three stayed and two came", TcpState::kCloseWait, 3, 0, 5, true},
        {"three stayed and one came", TcpState::kCloseWait, 3, 0, 4, false},
        {"one was closed, three came", TcpState::kCloseWait, 3, 1, 5, false},
        {"none before", TcpState::kCloseWait, 0, 0, 9, false},
        {"idle ones grew by many", TcpState::kEstablished, 20, 0, 28, true},
        {"idle ones grew by a few", TcpState::kEstablished, 20, 0, 24, false},
        {"dead ones stayed", TcpState::kClose, 9, 0, 9, true},
    };
    for (const Case& c : cases) {
        const ScanReport report = twice(look(c.state, 0, c.before), look(c.state, c.first, c.after));
        EXPECT_EQ(report.suspicious(), c.suspicious) << c.name;
    }
    ScanResult busy = look(TcpState::kEstablished, 0, 28);
    busy.sockets[0].socket.idle_sent = 1s;
    EXPECT_FALSE(twice(look(TcpState::kEstablished, 0, 20), busy).suspicious())
        << "one of the old ones is in use";
}

TEST(Scan, AReusedKernelAddressIsAnotherSocket) {
    ScanResult after = look(TcpState::kCloseWait, 0, 8);
    for (SocketView& view : after.sockets) view.socket.inode += 1000;
    EXPECT_FALSE(twice(look(TcpState::kCloseWait, 0, 8), after).suspicious());
}

TEST(Scan, ReportsInText) {
    scenes::use_zone();
    ScanResult result = look(TcpState::kCloseWait, 0, 9);
    const ScanResult others = look(TcpState::kClose, 50, 2);
    result.sockets.insert(result.sockets.end(), others.sockets.begin(), others.sockets.end());
    scenes::expect_golden("scan_once.txt", render_scan(once(result), result, scenes::plain(140)));
    scenes::expect_golden("scan_twice.txt", render_scan(twice(look(TcpState::kCloseWait, 0, 5), result),
                                                        result, scenes::plain(140)));
    const ScanResult clean = look(TcpState::kEstablished, 0, 3);
    EXPECT_TRUE(render_scan(once(clean), clean, scenes::plain(140)).starts_with("Nothing suspicious.\n"));
}

}  // namespace
}  // namespace sockdog
