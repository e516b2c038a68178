// Whose a socket is when it changes hands: forks, passed descriptors, processes that end before their sockets
// do.
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "kernel/shared.h"
#include "kernel/support.h"

namespace sockdog::testing {
namespace {

using Fds = std::vector<UniqueFd>;

struct Pid {
    pid_t value;
};

TEST(Owners, OfAPreForkServerAreTheChildrenThatAccepted) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    Shared<std::uint16_t> port;
    Fds fds;
    Actor client({[&] {
        for (int i = 0; i < 6; i++) fds.push_back(connect_to(*port));
    }});
    Listener listener = listen_on_loopback();
    *port = listener.port;
    const auto accept_some = [&](int count) {
        return [&fds, &listener, count] {
            for (int i = 0; i < count; i++) fds.push_back(accept_from(listener));
        };
    };
    Actor first({accept_some(2), [&] { fds.clear(); }});
    Actor second({accept_some(3)});
    client.step();
    first.step();
    second.step();
    EXPECT_EQ(count_of(books, self(), TcpState::kEstablished), 6U) << "the listener's owner until a sweep";

    ASSERT_TRUE(books.sweep());
    EXPECT_EQ(count_of(books, first.id(), TcpState::kEstablished), 2U);
    EXPECT_EQ(count_of(books, second.id(), TcpState::kEstablished), 3U);
    EXPECT_EQ(count_of(books, self(), TcpState::kEstablished), 1U) << "the one that nobody accepted";
    EXPECT_EQ(count_of(books, self(), TcpState::kListen), 1U) << "held by its owner too: it stays";
    const auto moved = books.walk({.owner = second.id()});
    ASSERT_TRUE(moved);
    ASSERT_EQ(moved->size(), 3U);
    EXPECT_EQ(moved->front().attribution, Attribution::kMoved);
    EXPECT_EQ(moved->front().holders, 1U);
    const auto shared = books.walk({.owner = self(), .state_mask = 1U << 10});
    ASSERT_TRUE(shared);
    ASSERT_EQ(shared->size(), 1U);
    EXPECT_EQ(shared->front().holders, 3U);

    first.step();
    EXPECT_TRUE(eventually([&] { return books.gauges_of(first.id())->total() == 0; }));
    EXPECT_EQ(count_of(books, client.id(), TcpState::kCloseWait), 2U);
    EXPECT_EQ(books.losses().lost(), 0U);
}

TEST(Owners, StayWhereTheyAreWhileTheOpenerHoldsTheSocketToo) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    Listener listener = listen_on_loopback();
    UniqueFd client = connect_to(listener.port);
    Actor heir({[&] { client.reset(); }});
    for (int i = 0; i < 3; i++) {
        ASSERT_TRUE(books.sweep());
        EXPECT_EQ(count_of(books, heir.id(), TcpState::kEstablished), 0U);
        EXPECT_EQ(count_of(books, self(), TcpState::kEstablished), 2U);
    }
    const auto sockets = books.walk({.owner = self(), .state_mask = 1U << 1});
    ASSERT_TRUE(sockets);
    ASSERT_EQ(sockets->size(), 2U);
    for (const SocketRecord& socket : *sockets) EXPECT_EQ(socket.holders, socket.has_fd ? 2U : 0U);
}

TEST(Owners, BecomeTheChildrenWhenTheParentCloses) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    Listener listener = listen_on_loopback();
    UniqueFd client = connect_to(listener.port);
    UniqueFd server = accept_from(listener);
    Actor heir({[&] {
        server.reset();
        listener.fd.reset();
    }});
    heir.step();
    client.reset();
    EXPECT_EQ(count_of(books, self(), TcpState::kEstablished), 2U) << "the fork keeps it open";
    ASSERT_TRUE(books.sweep());
    EXPECT_EQ(count_of(books, self(), TcpState::kEstablished), 1U);
    EXPECT_EQ(count_of(books, heir.id(), TcpState::kEstablished), 1U);
    server.reset();
    EXPECT_TRUE(eventually([&] { return count_of(books, heir.id(), TcpState::kCloseWait) == 1; }));
}

TEST(Owners, BecomeTheChildrenWhenTheParentDies) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    Shared<Pid> child;
    Shared<std::uint16_t> port;
    Listener listener;
    UniqueFd client;
    Actor server({[&] {
        listener = listen_on_loopback();
        *port = listener.port;
    }});
    Actor parent({[&] {
        client = connect_to(*port);
        const pid_t forked = fork();
        if (forked == 0) {
            prctl(PR_SET_PDEATHSIG, 0);
            alarm(60);  // the test kills it long before
            for (;;) pause();
        }
        child->value = forked;
    }});
    server.step();
    parent.step();
    const ProcessId heir = identify(child->value);
    ASSERT_TRUE(heir.known());
    parent.kill();
    EXPECT_EQ(count_of(books, parent.id(), TcpState::kEstablished), 1U);
    ASSERT_TRUE(books.sweep());
    EXPECT_EQ(count_of(books, parent.id(), TcpState::kEstablished), 0U);
    EXPECT_EQ(count_of(books, heir, TcpState::kEstablished), 1U);
    ::kill(child->value, SIGKILL);
    EXPECT_TRUE(eventually([&] { return count_of(books, heir, TcpState::kEstablished) == 0; }));
    EXPECT_TRUE(eventually([&] { return count_of(books, server.id(), TcpState::kCloseWait) == 1; }));
}

