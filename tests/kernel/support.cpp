#include "kernel/support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <thread>

#include "base/proc_root.h"

namespace sockdog::testing {
namespace {

[[noreturn]] void run_steps(const std::vector<std::function<void()>>& steps, int in, int out) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char byte = 0;
    for (const auto& step : steps) {
        if (read(in, &byte, 1) != 1) _exit(0);
        step();
        if (write(out, "d", 1) != 1) _exit(1);
    }
    while (read(in, &byte, 1) == 1) {
    }
    _exit(0);
}

}  // namespace

sockaddr_storage loopback(int family, std::uint16_t port, socklen_t* length) {
    sockaddr_storage storage{};
    if (family == AF_INET6) {
        auto* address = reinterpret_cast<sockaddr_in6*>(&storage);
        address->sin6_family = AF_INET6;
        address->sin6_addr = in6addr_loopback;
        address->sin6_port = htons(port);
        *length = sizeof *address;
    } else {
        auto* address = reinterpret_cast<sockaddr_in*>(&storage);
        address->sin_family = AF_INET;
        address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address->sin_port = htons(port);
        *length = sizeof *address;
    }
    return storage;
}

ProcessId identify(pid_t pid) {
    auto id = ProcRoot().identify(static_cast<std::uint32_t>(pid));
    return id ? *id : ProcessId{};
}

ProcessId self() {
    return identify(getpid());
}

Listener listen_on_loopback(int family, int backlog) {
    Listener listener;
    listener.fd.reset(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    socklen_t length = 0;
    sockaddr_storage address = loopback(family, 0, &length);
    if (bind(listener.fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        listen(listener.fd.get(), backlog) != 0 ||
        getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
        ADD_FAILURE() << "listen: " << std::strerror(errno);
    listener.port = ntohs(family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                                             : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
    return listener;
}

UniqueFd connect_to(std::uint16_t port, int family) {
    UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    socklen_t length = 0;
    sockaddr_storage address = loopback(family, port, &length);
    if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) fd.reset();
    return fd;
}

UniqueFd accept_from(const Listener& listener) {
    return UniqueFd(accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

void close_with_reset(UniqueFd fd) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void send_fd(int channel, int fd) {
    char byte = 'f';
    iovec data{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    sendmsg(channel, &message, 0);
}

UniqueFd receive_fd(int channel) {
    char byte = 0;
    iovec data{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1) return UniqueFd();
    int fd = -1;
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return UniqueFd(fd);
}

void enter_own_network_namespace() {
    if (unshare(CLONE_NEWNET) != 0) _exit(2);
    const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    request.ifr_name[0] = 'l';
    request.ifr_name[1] = 'o';
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) _exit(2);
}

Actor::Actor(std::vector<std::function<void()>> steps) {
    int down[2];
    int up[2];
    if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0) {
        ADD_FAILURE() << "pipe";
        return;
    }
    pid_ = fork();
    if (pid_ == 0) {
        ::close(down[1]);
        ::close(up[0]);
        run_steps(steps, down[0], up[1]);
    }
    ::close(down[0]);
    ::close(up[1]);
    to_child_.reset(down[1]);
    from_child_.reset(up[0]);
    id_ = identify(pid_);
}

Actor::~Actor() {
    kill();
}

void Actor::step() {
    begin();
    finish();
}

void Actor::begin() {
    const char byte = 's';
    if (write(to_child_.get(), &byte, 1) != 1) ADD_FAILURE() << "the child ended before its step";
}

void Actor::finish() {
    char byte = 0;
    if (read(from_child_.get(), &byte, 1) != 1) ADD_FAILURE() << "the child ended before its step was done";
}

void Actor::kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < deadline) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return condition();
}

std::uint32_t count_of(const Books& books, ProcessId process, TcpState state) {
    const auto gauges = books.gauges_of(process);
    return gauges ? gauges->in(state) : 0;
}

}  // namespace sockdog::testing
