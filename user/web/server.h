// The relay's HTTP port: /metrics, /healthz, and the page with its data. Reads only, changes nothing. Threads
// of its own, bounded; what a client sends is bounded, too.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "relay/dispatcher.h"
#include "web/agent_view.h"
#include "web/web_settings.h"

namespace sockdog {

class WebServer {
  public:
    using Stats = std::function<RelayStats()>;
    /// Pages that may follow live at once; others ask every ten seconds.
    static constexpr int kStreams = 8;

    /// Listens when it returns. `stats` is asked on the server's threads. Errors: a file that cannot be read,
    /// an address that is taken.
    static Result<std::unique_ptr<WebServer>> start(const WebSettings& settings,
                                                    const std::filesystem::path& control_socket, Stats stats);
    /// Ends all requests and waits for the threads.
    virtual ~WebServer() = default;
};

}  // namespace sockdog
