// The control socket: Varlink (JSON objects, NUL-terminated) on an AF_UNIX stream socket, driven by sd-event.
// Promises: bounded messages (1 MiB in, 64 MiB queued out: a slow reader is dropped), bounded clients (64),
// peers checked by SO_PEERCRED; org.varlink.service is answered here. Never blocks. Loop thread. Calls of one
// client are answered in order, the next one begins when the one before has its final reply. A single reply
// above 64 MiB becomes ResourceExhausted.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "base/unique_fd.h"

struct sd_event;

namespace sockdog {

inline constexpr std::string_view kInterface = "io.sockdog.Control";
inline constexpr std::string_view kRelayInterface = "io.sockdog.Relay";

/// What a server answers for, beside org.varlink.service.
struct ServedInterface {
    std::string_view name;
    std::string_view product;  // the program
    std::string_view (*text)();
    [[nodiscard]] bool has_method(const std::string& method) const;
};
extern const ServedInterface kControl;
extern const ServedInterface kRelay;
inline constexpr std::size_t kMaxQueuedBytes = std::size_t{64} << 20U;  // about 90,000 sockets in one reply

struct Peer {
    uid_t uid = 0;
    gid_t gid = 0;
    pid_t pid = 0;
};

/// The answer side of one call. Copies share the call; after the connection is gone everything is a no-op.
class Call {
  public:
    struct State;
    explicit Call(std::shared_ptr<State> state) : state_(std::move(state)) {}

    [[nodiscard]] const Peer& peer() const;
    [[nodiscard]] const nlohmann::json& parameters() const;
    /// The client asked for more than one reply ("more": true).
    [[nodiscard]] bool wants_more() const;
    [[nodiscard]] bool connected() const;
    /// The final reply.
    void reply(const nlohmann::json& parameters);
    /// One of several; only when wants_more(). Ended by reply() or by the client going away.
    void reply_continues(const nlohmann::json& parameters);
    /// Part by part, each made when the client has taken most of those before, one a turn of the loop: a long
    /// list neither fills our memory nor holds up the loop. `next` runs from the loop until a part is the
    /// last, never after the client went away. Without "more" the parts' arrays cannot be told apart: use
    /// reply().
    struct Part {
        nlohmann::json parameters;
        bool last = false;
    };
    void reply_in_parts(std::function<Part()> next);
    /// `name` without interface ("NotFound") becomes io.sockdog.Control.NotFound, or the relay's; the names
    /// that all Varlink services share
    /// ("InvalidParameter", "PermissionDenied", "ExpectedMore", ...) become org.varlink.service.NAME.
    void fail(const std::string& name, const nlohmann::json& parameters = nlohmann::json::object());
    /// Runs once when the client goes away before the final reply: from the loop or from
    /// VarlinkServer::close(), never from within a reply, and not when the server is destroyed. Let go of
    /// after the final reply.
    void on_gone(std::function<void()> callback);

    /// Reads an optional parameter: absent and null leave `to` alone. Of another type (or a negative number):
    /// answers InvalidParameter and returns false, the handler then has nothing more to do.
    [[nodiscard]] bool take(const char* name, std::optional<bool>& to);
    [[nodiscard]] bool take(const char* name, std::optional<std::uint64_t>& to);
    [[nodiscard]] bool take(const char* name, std::optional<std::string>& to);

  private:
    bool refuse(const char* name);

    std::shared_ptr<State> state_;
};

/// Reading is for root and the socket's group, acting for root only.
enum class Access { kRead, kAct };

class VarlinkServer {
  public:
    /// Answers now, or keeps the Call and answers later. A Call let go of without an answer, and a handler
    /// that throws, are answered with an error by the server.
    using Handler = std::function<void(Call)>;

    /// `max_queued_bytes`: what a client may leave unread before it is dropped.
    VarlinkServer(sd_event* loop, std::string version, std::size_t max_queued_bytes = kMaxQueuedBytes,
                  const ServedInterface& served = kControl);
    ~VarlinkServer();
    VarlinkServer(const VarlinkServer&) = delete;
    VarlinkServer& operator=(const VarlinkServer&) = delete;

    /// `method` without interface ("GetStatus").
    void handle(const std::string& method, Access access, Handler handler);
    /// Binds `path` with mode 0660 and group `group` (root where there is no such group), replacing a stale
    /// socket file. EADDRINUSE when another daemon answers there.
    Status listen(const std::filesystem::path& path, const std::string& group);
    /// A socket passed by the service manager. Its file is the service manager's and stays.
    Status adopt(UniqueFd listening);
    /// Ends all connections (on_gone is told) and takes away the socket file.
    void close();
    [[nodiscard]] std::size_t clients() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// The text of the interfaces, as `varlinkctl introspect` shows it.
std::string_view interface_description();
std::string_view relay_interface_description();

}  // namespace sockdog
