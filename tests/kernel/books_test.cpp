// What the books say of single sockets, each brought about for real.
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/support.h"

namespace sockdog::testing {
namespace {

TEST(Books, CountAConnectionAtBothItsEnds) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    for (const int family : {AF_INET, AF_INET6}) {
        Listener listener = listen_on_loopback(family);
        std::vector<UniqueFd> clients;
        std::vector<UniqueFd> served;
        for (int i = 0; i < 7; i++) {
            clients.push_back(connect_to(listener.port, family));
            served.push_back(accept_from(listener));
        }
        EXPECT_EQ(count_of(books, self(), TcpState::kListen), 1U);
        EXPECT_EQ(count_of(books, self(), TcpState::kEstablished), 14U);

        served.clear();  // the peer closes first
        EXPECT_TRUE(eventually([&] { return count_of(books, self(), TcpState::kCloseWait) == 7; }));
        EXPECT_EQ(count_of(books, self(), TcpState::kEstablished), 0U);
        EXPECT_GE(books.gauges_of(self())->peer_closed_first, 7U);

        clients.clear();
        listener.fd.reset();
        EXPECT_TRUE(eventually([&] { return books.gauges_of(self())->total() == 0; }));
    }
    EXPECT_EQ(books.losses().lost(), 0U);
}

TEST(Books, GiveAnAcceptedSocketToTheListenersProcessAndNotToTheClient) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    Listener listener = listen_on_loopback();
    std::vector<UniqueFd> kept;
    Actor client({[&] {
        for (int i = 0; i < 5; i++) kept.push_back(connect_to(listener.port));
    }});
    client.step();  // on loopback the handshake's softirq runs inside the client's connect()
    EXPECT_EQ(count_of(books, client.id(), TcpState::kEstablished), 5U);
    EXPECT_EQ(count_of(books, self(), TcpState::kEstablished), 5U);
    EXPECT_EQ(books.gauges_of(self())->accepted, 5U);
    EXPECT_EQ(books.gauges_of(client.id())->opened, 5U);
}

TEST(Books, SeeConnectionsThatNobodyAcceptedAndThatThePeerGaveUp) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    Listener listener = listen_on_loopback();
    for (int i = 0; i < 6; i++) connect_to(listener.port).reset();
    ASSERT_TRUE(eventually([&] { return count_of(books, self(), TcpState::kCloseWait) == 6; }));
    const auto sockets = books.walk({.owner = self(), .state_mask = 1U << 8});
    ASSERT_TRUE(sockets) << sockets.error().message;
    ASSERT_EQ(sockets->size(), 6U);
    for (const SocketRecord& socket : *sockets) {
        EXPECT_FALSE(socket.has_fd);
        EXPECT_FALSE(socket.orphaned);
        EXPECT_EQ(socket.local.port, listener.port);
        EXPECT_EQ(socket.role, SocketRole::kAccepted);
        EXPECT_EQ(socket.recv_queue_bytes, 1U) << "the FIN, as ss counts it";
    }
}

TEST(Books, KeepASocketThatWasResetWhileItsFdIsHeld) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    Listener listener = listen_on_loopback();
    UniqueFd client = connect_to(listener.port);
    close_with_reset(accept_from(listener));
    ASSERT_TRUE(eventually([&] { return count_of(books, self(), TcpState::kClose) == 1; }));
    EXPECT_EQ(books.gauges_of(self())->reset, 1U);
    const auto sockets = books.walk({.owner = self(), .state_mask = 1U << 7});
    ASSERT_TRUE(sockets);
    ASSERT_EQ(sockets->size(), 1U);
    EXPECT_TRUE(sockets->front().has_fd);
    EXPECT_EQ(sockets->front().role, SocketRole::kOpened);
    client.reset();
    EXPECT_TRUE(eventually([&] { return count_of(books, self(), TcpState::kClose) == 0; }));
}

TEST(Books, TellWhyAConnectFailed) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    Listener listener = listen_on_loopback();
    const std::uint16_t port = listener.port;
    listener.fd.reset();
    for (int i = 0; i < 3; i++) EXPECT_FALSE(connect_to(port));
    const auto gauges = books.gauges_of(self());
    ASSERT_TRUE(gauges);
    EXPECT_EQ(gauges->connect_refused, 3U);
    EXPECT_EQ(gauges->connect_address_unavailable, 0U);
    EXPECT_EQ(gauges->total(), 0U);
}