TEST(Owners, FollowADescriptorThatIsPassedOn) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    int channel[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
    const UniqueFd near(channel[0]);
    const UniqueFd far(channel[1]);
    Shared<std::uint16_t> port;
    Listener listener;
    UniqueFd fd;
    Actor server({[&] {
        listener = listen_on_loopback();
        *port = listener.port;
    }});
    Actor sender({[&] {
        fd = connect_to(*port);
        send_fd(near.get(), fd.get());
        fd.reset();
    }});
    Actor receiver({[&] { fd = receive_fd(far.get()); }});
    server.step();
    sender.step();
    ASSERT_TRUE(books.sweep());
    EXPECT_EQ(count_of(books, sender.id(), TcpState::kEstablished), 1U) << "in flight nobody holds it";
    receiver.step();
    ASSERT_TRUE(books.sweep());
    EXPECT_EQ(count_of(books, sender.id(), TcpState::kEstablished), 0U);
    EXPECT_EQ(count_of(books, receiver.id(), TcpState::kEstablished), 1U);
}

TEST(Owners, OfWaitingConnectionsAreFoundThoughTheirBirthWasNotBooked) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{.max_sockets = 96, .max_processes = 64});
    Shared<std::uint16_t> port;
    Listener listener;
    Actor server({[&] {
        listener = listen_on_loopback();
        *port = listener.port;
    }});
    server.step();
    Fds filling;
    Listener own = listen_on_loopback();
    for (int i = 0; i < 100; i++) filling.push_back(connect_to(own.port));
    ASSERT_GE(books.losses().record_refused, 100U) << "the books are full";
    Fds waiting;
    // The counter is the whole host's: a socket of somebody else can only add to it, so one undisturbed try
    // in five tells.
    std::uint64_t added = 0;
    for (int attempt = 0; attempt < 5 && added != 2U * 7U; attempt++) {
        const std::uint64_t before = books.losses().record_refused;
        for (UniqueFd& fd : waiting) close_with_reset(std::move(fd));
        waiting.clear();
        for (int i = 0; i < 7; i++) waiting.push_back(connect_to(*port));
        added = books.losses().record_refused - before;
    }
    ASSERT_EQ(added, 2U * 7U) << "counted once a socket, at its birth";
    filling.clear();
    own.fd.reset();
    books.drain_notices([](const KernelEvent&) {});  // says that the map is full, and room is made

    ASSERT_EQ(count_of(books, server.id(), TcpState::kCloseWait), 0U);
    waiting.clear();  // the peer gives up: now each gets a record, nobody's
    ASSERT_TRUE(books.sweep());
    EXPECT_EQ(count_of(books, server.id(), TcpState::kCloseWait), 7U);
    const auto sockets = books.walk({.owner = server.id(), .state_mask = 1U << 8});
    ASSERT_TRUE(sockets);
    ASSERT_EQ(sockets->size(), 7U);
    EXPECT_EQ(sockets->front().attribution, Attribution::kListener);
    EXPECT_EQ(sockets->front().role, SocketRole::kAccepted);
}

/// More than two loopback sockets buffer: the rest, and the FIN after it, stay with the sender.
void write_until_full(int fd) {
    static const char kBlock[65536] = {};
    while (send(fd, kBlock, sizeof kBlock, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
}

TEST(Owners, KeepWhatTheyLeftBehindUntilItIsGone) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    Shared<std::uint16_t> port;
    Listener listener;
    UniqueFd fd;
    Actor server({[&] {
                      listener = listen_on_loopback();
                      *port = listener.port;
                  },
                  [&] { fd = accept_from(listener); }, [&] { close_with_reset(std::move(fd)); }});
    Actor opener({[&] {
        fd = connect_to(*port);
        write_until_full(fd.get());
    }});
    server.step();
    opener.step();
    server.step();
    opener.kill();
    const MonoTime killed = MonoClock::now();
    ASSERT_TRUE(eventually([&] { return count_of(books, opener.id(), TcpState::kFinWait1) == 1; }));
    const auto left = books.walk({.owner = opener.id()});
    ASSERT_TRUE(left);
    ASSERT_EQ(left->size(), 1U);
    EXPECT_TRUE(left->front().orphaned);
    EXPECT_FALSE(left->front().has_fd);

    const auto release = [&](MonoTime now) {
        books.drain_notices([](const KernelEvent&) {});
        books.release_ended(now, [&](ProcessId process) { return process != opener.id(); });
        return books.gauges_of(opener.id()).has_value();
    };
    EXPECT_TRUE(release(killed + 1h)) << "it still owns a socket";
    server.step();
    ASSERT_TRUE(eventually([&] { return books.gauges_of(opener.id())->total() == 0; }));
    EXPECT_FALSE(release(killed + 2h));
}

}  // namespace
}  // namespace sockdog::testing
