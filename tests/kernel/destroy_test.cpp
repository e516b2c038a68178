// What `sockdog destroy` does to real sockets: those it names are gone, their ports free, their fds open, and
// nothing else has changed.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <set>

#include "kernel/shared.h"
#include "kernel/support.h"
#include "remedy/destroy.h"

namespace sockdog::testing {
namespace {

constexpr std::size_t kMost = 8;

struct Told {
    std::array<std::uint16_t, 2> ports{};       // of the servers
    std::array<std::uint16_t, kMost> locals{};  // of the client's sockets
    std::array<int, kMost> errors{};            // SO_ERROR of each
    std::array<bool, kMost> open{};             // its fd
    std::array<bool, kMost> rebound{};          // its local port could be bound
};

std::uint16_t local_port(int fd) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                                               : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

bool bind_to(int fd, std::uint16_t port, int family) {
    socklen_t length = 0;
    const sockaddr_storage address = loopback(family, port, &length);
    return bind(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0;
}

bool can_bind(std::uint16_t port, int family) {
    const UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return bind_to(fd.get(), port, family);
}

/// From a port that no other socket has: connect() by itself gives one port to several destinations.
UniqueFd connect_alone(std::uint16_t port, int family = AF_INET) {
    UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    socklen_t length = 0;
    const sockaddr_storage address = loopback(family, port, &length);
    if (!bind_to(fd.get(), 0, family) ||
        connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
        fd.reset();
    return fd;
}

void look(const std::vector<UniqueFd>& fds, Told& told, int family = AF_INET) {
    for (std::size_t i = 0; i < fds.size(); ++i) {
        socklen_t length = sizeof(int);
        told.open[i] = fcntl(fds[i].get(), F_GETFD) >= 0;
        getsockopt(fds[i].get(), SOL_SOCKET, SO_ERROR, &told.errors[i], &length);
        told.rebound[i] = can_bind(told.locals[i], family);
    }
}

Incident incident_of(ProcessId process, std::uint16_t port, const char* host = "127.0.0.1") {
    Incident incident;
    incident.id = "i1";
    incident.latest.process = process;
    incident.latest.endpoint = *parse_endpoint(std::string(host) + ":" + std::to_string(port));
    return incident;
}

#define NEEDS_ROOT() \
    if (geteuid() != 0) GTEST_SKIP() << "needs root: SOCK_DESTROY"

TEST(Destroy, TakesTheUnreadCloseWaitOfOneProcessAndEndpointAndNothingElse) {
    NEEDS_ROOT();
    Shared<Told> told;
    std::vector<UniqueFd> fds;
    // 0-2: the peer closes. 3: the peer closes and the end is read. 4-5: stay ESTABLISHED. 6: of another
    // endpoint, closed.
    Actor leaky({[&] {
                     for (std::size_t i = 0; i < 7; ++i) {
                         fds.push_back(connect_alone(told->ports[i == 6 ? 1 : 0]));
                         told->locals[i] = local_port(fds.back().get());
                     }
                 },
                 [&] {
                     char byte = 0;
                     if (read(fds[3].get(), &byte, 1) != 0) _exit(1);
                 },
                 [&] { look(fds, *told); }});
    std::vector<UniqueFd> bystanders;
    Actor other({[&] { bystanders.push_back(connect_to(told->ports[0])); }});
    const Listener first = listen_on_loopback();
    const Listener second = listen_on_loopback();
    told->ports = {first.port, second.port};
    leaky.step();
    other.step();
    std::vector<UniqueFd> peers;
    peers.reserve(8);
    for (int i = 0; i < 7; ++i) peers.push_back(accept_from(first));  // six of leaky, one of other
    peers.push_back(accept_from(second));
    for (const std::size_t i : {0U, 1U, 2U, 3U, 6U, 7U}) peers[i].reset();
    leaky.step();

    const Incident incident = incident_of(leaky.id(), first.port);
    const auto all_arrived = [&] {
        const auto plan = plan_destroy(ProcRoot(), incident);
        return plan && plan->chosen.size() == 3 && plan->already_read == 1 && plan->elsewhere == 1;
    };
    ASSERT_TRUE(eventually(all_arrived));
    const auto plan = plan_destroy(ProcRoot(), incident);
    ASSERT_TRUE(plan);
    EXPECT_TRUE(plan->permitted);
    std::set<std::uint16_t> chosen;
    for (const DiagSocket& socket : plan->chosen) chosen.insert(socket.local.port);
    EXPECT_EQ(chosen, (std::set{told->locals[0], told->locals[1], told->locals[2]}));

    const auto result = destroy_planned(ProcRoot(), incident, *plan);
    ASSERT_TRUE(result) << result.error().message;
    if (result->refusal && result->refusal->code == EOPNOTSUPP)
        GTEST_SKIP() << "this kernel cannot destroy sockets: " << result->refusal->message;
    EXPECT_EQ(result->count(SocketFate::kDestroyed), 3U);
    leaky.step();
    for (std::size_t i = 0; i < 7; ++i) {
        const bool destroyed = i < 3;
        EXPECT_TRUE(told->open[i]) << i << ": fds stay";
        EXPECT_EQ(told->errors[i], destroyed ? ECONNABORTED : 0) << i;
        EXPECT_EQ(told->rebound[i], destroyed) << i << ": its port is free";
    }
    const auto others = plan_destroy(ProcRoot(), incident_of(other.id(), first.port));
    ASSERT_TRUE(others);
    EXPECT_EQ(others->chosen.size(), 1U) << "the same endpoint, but another process";

    // What has been destroyed is not found a second time, and an old plan finds it gone.
    const auto again = destroy_planned(ProcRoot(), incident, *plan);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->count(SocketFate::kVanished), 3U);
}

TEST(Destroy, NamesASocketByItsCookie) {
    NEEDS_ROOT();
    const Listener listener = listen_on_loopback();
    const UniqueFd client = connect_to(listener.port);
    accept_from(listener).reset();
    const Incident incident = incident_of(self(), listener.port);
    ASSERT_TRUE(eventually([&] {
        const auto seen = plan_destroy(ProcRoot(), incident);
        return seen && seen->chosen.size() == 1;
    }));
    const auto plan = plan_destroy(ProcRoot(), incident);
    auto diag = SockDiag::open(UniqueFd());
    ASSERT_TRUE(plan && diag);
    DiagSocket impostor = plan->chosen.at(0);
    impostor.id.idiag_cookie[0]++;
    const Status answer = diag->destroy(impostor);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ENOENT) << answer.error().message;
    EXPECT_EQ(plan_destroy(ProcRoot(), incident)->chosen.size(), 1U) << "still there";
}

TEST(Destroy, WorksInAnotherNetworkNamespaceAndOverIpv6) {
    NEEDS_ROOT();
    Shared<Told> told;
    std::vector<UniqueFd> fds;
    Actor islander({[&] {
                        enter_own_network_namespace();
                        const Listener listener = listen_on_loopback(AF_INET6);
                        told->ports[0] = listener.port;
                        for (std::size_t i = 0; i < 3; ++i) {
                            fds.push_back(connect_alone(listener.port, AF_INET6));
                            told->locals[i] = local_port(fds.back().get());
                            accept_from(listener).reset();
                        }
                    },
                    [&] { look(fds, *told, AF_INET6); }});
    islander.step();
    const Incident incident = incident_of(islander.id(), told->ports[0], "[::1]");
    ASSERT_TRUE(eventually([&] {
        const auto plan = plan_destroy(ProcRoot(), incident);
        return plan && plan->chosen.size() == 3;
    }));
    const auto plan = plan_destroy(ProcRoot(), incident);
    const auto result = destroy_planned(ProcRoot(), incident, *plan);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->count(SocketFate::kDestroyed), 3U);
    islander.step();
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_TRUE(told->open[i]);
        EXPECT_EQ(told->errors[i], ECONNABORTED);
        EXPECT_TRUE(told->rebound[i]);
    }
}

TEST(Destroy, RefusesAProcessThatIsNotTheOneThatLeaked) {
    NEEDS_ROOT();
    const Listener listener = listen_on_loopback();
    const UniqueFd client = connect_to(listener.port);
    accept_from(listener).reset();
    const Incident mine = incident_of(self(), listener.port);
    ASSERT_TRUE(eventually([&] {
        const auto seen = plan_destroy(ProcRoot(), mine);
        return seen && seen->chosen.size() == 1;
    }));
    const auto plan = plan_destroy(ProcRoot(), mine);
    Incident reused = mine;
    reused.latest.process.start_ticks++;
    const auto refused = plan_destroy(ProcRoot(), reused);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ESRCH);
    EXPECT_FALSE(destroy_planned(ProcRoot(), reused, *plan)) << "checked anew at the moment of acting";
    EXPECT_EQ(plan_destroy(ProcRoot(), mine)->chosen.size(), 1U) << "nothing was touched";
    reused.latest.process = {};
    EXPECT_FALSE(plan_destroy(ProcRoot(), reused));
}

}  // namespace
}  // namespace sockdog::testing
