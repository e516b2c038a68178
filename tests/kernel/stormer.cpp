#include "kernel/stormer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstdlib>

#include <algorithm>
#include <csignal>

namespace sockdog::testing {
namespace {

constexpr std::size_t kHeld = 250;      // sockets each keeps; enough for every state, few enough for /proc
constexpr std::uint32_t kWaiting = 30;  // connections each leaves in its peers' backlogs
constexpr std::size_t kKept = 5;        // sockets each leaves to a child

/// 127.0.0.2 and up: each pair of address and port has ephemeral ports of its own.
in_addr_t address_of(std::size_t index) {
    return htonl(INADDR_LOOPBACK + 1 + static_cast<in_addr_t>(index));
}

UniqueFd open_socket(int family) {
    return UniqueFd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

sockaddr_in address_v4(std::size_t index, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = address_of(index);
    address.sin_port = htons(port);
    return address;
}

Listener listen_v4(std::size_t index) {
    Listener listener{open_socket(AF_INET), 0};
    sockaddr_in address = address_v4(index, 0);
    socklen_t length = sizeof address;
    if (bind(listener.fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        listen(listener.fd.get(), 4096) != 0 ||
        getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
        _exit(2);
    listener.port = ntohs(address.sin_port);
    return listener;
}

bool is_dead(const UniqueFd& fd) {
    tcp_info info{};
    socklen_t length = sizeof info;
    return getsockopt(fd.get(), IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
           info.tcpi_state == static_cast<std::uint8_t>(TcpState::kClose);
}

void set_nonblocking(const UniqueFd& fd) {
    fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

}  // namespace

Stormer::Stormer(std::size_t index, StormBoard& board, int from_left, int to_right)
    : index_(index),
      board_(board),
      from_left_(from_left),
      to_right_(to_right),
      random_(static_cast<unsigned>(index) + 1) {}

void Stormer::listen_on_both() {
    signal(SIGPIPE, SIG_IGN);
    listener_v4_ = listen_v4(index_);
    listener_v6_ = listen_on_loopback(AF_INET6, 4096);
    set_nonblocking(listener_v4_.fd);
    set_nonblocking(listener_v6_.fd);
    board_.seats[index_].port_v4 = listener_v4_.port;
    board_.seats[index_].port_v6 = listener_v6_.port;
}

UniqueFd Stormer::connect_to_peer(std::size_t* peer) {
    *peer = random_() % kStormers;  // oneself included
    if (chance(3)) return connect_to(board_.seats[*peer].port_v6, AF_INET6);
    UniqueFd fd = open_socket(AF_INET);
    const sockaddr_in address = address_v4(*peer, board_.seats[*peer].port_v4);
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
    return fd;
}

void Stormer::close_somehow(UniqueFd fd) {
    if (chance(5)) return;  // FIN; the rest would leave too many ports in TIME_WAIT
    if (chance(8)) shutdown(fd.get(), SHUT_WR);
    close_with_reset(std::move(fd));
}

/// Close at once, keep, or pass on.
void Stormer::decide(UniqueFd fd) {
    if (chance(6) && write(fd.get(), "x", 1) != 1) return close_somehow(std::move(fd));
    if (!calm_ && chance(200)) {
        send_fd(to_right_, fd.get());  // a full channel loses it: then it is just closed
        board_.passed++;
        return;
    }
    if (!chance(4)) return close_somehow(std::move(fd));
    held_.push_back(std::move(fd));
    if (held_.size() <= kHeld) return;
    std::swap(held_[random_() % held_.size()], held_.back());
    UniqueFd oldest = std::move(held_.back());
    held_.pop_back();
    close_somehow(std::move(oldest));
}

void Stormer::connect_once() {
    std::size_t peer = 0;
    UniqueFd fd = connect_to_peer(&peer);
    if (!fd) {
        board_.failed++;
        return;
    }
    board_.connections++;
    decide(std::move(fd));
}

void Stormer::accept_all() {
    for (const Listener* listener : {&listener_v4_, &listener_v6_})
        while (UniqueFd fd = accept_from(*listener)) decide(std::move(fd));
}

void Stormer::receive_all() {
    while (UniqueFd fd = receive_fd(from_left_)) decide(std::move(fd));
}

/// A child that holds everything for a moment: what is closed meanwhile ends when the child does.
void Stormer::fork_for_a_moment() {
    board_.forked++;
    if (fork() == 0) {
        usleep(2000);
        _exit(0);
    }
}

void Stormer::reap() {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
}

void Stormer::storm() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(100);
    for (std::uint32_t i = 0; i < connections_each(); i++) {
        connect_once();
        if (i % 8 == 0) accept_all();
        if (i % 64 == 0) receive_all();
        if (i % 2000 == 0) fork_for_a_moment();
        if (i % 512 == 0) {
            reap();
            if (std::chrono::steady_clock::now() > deadline) break;
        }
    }
    board_.finished++;
    // Others still connect to us: a backlog that nobody empties fills, and they would wait for minutes.
    while (board_.finished < kStormers && std::chrono::steady_clock::now() < deadline) {
        accept_all();
        receive_all();
        usleep(1000);
    }
}

void Stormer::accept_the_rest() {
    calm_ = true;
    for (int turn = 0; turn < 3; turn++) {
        accept_all();
        receive_all();
        usleep(10'000);
    }
    while (waitpid(-1, nullptr, 0) > 0) {
    }
}

void Stormer::leave_some_waiting() {
    for (std::uint32_t i = 0; i < kWaiting; i++) {
        std::size_t peer = 0;
        UniqueFd fd = connect_to_peer(&peer);
        if (!fd) continue;
        board_.connections++;
        if (i % 3 == 0)
            held_.push_back(std::move(fd));
        else if (i % 3 == 1)
            close_with_reset(std::move(fd));
    }
}

void Stormer::leave_a_keeper() {
    const std::size_t kept = std::min(kKept, held_.size());
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        listener_v4_.fd.reset();
        listener_v6_.fd.reset();
        held_.erase(held_.begin(), held_.end() - static_cast<std::ptrdiff_t>(kept));
        alarm(120);  // the test ends it long before
        for (;;) pause();
    }
    board_.seats[index_].keeper = child;
    held_.erase(held_.end() - static_cast<std::ptrdiff_t>(kept), held_.end());
}

void Stormer::count_the_dead() {
    for (const Listener* listener : {&listener_v4_, &listener_v6_})
        while (UniqueFd fd = accept_from(*listener)) held_.push_back(std::move(fd));
    board_.seats[index_].dead = static_cast<std::uint32_t>(std::ranges::count_if(held_, is_dead));
}

std::uint32_t connections_each() {
    static const char* const wanted = std::getenv("SOCKDOG_STORM_CONNECTIONS");
    return wanted == nullptr ? 26'000 : static_cast<std::uint32_t>(std::strtoul(wanted, nullptr, 10));
}

}  // namespace sockdog::testing
