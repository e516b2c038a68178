// Sockets from before the books were opened: found, stamped with who holds them, and counted.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "kernel/shared.h"
#include "kernel/support.h"
#include "probe/books_impl.h"

namespace sockdog::testing {
namespace {

using Fds = std::vector<UniqueFd>;

std::uint32_t bit(TcpState state) {
    return 1U << static_cast<unsigned>(state);
}

void expect_gauges(const Books& books, ProcessId process, const std::map<TcpState, std::uint32_t>& expected) {
    const auto gauges = books.gauges_of(process);
    ASSERT_TRUE(gauges);
    for (std::size_t i = 1; i < kTcpStateCount; i++) {
        const auto state = static_cast<TcpState>(i);
        const auto wanted = expected.find(state);
        EXPECT_EQ(gauges->in(state), wanted == expected.end() ? 0 : wanted->second) << to_string(state);
    }
}

/// A server and a client with one of everything between them, all of it older than the books.
class Scene {
  public:
    Scene()
        : server_({[this] {
                       listener_ = listen_on_loopback(AF_INET);
                       port_->value = listener_.port;
                   },
                   [this] { serve(); }}),
          client_({[this] { open_accepted(); }, [this] { open_unaccepted(); }, [this] { fds_.clear(); }}) {
        server_.step();
        client_.step();
        server_.step();
        client_.step();
        usleep(50'000);  // FINs and RSTs arrive within a softirq; this is far more
    }
    ProcessId server() const { return server_.id(); }
    ProcessId client() const { return client_.id(); }
    std::uint16_t port() const { return port_->value; }
    void client_closes_all() { client_.step(); }

    static constexpr std::uint32_t kKept = 3, kClosed = 2, kReset = 1, kWaiting = 2, kGivenUp = 4,
                                   kUnused = 5;

  private:
    struct Port {
        std::uint16_t value;
    };
    void serve() {
        for (std::uint32_t i = 0; i < kKept; i++) fds_.push_back(accept_from(listener_));
        for (std::uint32_t i = 0; i < kClosed; i++) accept_from(listener_).reset();
        for (std::uint32_t i = 0; i < kReset; i++) close_with_reset(accept_from(listener_));
    }
    void open_accepted() {
        for (std::uint32_t i = 0; i < kKept + kClosed + kReset; i++) fds_.push_back(connect_to(port_->value));
    }
    void open_unaccepted() {
        for (std::uint32_t i = 0; i < kWaiting; i++) fds_.push_back(connect_to(port_->value));
        for (std::uint32_t i = 0; i < kGivenUp; i++) connect_to(port_->value).reset();
        for (std::uint32_t i = 0; i < kUnused; i++)
            fds_.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    }

    Shared<Port> port_;
    Listener listener_;  // of the server
    Fds fds_;            // of either, each has its own copy
    Actor server_;
    Actor client_;
};

TEST(Past, IsCountedByOwnerAndState) {
    Scene scene;
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    expect_gauges(books, scene.client(),
                  {{TcpState::kEstablished, Scene::kKept + Scene::kWaiting},
                   {TcpState::kCloseWait, Scene::kClosed},
                   {TcpState::kClose, Scene::kReset + Scene::kUnused}});
    expect_gauges(books, scene.server(),
                  {{TcpState::kListen, 1},
                   {TcpState::kEstablished, Scene::kKept + Scene::kWaiting},
                   {TcpState::kCloseWait, Scene::kGivenUp}});
    ASSERT_TRUE(books.sweep());
    EXPECT_EQ(count_of(books, scene.server(), TcpState::kEstablished), Scene::kKept + Scene::kWaiting)
        << "a sweep finds nothing to move";

    scene.client_closes_all();
    EXPECT_TRUE(eventually([&] { return books.gauges_of(scene.client())->total() == 0; }));
    EXPECT_EQ(count_of(books, scene.server(), TcpState::kCloseWait),
              Scene::kKept + Scene::kWaiting + Scene::kGivenUp);
    EXPECT_EQ(books.losses().lost(), 0U);
    EXPECT_EQ(books.losses().phantom_removed, 0U);
}

TEST(Past, IsWalkedWithHowItsOwnerIsKnownAndWithoutAnAge) {
    Scene scene;
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    const auto of_server = books.walk({.owner = scene.server()});
    ASSERT_TRUE(of_server) << of_server.error().message;
    ASSERT_EQ(of_server->size(), 1 + Scene::kKept + Scene::kWaiting + Scene::kGivenUp);
    std::uint32_t without_fd = 0;
    for (const SocketRecord& socket : *of_server) {
        EXPECT_EQ(socket.local.port, scene.port());
        EXPECT_FALSE(socket.opened);
        EXPECT_FALSE(socket.state_since);
        if (socket.has_fd) {
            EXPECT_EQ(socket.attribution, Attribution::kHolder);
            EXPECT_EQ(socket.holders, 1U);
            EXPECT_NE(socket.inode, 0U);
        } else {
            without_fd++;
            EXPECT_EQ(socket.attribution, Attribution::kListener);
            EXPECT_EQ(socket.role, SocketRole::kAccepted);
            EXPECT_EQ(socket.inode, 0U);
        }
        if (socket.state == TcpState::kListen) {
            EXPECT_EQ(socket.role, SocketRole::kListening);
            EXPECT_EQ(socket.recv_queue_bytes, Scene::kWaiting + Scene::kGivenUp) << "its backlog";
        }
    }
    EXPECT_EQ(without_fd, Scene::kWaiting + Scene::kGivenUp);

    const auto closed = books.walk({.owner = scene.client(), .state_mask = bit(TcpState::kClose)});
    ASSERT_TRUE(closed);
    ASSERT_EQ(closed->size(), Scene::kReset + Scene::kUnused);
    EXPECT_TRUE(std::all_of(closed->begin(), closed->end(), [](const SocketRecord& s) { return s.has_fd; }));
    EXPECT_EQ(std::count_if(closed->begin(), closed->end(),
                            [](const SocketRecord& s) { return s.remote.port != 0; }),
              Scene::kReset)
        << "the reset one keeps its address, the unused ones never had one";
}

TEST(Past, IsSeenByALookWithoutFollowing) {
    Scene scene;
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{.follow = false});
    EXPECT_EQ(count_of(books, scene.client(), TcpState::kCloseWait), Scene::kClosed);
    EXPECT_EQ(count_of(books, scene.server(), TcpState::kCloseWait), Scene::kGivenUp);
    const auto sockets = books.walk({.owner = scene.client()});
    ASSERT_TRUE(sockets);
    EXPECT_EQ(sockets->size(),
              Scene::kKept + Scene::kWaiting + Scene::kClosed + Scene::kReset + Scene::kUnused);
}

TEST(Past, OfAnotherNetworkNamespaceIsSeenLikeOurOwn) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: makes a network namespace";
    Listener listener;
    Fds fds;
    const auto connect_and_accept = [&](int pairs, int unaccepted) {
        for (int i = 0; i < pairs; i++) {
            fds.push_back(connect_to(listener.port));
            fds.push_back(accept_from(listener));
        }
        for (int i = 0; i < unaccepted; i++) fds.push_back(connect_to(listener.port));
    };
    Actor islander({[&] {
                        enter_own_network_namespace();
                        listener = listen_on_loopback();
                        connect_and_accept(2, 1);
                    },
                    [&] {
                        // The one that waited is accepted first: it is no longer without an fd.
                        fds.push_back(accept_from(listener));
                        connect_and_accept(3, 2);
                    }});
    islander.step();
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    expect_gauges(books, islander.id(), {{TcpState::kListen, 1}, {TcpState::kEstablished, 2 * (2 + 1)}});
    islander.step();
    expect_gauges(books, islander.id(),
                  {{TcpState::kListen, 1}, {TcpState::kEstablished, 2 * (2 + 1 + 3 + 2)}});

