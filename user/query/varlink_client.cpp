#include "query/varlink_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <map>

#include "query/message.h"
#include "query/socket_address.h"

namespace sockdog {
namespace {

constexpr Duration kConnectTimeout = 5s;  // the daemon's backlog is full: it hangs
constexpr std::size_t kMaxReplyBytes = (std::size_t{64} << 20U) + 4096;  // what the server sends at most
constexpr std::size_t kReplyBytes = std::size_t{64} << 10U;

Error connect_error(const std::filesystem::path& path, int code) {
    Error error = Error::from_errno("connect to " + path.string(), code);
    switch (code) {
        case ENOENT:
        case ECONNREFUSED:
            return Error{code,
                         error.message + " (is sockdogd running? start it with: systemctl start sockdogd)"};
        case EACCES:
        case EPERM:
            return Error{code, error.message + " (run as root or join the group sockdog)"};
        case EAGAIN:
            return Error{ETIMEDOUT, "connect to " + path.string() +
                                        ": sockdogd does not take connections (is it stuck?)"};
        default:
            return error;
    }
}

int code_of(const std::string& name) {
    static const std::map<std::string_view, int> kCodes = {
        {"PermissionDenied", EPERM},   {"NotFound", ESRCH},
        {"InvalidParameter", EINVAL},  {"InvalidConfig", EINVAL},
        {"MethodNotFound", ENOSYS},    {"MethodNotImplemented", ENOSYS},
        {"InterfaceNotFound", ENOSYS}, {"ResourceExhausted", EMSGSIZE}};
    const auto found = kCodes.find(std::string_view(name).substr(name.rfind('.') + 1));
    return found == kCodes.end() ? EREMOTEIO : found->second;
}

Error remote_error(const std::string& name, const nlohmann::json& parameters) {
    const auto text = [&](const char* key) {
        const auto it = parameters.find(key);
        return it != parameters.end() && it->is_string() ? it->get<std::string>() : std::string();
    };
    std::string message = name;
    for (const char* key : {"reason", "parameter", "method", "interface"}) {
        if (const std::string value = text(key); !value.empty()) {
            message += ": " + value;
            break;
        }
    }
    const int code = code_of(name);
    if (code == ENOSYS) message += " (is sockdogd of another version? restart it after an upgrade)";
    return Error{code, message};
}

}  // namespace

struct VarlinkClient::Wait {
    std::optional<MonoTime> until;
    int stop_fd = -1;

    /// Waits for `events` on `fd`. ETIMEDOUT, or ECANCELED when stop_fd is readable.
    [[nodiscard]] Status wait_for(int fd, short events) const {
        while (true) {
            int timeout_ms = -1;
            if (until) {
                const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - MonoClock::now());
                timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, INT32_MAX));
            }
            pollfd watched[2] = {{fd, events, 0}, {stop_fd, POLLIN, 0}};
            const int ready = ::poll(watched, 2, timeout_ms);  // a negative fd is left out
            if (ready < 0 && errno != EINTR) return Error::from_errno("poll");
            if (ready < 0) continue;
            if (watched[1].revents != 0) return make_error("stopped", ECANCELED);
            if (watched[0].revents != 0) return Ok{};
            if (ready == 0) return make_error("sockdogd did not answer in time", ETIMEDOUT);
        }
    }
};

Result<VarlinkClient> VarlinkClient::connect(const std::filesystem::path& path) {
    const auto address = SocketAddress::make(path);
    if (!address) return address.error();
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid()) return Error::from_errno("socket");
    const MonoTime until = MonoClock::now() + kConnectTimeout;
    while (::connect(fd.get(), address->get(), address->size()) != 0) {
        // AF_UNIX: EAGAIN is a full backlog, and no event tells when there is room.
        if (errno != EINTR && (errno != EAGAIN || MonoClock::now() > until))
            return connect_error(path, errno);
        ::poll(nullptr, 0, 20);
    }
    return VarlinkClient(std::move(fd));
}

