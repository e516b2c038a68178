// Real sockets and real processes for the kernel tests. Loopback only; every child is ended by its own Actor.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/process_id.h"
#include "base/unique_fd.h"
#include "probe/books.h"

namespace sockdog::testing {

/// The books, or a skip that says why.
#define OPEN_BOOKS_OR_SKIP(name, ...)                                                                    \
    auto name##_result = ::sockdog::Books::open(__VA_ARGS__);                                            \
    if (!name##_result && (name##_result.error().code == EPERM || name##_result.error().code == EACCES)) \
        GTEST_SKIP() << "needs root (CAP_BPF, CAP_PERFMON): " << name##_result.error().message;          \
    ASSERT_TRUE(name##_result) << name##_result.error().message;                                         \
    [[maybe_unused]] ::sockdog::Books& name = **name##_result

ProcessId self();
ProcessId identify(pid_t pid);

struct Listener {
    UniqueFd fd;
    std::uint16_t port = 0;
};
/// On 127.0.0.1 or ::1, port chosen by the kernel.
/// Sets `*length` to that of the address.
sockaddr_storage loopback(int family, std::uint16_t port, socklen_t* length);
Listener listen_on_loopback(int family = AF_INET, int backlog = 1024);
UniqueFd connect_to(std::uint16_t port, int family = AF_INET);
UniqueFd accept_from(const Listener& listener);
/// close() that sends RST.
void close_with_reset(UniqueFd fd);
void send_fd(int channel, int fd);
UniqueFd receive_fd(int channel);

/// For children: a network namespace of its own with loopback up. Ends the process where that is not allowed.
void enter_own_network_namespace();

/// A child process that does what it is told, step by step: each step is a function run in the child on the
/// n-th call of step(); step() returns when it is done. State lives in what the functions capture (copied by
/// fork).
class Actor {
  public:
    explicit Actor(std::vector<std::function<void()>> steps);
    ~Actor();
    Actor(const Actor&) = delete;
    Actor& operator=(const Actor&) = delete;

    void step();
    /// step() in two halves, for children that work at the same time.
    void begin();
    void finish();
    /// Ends the child with SIGKILL and waits for it.
    void kill();
    [[nodiscard]] ProcessId id() const { return id_; }

  private:
    pid_t pid_ = -1;
    ProcessId id_;
    UniqueFd to_child_;
    UniqueFd from_child_;
};

/// Asks `condition` every 10 ms until it holds; false after `limit`.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(10));

std::uint32_t count_of(const Books& books, ProcessId process, TcpState state);

}  // namespace sockdog::testing