    struct stat net {};
    ASSERT_EQ(stat(("/proc/" + std::to_string(islander.id().pid) + "/ns/net").c_str(), &net), 0);
    const auto sockets = books.walk({.owner = islander.id()});
    ASSERT_TRUE(sockets);
    EXPECT_EQ(sockets->size(), 17U);
    for (const SocketRecord& socket : *sockets) EXPECT_EQ(socket.netns, net.st_ino);
    islander.kill();
    EXPECT_TRUE(eventually([&] { return books.gauges_of(islander.id())->total() == 0; }));
    EXPECT_EQ(books.losses().lost(), 0U);
}

std::vector<SocketRecord> waiting_at(const Books& books, std::uint16_t port) {
    std::vector<SocketRecord> waiting;
    for (const SocketRecord& socket : books.walk({.owner = self()}).value_or({}))
        if (socket.local.port == port && !socket.has_fd) waiting.push_back(socket);
    return waiting;
}

/// Takes the records of all accepted sockets out of these books, as if nobody had seen them born.
std::uint32_t forget_the_accepted(const sockdog_bpf& bpf) {
    const int records = bpf_map__fd(bpf.maps.records);
    std::vector<std::uint64_t> accepted;
    std::uint64_t key = 0;
    const std::uint64_t* before = nullptr;
    for (; bpf_map_get_next_key(records, before, &key) == 0; before = &key) {
        sockdog_record record{};
        if (bpf_map_lookup_elem(records, &key, &record) == 0 && record.role == SOCKDOG_ROLE_ACCEPTED)
            accepted.push_back(key);
    }
    for (const std::uint64_t socket : accepted) bpf_map_delete_elem(records, &socket);
    return static_cast<std::uint32_t>(accepted.size());
}

TEST(Past, OfWhatWaitsInABacklogIsLookedForAgainWhenTheKernelSkippedRuns) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    const Listener listener = listen_on_loopback();
    const UniqueFd client = connect_to(listener.port);
    ASSERT_TRUE(eventually([&] { return waiting_at(books, listener.port).size() == 1; }));
    const SocketRecord born = waiting_at(books, listener.port).front();

    ASSERT_TRUE(books.sweep());  // looks after what was skipped until now
    const std::uint64_t skipped = books.losses().recursion_missed;
    const sockdog_bpf& bpf = books.impl().object.skeleton();
    ASSERT_GE(forget_the_accepted(bpf), 1U);
    ASSERT_TRUE(books.sweep());
    if (books.losses().recursion_missed == skipped) {
        EXPECT_TRUE(waiting_at(books, listener.port).empty()) << "no fd names it, and nothing was skipped";
    }

    bpf.bss->kept.recursion_missed++;
    ASSERT_TRUE(books.sweep());
    const auto found = waiting_at(books, listener.port);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found.front().remote, born.remote);
    EXPECT_EQ(found.front().role, SocketRole::kAccepted);
    EXPECT_EQ(found.front().attribution, Attribution::kListener);
}

}  // namespace
}  // namespace sockdog::testing