TEST(Books, ReadAddressesAgesAndTrafficOfASocket) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    Listener listener = listen_on_loopback();
    UniqueFd client = connect_to(listener.port);
    UniqueFd server = accept_from(listener);
    ASSERT_EQ(write(server.get(), "hello, world", 12), 12);
    usleep(200'000);
    const auto sockets = books.walk({.owner = self(), .state_mask = 1U << 1});
    ASSERT_TRUE(sockets);
    ASSERT_EQ(sockets->size(), 2U);
    for (const SocketRecord& socket : *sockets) {
        const bool is_client = socket.remote.port == listener.port;
        EXPECT_EQ(socket.role, is_client ? SocketRole::kOpened : SocketRole::kAccepted);
        EXPECT_EQ((is_client ? socket.remote : socket.local).to_string(),
                  "127.0.0.1:" + std::to_string(listener.port));
        EXPECT_EQ(socket.recv_queue_bytes, is_client ? 12U : 0U);
        EXPECT_EQ(socket.bytes_received, is_client ? 12U : 0U);
        EXPECT_TRUE(socket.has_fd);
        EXPECT_NE(socket.inode, 0U);
        EXPECT_NE(socket.netns, 0U);
        ASSERT_TRUE(socket.opened && socket.state_since);
        EXPECT_GE(MonoClock::now() - *socket.opened, 200ms);
        if (is_client) {
            EXPECT_GE(socket.idle_received, 150ms);
            EXPECT_LT(socket.idle_received, 5s);
        }
    }
}

TEST(Books, WakeTheAgentWhenCloseWaitCrossesItsLimitAndOnlyOnce) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{.wake_limit = 5});
    Listener listener = listen_on_loopback();
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 9; i++) {
        clients.push_back(connect_to(listener.port));
        accept_from(listener).reset();
    }
    std::vector<KernelEvent> events;
    ASSERT_TRUE(eventually([&] {
        books.drain_notices([&](const KernelEvent& event) {
            if (event.process == self()) events.push_back(event);
        });
        return !events.empty() && count_of(books, self(), TcpState::kCloseWait) == 9;
    }));
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, KernelEvent::Kind::kCloseWaitLimit);
    EXPECT_EQ(events[0].value, 5U);

    clients.clear();
    ASSERT_TRUE(eventually([&] { return count_of(books, self(), TcpState::kCloseWait) == 0; }));
    books.rearm();
    for (int i = 0; i < 5; i++) {
        clients.push_back(connect_to(listener.port));
        accept_from(listener).reset();
    }
    EXPECT_TRUE(eventually([&] {
        books.drain_notices([&](const KernelEvent& event) { events.push_back(event); });
        return events.size() == 2;
    }));
}

TEST(Books, TraceEveryTransitionOfAChosenProcess) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    Listener listener = listen_on_loopback();
    std::vector<TraceEvent> seen;
    books.trace(self(), true);
    {
        UniqueFd client = connect_to(listener.port);
        accept_from(listener).reset();
        ASSERT_TRUE(eventually([&] { return count_of(books, self(), TcpState::kCloseWait) == 1; }));
    }
    ASSERT_TRUE(eventually([&] { return books.gauges_of(self())->total() == 1; }));  // the listener
    books.trace(self(), false);
    connect_to(listener.port).reset();
    books.drain_traces([&](const TraceEvent& event) {
        if (event.owner == self() && event.role == SocketRole::kOpened) seen.push_back(event);
    });
    std::string path;
    for (const TraceEvent& event : seen) path += std::string(to_string(event.to)) + " ";
    EXPECT_EQ(path, "SYN_SENT ESTABLISHED CLOSE_WAIT LAST_ACK CLOSE ");
    EXPECT_EQ(seen.back().remote.port, listener.port);
    EXPECT_GT(seen.back().lived, 0ns);
}

TEST(Books, ListEveryPartAsAvailableOnThisKernel) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    for (const Capability& capability : probe_capabilities()) {
        EXPECT_TRUE(capability.available || !capability.required)
            << capability.name << ": " << capability.detail;
    }
}

TEST(Books, CountWhatAFullMapRefusedAndGoOn) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{.max_sockets = 64, .max_processes = 64});
    Listener listener = listen_on_loopback();
    std::vector<UniqueFd> fds;
    for (int i = 0; i < 100; i++) {
        fds.push_back(connect_to(listener.port));
        fds.push_back(accept_from(listener));
    }
    EXPECT_GE(books.losses().record_refused, 100U);
    fds.clear();
    ASSERT_TRUE(eventually([&] { return books.gauges_of(self())->total() <= 1; }));
    books.drain_notices([](const KernelEvent&) {});  // says that the map is full of records of the dead
    fds.push_back(connect_to(listener.port));
    EXPECT_EQ(count_of(books, self(), TcpState::kEstablished), 2U) << "room again, so counted again";
}

}  // namespace
}  // namespace sockdog::testing
