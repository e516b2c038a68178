// What the kernel side must know for the classes that no table of the kernel shows: dead, unused and
// inherited sockets, and who could not connect for want of a port.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "kernel/shared.h"
#include "kernel/support.h"
#include "probe/namespaces.h"

namespace sockdog::testing {
namespace {

SocketRecord one_in(const Books& books, ProcessId process, TcpState state) {
    const auto sockets = books.walk({.owner = process, .state_mask = 1U << static_cast<unsigned>(state)});
    return sockets && sockets->size() == 1 ? sockets->front() : SocketRecord{};
}

TEST(Classes, ADeadSocketKeepsItsEndpoints) {
    OPEN_BOOKS_OR_SKIP(books, {});
    const Listener listener = listen_on_loopback();
    UniqueFd client = connect_to(listener.port);
    UniqueFd served = accept_from(listener);
    close_with_reset(std::move(served));
    ASSERT_TRUE(eventually([&] { return count_of(books, self(), TcpState::kClose) == 1; }));
    SocketRecord dead = one_in(books, self(), TcpState::kClose);
    EXPECT_EQ(dead.role, SocketRole::kOpened);
    EXPECT_EQ(dead.remote.port, listener.port);
    EXPECT_TRUE(dead.has_fd);
    EXPECT_TRUE(dead.opened);
    client.reset();

    client = connect_to(listener.port);
    served = accept_from(listener);
    close_with_reset(std::move(client));
    ASSERT_TRUE(eventually([&] { return count_of(books, self(), TcpState::kClose) == 1; }));
    dead = one_in(books, self(), TcpState::kClose);
    EXPECT_EQ(dead.role, SocketRole::kAccepted);
    EXPECT_EQ(dead.local.port, listener.port) << "its port was given back, the endpoint is still told";
}

TEST(Classes, AnUnusedSocketIsDatedByTheSweepThatMeetsIt) {
    OPEN_BOOKS_OR_SKIP(books, {});
    const UniqueFd unused(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const MonoTime before = MonoClock::now();
    ASSERT_TRUE(books.sweep());
    const SocketRecord found = one_in(books, self(), TcpState::kClose);
    ASSERT_TRUE(found.state_since);
    EXPECT_GE(*found.state_since, before);
    EXPECT_FALSE(found.opened);
    EXPECT_EQ(found.role, SocketRole::kUnknown);
    EXPECT_EQ(found.remote.port, 0U);
    const auto dated = *found.state_since;
    ASSERT_TRUE(books.sweep());
    EXPECT_EQ(one_in(books, self(), TcpState::kClose).state_since, dated) << "not by the next one";
}

TEST(Classes, WhatAChildWasBornWithIsInherited) {
    OPEN_BOOKS_OR_SKIP(books, {});
    const Listener listener = listen_on_loopback();
    std::vector<UniqueFd> opened;
    for (int i = 0; i < 3; i++) opened.push_back(connect_to(listener.port));
    std::this_thread::sleep_for(
        std::chrono::milliseconds(50));  // a fork takes longer than the clock's grain, as a rule
    Actor child({[] {}});
    child.step();
    ASSERT_TRUE(books.sweep());
    EXPECT_EQ(count_of(books, self(), TcpState::kEstablished), 6U)
        << "the opener holds them too: they are its own";
    opened.clear();
    ASSERT_TRUE(books.sweep());
    const auto heritage = books.walk({.owner = child.id(), .state_mask = 1U << 1U});
    ASSERT_TRUE(heritage);
    ASSERT_EQ(heritage->size(), 3U);
    for (const SocketRecord& s : *heritage) {
        EXPECT_EQ(s.attribution, Attribution::kInherited);
        EXPECT_EQ(s.opener_pid, self().pid);
        EXPECT_EQ(s.remote.port, listener.port);
    }
    EXPECT_EQ(books.gauges_of(child.id())->inherited, 3U);
}

TEST(Classes, WhoFindsNoFreePortIsNamedWithWhereTo) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: makes a network namespace";
    OPEN_BOOKS_OR_SKIP(books, {});
    constexpr std::uint32_t kPorts = 20;
    struct Outcome {
        std::uint16_t port;
        std::uint32_t connected;
        std::uint32_t unavailable;
    };
    const Shared<Outcome> outcome;
    Actor islander({[&] {
        enter_own_network_namespace();
        std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << 40001 << " " << 40000 + kPorts;
        std::ofstream("/proc/sys/net/ipv4/ip_local_reserved_ports") << "40003,40010-40011";
        static Listener listener = listen_on_loopback();
        static std::vector<UniqueFd> fds;
        outcome->port = listener.port;
        for (std::uint32_t i = 0; i < kPorts + 5; i++) {
            UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            sockaddr_in to{};
            to.sin_family = AF_INET;
            to.sin_port = htons(listener.port);
            to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            if (connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0)
                outcome->connected++;
            else if (errno == EADDRNOTAVAIL)
                outcome->unavailable++;
            fds.push_back(std::move(fd));
        }
    }});
    islander.step();
    struct stat status {};
    ASSERT_EQ(stat(("/proc/" + std::to_string(islander.id().pid) + "/ns/net").c_str(), &status), 0);
    const auto netns = static_cast<std::uint32_t>(status.st_ino);

    std::vector<Shortage> own = books.shortages();
    std::erase_if(own, [&](const Shortage& s) { return s.process != islander.id(); });
    ASSERT_EQ(own.size(), 1U);
    EXPECT_EQ(own[0].failures, outcome->unavailable);
    EXPECT_GT(outcome->unavailable, 0U);
    EXPECT_EQ(own[0].remote.to_string(), "127.0.0.1:" + std::to_string(outcome->port));
    EXPECT_EQ(own[0].local.to_string(), "127.0.0.1:*");
    EXPECT_EQ(own[0].netns, netns);
    EXPECT_LE(own[0].first, own[0].last);
    EXPECT_EQ(books.gauges_of(islander.id())->connect_address_unavailable, outcome->unavailable);

    const auto ports = read_local_ports();
    ASSERT_TRUE(ports.contains(netns));
    EXPECT_EQ(ports.at(netns), kPorts - 3);
    // The listener may have taken one of the range for itself.
    EXPECT_GE(outcome->connected + 1, ports.at(netns));
    EXPECT_LE(outcome->connected, ports.at(netns));
}

}  // namespace
}  // namespace sockdog::testing
