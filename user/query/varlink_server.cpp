#include "query/varlink_server.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#include <algorithm>
#include <map>
#include <vector>

#include "query/bind_socket.h"
#include "query/connection.h"
#include "query/service_interface.h"

namespace sockdog {
namespace {

constexpr std::size_t kMaxClients = 64;
// So that a crowd of the group's members cannot lock root out of `sockdog hold`.
constexpr std::size_t kKeptForRoot = 8;
constexpr std::uint64_t kAcceptPauseUs =
    1'000'000;  // when fds have run out: accept() would fail in a busy loop

Result<Peer> peer_of(int fd) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return Error::from_errno("SO_PEERCRED");
    return Peer{.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
}

}  // namespace

struct VarlinkServer::Impl {
    struct Method {
        Access access;
        Handler handler;
    };
    struct Listener {
        BoundSocket socket;
        std::filesystem::path path;  // empty: passed by the service manager
        EventSource source;
        EventSource pause;
    };

    Impl(sd_event* event_loop, std::string own_version, std::size_t max_queued, const ServedInterface& mine)
        : loop(event_loop), version(std::move(own_version)), max_queued_bytes(max_queued), served(mine) {}

    static int on_listener(sd_event_source*, int fd, std::uint32_t, void* self);
    static int on_pause_over(sd_event_source* source, std::uint64_t, void* self);

    Status watch(BoundSocket socket, std::filesystem::path path);
    void accept_all(int fd);
    void add_client(UniqueFd fd);
    void pause_accepting();
    void dispatch(const std::string& method, Call call);
    void run(const Method& method, Call call);
    void shut(bool tell);

