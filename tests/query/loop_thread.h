// A VarlinkServer on a loop in a thread of its own, as sockdogd has it, and raw clients to treat it badly.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "query/varlink_server.h"
#include "temp_dir.h"

namespace sockdog::testing {

using fixtures::TempDir;

/// The machine may be slow; nothing here takes long by itself.
inline constexpr auto kPatience = std::chrono::seconds(20);

/// Of the server in these tests; the daemon's is larger.
inline constexpr std::size_t kQueueLimit = std::size_t{4} << 20U;

template <typename Condition>
bool eventually(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

/// Owns the loop and the server; everything of theirs is done through run(), on the loop's thread.
class LoopThread {
  public:
    using Work = std::function<void(VarlinkServer&)>;

    explicit LoopThread(
        const std::filesystem::path& path, const Work& set_up = [](VarlinkServer&) {}) {
        wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        std::promise<Status> listening;
        auto told = listening.get_future();
        thread_ = std::thread([this, path, set_up, &listening] { live(path, set_up, listening); });
        listened_ = told.get();
    }
    LoopThread(const LoopThread&) = delete;
    LoopThread& operator=(const LoopThread&) = delete;
    ~LoopThread() {
        post([this] { sd_event_exit(loop_, 0); });
        thread_.join();
    }

    [[nodiscard]] const Status& listened() const { return listened_; }

    /// Runs on the loop's thread and waits for its end.
    void run(const Work& work) {
        std::promise<void> done;
        post([&] {
            if (server_) work(*server_);
            done.set_value();
        });
        done.get_future().get();
    }
    [[nodiscard]] std::size_t clients() {
        std::size_t count = 0;
        run([&](VarlinkServer& server) { count = server.clients(); });
        return count;
    }
    /// The server is destroyed, the loop goes on.
    void destroy_server() {
        std::promise<void> done;
        post([&] {
            server_.reset();
            done.set_value();
        });
        done.get_future().get();
    }

  private:
    void post(std::function<void()> work) {
        {
            const std::lock_guard lock(mutex_);
            queue_.push_back(std::move(work));
        }
        const std::uint64_t one = 1;
        if (::write(wake_.get(), &one, sizeof one) < 0) std::abort();
    }

    void live(const std::filesystem::path& path, const Work& set_up, std::promise<Status>& listening) {
        if (sd_event_new(&loop_) < 0) std::abort();
        sd_event_add_io(loop_, nullptr, wake_.get(), POLLIN, &LoopThread::on_wake, this);
        server_ = std::make_unique<VarlinkServer>(loop_, "1.2.3", kQueueLimit);
        set_up(*server_);
        listening.set_value(path.empty() ? Status(Ok{}) : server_->listen(path, "no-such-group-for-sockdog"));
        sd_event_loop(loop_);
        server_.reset();
        sd_event_unref(loop_);
    }

    static int on_wake(sd_event_source*, int fd, std::uint32_t, void* self_pointer) {
        auto* self = static_cast<LoopThread*>(self_pointer);
        std::uint64_t count = 0;
        if (::read(fd, &count, sizeof count) < 0) return 0;
        std::vector<std::function<void()>> works;
        {
            const std::lock_guard lock(self->mutex_);
            works.swap(self->queue_);
        }
        for (const auto& work : works) work();
        return 0;
    }

    UniqueFd wake_;
    std::mutex mutex_;
    std::vector<std::function<void()>> queue_;
    sd_event* loop_ = nullptr;
    std::unique_ptr<VarlinkServer> server_;
    Status listened_ = Ok{};
    std::thread thread_;
};

/// A client that sends what it likes.
class RawClient {
  public:
    explicit RawClient(const std::filesystem::path& path)
        : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.native().copy(address.sun_path, sizeof address.sun_path - 1);
        if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
    }
    /// True: all was sent.
    bool send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    bool send_message(std::string text) const {
        text.push_back('\0');
        return send(text);
    }
    /// The next message without its NUL; nothing when the connection ended first.
    std::optional<std::string> read_message() {
        while (true) {
            const auto end = buffer_.find('\0');
            if (end != std::string::npos) {
                std::string message = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return message;
            }
            if (!read_some()) return std::nullopt;
        }
    }
    nlohmann::json read_json() {
        const auto message = read_message();
        return message ? nlohmann::json::parse(*message) : nlohmann::json("the connection ended");
    }
    /// True: the server ended the connection, and had sent nothing more.
    bool ended() { return !read_message().has_value() && buffer_.empty() && !timed_out_; }
    [[nodiscard]] bool nothing_to_read() const {
        pollfd watched{fd_.get(), POLLIN, 0};
        return ::poll(&watched, 1, 0) == 0;
    }
    void half_close() const { ::shutdown(fd_.get(), SHUT_WR); }
    void close() { fd_.reset(); }
    [[nodiscard]] int fd() const { return fd_.get(); }

  private:
    bool read_some() {
        pollfd watched{fd_.get(), POLLIN, 0};
        const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count();
        if (::poll(&watched, 1, static_cast<int>(patience)) <= 0) {
            timed_out_ = true;
            return false;
        }
        char bytes[65536];
        const ssize_t got = ::recv(fd_.get(), bytes, sizeof bytes, 0);
        if (got <= 0) return false;
        buffer_.append(bytes, static_cast<std::size_t>(got));
        return true;
    }

    UniqueFd fd_;
    std::string buffer_;
    bool timed_out_ = false;
};

}  // namespace sockdog::testing