Status VarlinkClient::send(std::string_view text, const Wait& wait) {
    if (!fd_.valid()) return make_error("not connected to sockdogd any more", ENOTCONN);
    while (!text.empty()) {
        const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            text.remove_prefix(static_cast<std::size_t>(sent));
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == EPIPE || errno == ECONNRESET)
            return make_error("sockdogd closed the connection", ECONNRESET);
        if (errno != EAGAIN) return Error::from_errno("send to sockdogd");
        if (auto ready = wait.wait_for(fd_.get(), POLLOUT); !ready) return ready;
    }
    return Ok{};
}

Result<std::string> VarlinkClient::receive_message(const Wait& wait) {
    while (true) {
        const std::size_t end = buffer_.find('\0', scanned_);
        if (end != std::string::npos) {
            std::string message = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            scanned_ = 0;
            return message;
        }
        scanned_ = buffer_.size();
        if (buffer_.size() > kMaxReplyBytes)
            return make_error("the reply of sockdogd is too large", EMSGSIZE);
        if (auto ready = wait.wait_for(fd_.get(), POLLIN); !ready) return ready.error();
        const std::size_t before = buffer_.size();
        buffer_.resize(before + kReplyBytes);
        const ssize_t got = ::recv(fd_.get(), buffer_.data() + before, kReplyBytes, MSG_DONTWAIT);
        const int code = errno;
        buffer_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got == 0 || (got < 0 && code == ECONNRESET)) {
            return make_error("sockdogd closed the connection before it had answered", ECONNRESET);
        }
        if (got < 0 && code != EAGAIN && code != EINTR)
            return Error::from_errno("receive from sockdogd", code);
    }
}

Result<VarlinkClient::Reply> VarlinkClient::receive(const Wait& wait) {
    auto message = receive_message(wait);
    if (!message) {
        fd_.reset();  // a late reply must not be taken for the next one's
        return message.error();
    }
    auto object = parse_object(*message);
    message = std::string();  // may be 64 MiB
    const auto wrong_shape = [&]() -> Error {
        fd_.reset();
        return make_error("what answers is not sockdogd: no Varlink reply", EPROTO);
    };
    if (!object) return wrong_shape();
    Reply reply{.parameters = nlohmann::json::object()};
    if (const auto it = object->find("parameters"); it != object->end() && !it->is_null()) {
        if (!it->is_object()) return wrong_shape();
        reply.parameters = std::move(*it);
    }
    if (const auto it = object->find("error"); it != object->end() && !it->is_null()) {
        if (!it->is_string()) return wrong_shape();
        return remote_error(it->get<std::string>(), reply.parameters);
    }
    if (const auto it = object->find("continues"); it != object->end() && !it->is_null()) {
        if (!it->is_boolean()) return wrong_shape();
        reply.continues = it->get<bool>();
    }
    return reply;
}

Result<nlohmann::json> VarlinkClient::call(const std::string& method, const nlohmann::json& parameters,
                                           Duration timeout) {
    const Wait wait{.until = MonoClock::now() + timeout};
    if (auto sent = send(encode_call(method, parameters, false), wait); !sent) {
        fd_.reset();
        return sent.error().within(method);
    }
    auto reply = receive(wait);
    if (!reply) return reply.error().within(method);
    if (reply->continues) {
        fd_.reset();
        return make_error(method + ": several replies where one was asked for", EPROTO);
    }
    return std::move(reply->parameters);
}

Status VarlinkClient::stream(const std::string& method, const nlohmann::json& parameters,
                             const std::function<bool(nlohmann::json&)>& on_reply, int stop_fd,
                             std::optional<Duration> patience) {
    const auto next_wait = [&] {
        return Wait{.until = patience ? std::optional(MonoClock::now() + *patience) : std::nullopt,
                    .stop_fd = stop_fd};
    };
    Wait wait = next_wait();
    if (auto sent = send(encode_call(method, parameters, true), wait); !sent) {
        fd_.reset();
        if (sent.error().code == ECANCELED) return Ok{};
        return sent.error().within(method);
    }
    while (true) {
        wait = next_wait();
        auto reply = receive(wait);
        if (!reply && reply.error().code == ECANCELED) return Ok{};
        if (!reply) return reply.error().within(method);
        const bool go_on = on_reply(reply->parameters);
        if (!reply->continues) return Ok{};
        if (!go_on) {
            fd_.reset();  // the server learns by this that nobody listens any more
            return Ok{};
        }
    }
}

}  // namespace sockdog
