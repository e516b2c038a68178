// A blocking Varlink client for the CLI and the relay. One call at a time. Any one thread.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"

namespace sockdog {

class VarlinkClient {
  public:
    /// ENOENT / ECONNREFUSED: no daemon; EACCES: not in the socket's group. The message says what to do.
    static Result<VarlinkClient> connect(const std::filesystem::path& path);

    /// One reply. ETIMEDOUT after `timeout`. A Varlink error becomes an Error with its name and, where
    /// present, its parameter "reason"; its code is EPERM (PermissionDenied), ESRCH (NotFound), EINVAL
    /// (InvalidParameter, InvalidConfig), ENOSYS (unknown method or interface), EMSGSIZE (ResourceExhausted),
    /// else EREMOTEIO. The connection stays usable. ECONNRESET: the daemon went away. After that, a timeout
    /// or a stream that was left early: ENOTCONN, connect again.
    Result<nlohmann::json> call(const std::string& method,
                                const nlohmann::json& parameters = nlohmann::json::object(),
                                Duration timeout = 10s);
    /// Replies until the server ends them, `on_reply` returns false, or `stop_fd` (a signalfd or eventfd, -1:
    /// none) is readable. ETIMEDOUT when one reply takes longer than `patience`; nothing: waits for ever.
    Status stream(const std::string& method, const nlohmann::json& parameters,
                  const std::function<bool(nlohmann::json&)>& on_reply, int stop_fd = -1,
                  std::optional<Duration> patience = {});

  private:
    struct Wait;  // until when, and what else ends it
    struct Reply {
        nlohmann::json parameters;
        bool continues = false;
    };
    explicit VarlinkClient(UniqueFd fd) : fd_(std::move(fd)) {}
    Status send(std::string_view text, const Wait& wait);
    Result<Reply> receive(const Wait& wait);
    Result<std::string> receive_message(const Wait& wait);

    UniqueFd fd_;
    std::string buffer_;  // received, not yet used
    std::size_t scanned_ = 0;
};

}  // namespace sockdog
