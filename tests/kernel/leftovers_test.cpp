// What processes leave open when they end, on the real kernel.
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "kernel/support.h"

namespace sockdog::testing {
namespace {

const BooksOptions kTellLeftovers{.leftovers = true};

/// Adds what was told since; how many there are now.
std::size_t take_leftovers(Books& books, ProcessId process, std::vector<LeftSocket>& left) {
    books.drain_leftovers([&](const LeftSocket& one) {
        if (one.process == process) left.push_back(one);
    });
    return left.size();
}

TEST(Leftovers, AreToldInTheStateInWhichTheyWereLeft) {
    OPEN_BOOKS_OR_SKIP(books, kTellLeftovers);
    const Listener listener = listen_on_loopback();
    std::vector<UniqueFd> left;
    Actor client({[&] {
                      for (int i = 0; i < 6; i++) left.push_back(connect_to(listener.port));
                  },
                  [&] {
                      left.pop_back();  // the sixth is closed as it should be
                      _exit(0);
                  }});
    client.step();
    std::vector<UniqueFd> server;
    for (int i = 0; i < 6; i++) server.push_back(accept_from(listener));
    server[1].reset();                             // the peer closes first
    close_with_reset(std::move(server[2]));        // the peer resets: an fd without a connection
    ASSERT_EQ(write(server[3].get(), "x", 1), 1);  // data that nobody reads
    ASSERT_TRUE(eventually([&] { return count_of(books, client.id(), TcpState::kCloseWait) == 1; }));
    client.begin();
    std::vector<LeftSocket> seen;
    ASSERT_TRUE(eventually([&] { return take_leftovers(books, client.id(), seen) >= 5; })) << seen.size();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    take_leftovers(books, client.id(), seen);

    std::map<std::uint64_t, LeftSocket> first;  // one that is reset at its end is told twice
    for (const LeftSocket& one : seen) first.try_emplace(one.socket.id, one);
    std::map<TcpState, int> states;
    for (const auto& [id, one] : first) states[one.socket.state]++;
    const std::map<TcpState, int> expected{
        {TcpState::kEstablished, 3}, {TcpState::kCloseWait, 1}, {TcpState::kClose, 1}};
    EXPECT_EQ(states, expected);
    for (const auto& [id, one] : first) {
        EXPECT_EQ(one.socket.owner, client.id());
        EXPECT_EQ(one.socket.remote.port, listener.port);
        EXPECT_EQ(one.socket.role, SocketRole::kOpened);
        ASSERT_TRUE(one.socket.state_since);
        EXPECT_LE(*one.socket.state_since, one.at);
        EXPECT_EQ(one.socket.recv_queue_bytes > 0 && one.socket.state == TcpState::kEstablished,
                  one.socket.data_segments_in > 0);
    }
    EXPECT_EQ(books.losses().lost(), 0U);
}

TEST(Leftovers, OfAKilledProcessAreToldToo) {
    OPEN_BOOKS_OR_SKIP(books, kTellLeftovers);
    const Listener listener = listen_on_loopback();
    UniqueFd socket;
    Actor client({[&] { socket = connect_to(listener.port); }});
    client.step();
    const UniqueFd accepted = accept_from(listener);
    client.kill();
    std::vector<LeftSocket> seen;
    EXPECT_TRUE(eventually([&] { return take_leftovers(books, client.id(), seen) > 0; }));
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_EQ(seen[0].socket.state, TcpState::kEstablished);
}

TEST(Leftovers, AreNotWhatAnotherProcessStillHoldsOrWhatWasClosed) {
    OPEN_BOOKS_OR_SKIP(books, kTellLeftovers);
    const Listener listener = listen_on_loopback();
    UniqueFd held = connect_to(listener.port);  // the child has it by birth, and so have we
    Actor child({[&] { connect_to(listener.port).reset(); }, [] { _exit(0); }});
    child.step();
    child.begin();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    std::vector<LeftSocket> none;
    EXPECT_EQ(take_leftovers(books, child.id(), none), 0U);
    EXPECT_EQ(count_of(books, self(), TcpState::kEstablished), 2U) << "with its other end, in our backlog";
}

}  // namespace
}  // namespace sockdog::testing