    sd_event* loop;
    std::string version;
    std::size_t max_queued_bytes;
    ServedInterface served;
    std::map<std::string, Method> methods;
    std::vector<std::unique_ptr<Listener>> listeners;
    std::vector<std::shared_ptr<Connection>> clients;
    bool told_full = false;
};

Status VarlinkServer::Impl::watch(BoundSocket socket, std::filesystem::path path) {
    auto listener = std::make_unique<Listener>();
    sd_event_source* source = nullptr;
    int code = sd_event_add_io(loop, &source, socket.fd.get(), EPOLLIN, &Impl::on_listener, this);
    if (code < 0) return Error::from_errno("watch the control socket", -code);
    listener->source.reset(source);
    code = sd_event_add_time_relative(loop, &source, CLOCK_MONOTONIC, kAcceptPauseUs, 0, &Impl::on_pause_over,
                                      this);
    if (code < 0) return Error::from_errno("make the timer of the control socket", -code);
    listener->pause.reset(source);
    sd_event_source_set_enabled(source, SD_EVENT_OFF);
    listener->socket = std::move(socket);
    listener->path = std::move(path);
    listeners.push_back(std::move(listener));
    return Ok{};
}

int VarlinkServer::Impl::on_listener(sd_event_source*, int fd, std::uint32_t, void* self) {
    static_cast<Impl*>(self)->accept_all(fd);
    return 0;
}

int VarlinkServer::Impl::on_pause_over(sd_event_source*, std::uint64_t, void* self) {
    for (const auto& listener : static_cast<Impl*>(self)->listeners) {
        sd_event_source_set_enabled(listener->source.get(), SD_EVENT_ON);
    }
    return 0;
}

void VarlinkServer::Impl::pause_accepting() {
    for (const auto& listener : listeners) {
        sd_event_source_set_enabled(listener->source.get(), SD_EVENT_OFF);
        sd_event_source_set_time_relative(listener->pause.get(), kAcceptPauseUs);
        sd_event_source_set_enabled(listener->pause.get(), SD_EVENT_ONESHOT);
    }
}

void VarlinkServer::Impl::accept_all(int fd) {
    for (std::size_t i = 0; i < kMaxClients; ++i) {  // the rest in the next turn
        UniqueFd client(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (client.valid()) {
            add_client(std::move(client));
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN) return;
        spdlog::error("control socket: accept: {}; trying again in a second", std::strerror(errno));
        pause_accepting();
        return;
    }
}

void VarlinkServer::Impl::add_client(UniqueFd fd) {
    const auto peer = peer_of(fd.get());
    if (!peer) {
        spdlog::warn("control socket: {}", peer.error().message);
        return;
    }
    const std::size_t room = peer->uid == 0 ? kMaxClients : kMaxClients - kKeptForRoot;
    if (clients.size() >= room) {
        if (!std::exchange(told_full, true)) {
            spdlog::warn("control socket: {} clients, pid {} (uid {}) turned away", clients.size(), peer->pid,
                         peer->uid);
        }
        return;
    }
    Connection::Hooks hooks;
    hooks.interface = served.name;
    hooks.call = [this](const std::string& method, Call call) { dispatch(method, std::move(call)); };
    hooks.closed = [this](Connection* closed) {
        std::erase_if(clients, [closed](const auto& client) { return client.get() == closed; });
        told_full = false;
    };
    auto client = Connection::start(loop, std::move(fd), *peer, std::move(hooks), max_queued_bytes);
    if (client) {
        clients.push_back(std::move(client).value());
    } else {
        spdlog::error("control socket: {}", client.error().message);
    }
}

void VarlinkServer::Impl::dispatch(const std::string& method, Call call) {
    const auto dot = method.rfind('.');
    const std::string interface = method.substr(0, dot == std::string::npos ? 0 : dot);
    const std::string name = dot == std::string::npos ? method : method.substr(dot + 1);
    if (interface == kServiceInterface) {
        answer_service_call(name, version, served, std::move(call));
    } else if (interface != served.name) {
        call.fail("InterfaceNotFound", {{"interface", interface}});
    } else if (const auto found = methods.find(name); found != methods.end()) {
        run(found->second, std::move(call));
    } else {
        call.fail(served.has_method(name) ? "MethodNotImplemented" : "MethodNotFound", {{"method", method}});
    }
}

void VarlinkServer::Impl::run(const Method& method, Call call) {
    // Who may read is the file's mode; acting takes root whatever the mode was made to.
    if (method.access == Access::kAct && call.peer().uid != 0) {
        call.fail("PermissionDenied", {{"reason", "only root may do this"}});
        return;
    }
    const Handler handler = method.handler;  // may be replaced by handle() while it runs
    try {
        handler(call);
    } catch (const nlohmann::json::exception& failed) {
        spdlog::debug("control socket: parameters: {}", failed.what());
        call.fail("InvalidParameter", {{"parameter", "parameters"}});
    } catch (const std::exception& failed) {
        spdlog::error("control socket: a handler failed: {}", failed.what());
        call.fail("Failed", {{"reason", failed.what()}});
    }
}

void VarlinkServer::Impl::shut(bool tell) {
    for (const auto& listener : listeners) {
        if (!listener->path.empty()) unbind_control_socket(listener->path, listener->socket);
    }
    listeners.clear();
    // Each takes itself out of `clients` through its hook.
    for (const auto& client : std::vector(clients)) client->shut(tell);
    clients.clear();
}

VarlinkServer::VarlinkServer(sd_event* loop, std::string version, std::size_t max_queued_bytes,
                             const ServedInterface& served)
    : impl_(std::make_unique<Impl>(loop, std::move(version), max_queued_bytes, served)) {}

VarlinkServer::~VarlinkServer() {
    // Silent: what the callbacks refer to may be gone already.
    impl_->shut(false);
}

void VarlinkServer::handle(const std::string& method, Access access, Handler handler) {
    impl_->methods[method] = Impl::Method{access, std::move(handler)};
}

Status VarlinkServer::listen(const std::filesystem::path& path, const std::string& group) {
    auto bound = bind_control_socket(path, group);
    if (!bound) return bound.error().within("control socket");
    return impl_->watch(std::move(bound).value(), path);
}

Status VarlinkServer::adopt(UniqueFd listening) {
    int accepts = 0;
    socklen_t size = sizeof accepts;
    if (::getsockopt(listening.get(), SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) != 0) {
        return Error::from_errno("control socket passed by the service manager");
    }
    if (accepts == 0)
        return make_error("control socket passed by the service manager: does not listen", EINVAL);
    const int flags = ::fcntl(listening.get(), F_GETFL);
    if (flags < 0 || ::fcntl(listening.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
        return Error::from_errno("control socket passed by the service manager");
    }
    return impl_->watch(BoundSocket{std::move(listening), 0, 0}, {});
}

void VarlinkServer::close() {
    impl_->shut(true);
}

std::size_t VarlinkServer::clients() const {
    return impl_->clients.size();
}

}  // namespace sockdog
