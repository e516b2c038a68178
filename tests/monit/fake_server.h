// Answers connections on a port of 127.0.0.1 with bytes that the test gives, one after the other, and keeps
// what it was sent. A thread of its own; ends with the object.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace sockdog::testing {

class FakeServer {
  public:
    explicit FakeServer(std::vector<std::string> answers) : answers_(std::move(answers)) {
        fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (::bind(fd_.get(), generic, size) != 0 || ::listen(fd_.get(), 8) != 0) std::abort();
        ::getsockname(fd_.get(), generic, &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeServer() {
        stop_ = true;
        thread_.join();
    }
    FakeServer(const FakeServer&) = delete;
    FakeServer& operator=(const FakeServer&) = delete;

    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::vector<std::string> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

  private:
    [[nodiscard]] bool readable(int fd) const {
        pollfd entry{fd, POLLIN, 0};
        for (int i = 0; i < 1000 && !stop_; ++i) {
            if (::poll(&entry, 1, 20) > 0) return true;
        }
        return false;
    }
    /// Up to the end of the headers and of what Content-Length says.
    [[nodiscard]] std::string read_request(int fd) const {
        std::string text;
        std::array<char, 4096> buffer{};
        while (text.size() < 65536 && readable(fd)) {
            const ssize_t n = ::read(fd, buffer.data(), buffer.size());
            if (n <= 0) break;
            text.append(buffer.data(), static_cast<std::size_t>(n));
            const auto end = text.find("\r\n\r\n");
            if (end == std::string::npos) continue;
            const auto length = text.find("Content-Length: ");
            const auto body = length == std::string::npos ? 0U : std::stoul(text.substr(length + 16));
            if (text.size() >= end + 4 + body) break;
        }
        return text;
    }
    void serve() {
        for (const std::string& answer : answers_) {
            if (!readable(fd_.get())) return;
            const UniqueFd peer(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            auto request = read_request(peer.get());
            {
                const std::lock_guard lock(mutex_);
                requests_.push_back(std::move(request));
            }
            if (answer.empty()) {  // says nothing
                (void)readable(peer.get());
                continue;
            }
            for (std::size_t sent = 0; sent < answer.size() && !stop_;) {
                const ssize_t n =
                    ::send(peer.get(), answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
                if (n <= 0) break;
                sent += static_cast<std::size_t>(n);
            }
        }
    }

    std::vector<std::string> answers_;
    UniqueFd fd_;
    unsigned port_ = 0;
    std::atomic<bool> stop_ = false;
    mutable std::mutex mutex_;
    std::vector<std::string> requests_;
    std::thread thread_;
};

/// A port of 127.0.0.1 on which nobody listens, and one that drops what comes: its queue of connections is
/// full.
class DroppingPort {
  public:
    DroppingPort() {
        listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 0) != 0) std::abort();
        ::getsockname(listener_.get(), generic, &size);
        port_ = ntohs(address.sin_port);
        for (int i = 0; i < 4; ++i) {
            queued_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            (void)::connect(queued_.back().get(), generic, size);
        }
    }
    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    /// From now on refused.
    void close() {
        listener_.reset();
        queued_.clear();
    }

  private:
    UniqueFd listener_;
    std::vector<UniqueFd> queued_;
    unsigned port_ = 0;
};

}  // namespace sockdog::testing
