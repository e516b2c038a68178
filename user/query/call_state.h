// What the copies of one Call share. Private to the room. Loop thread.
#pragma once

#include <memory>

#include "query/connection.h"
#include "query/service_interface.h"
#include "query/varlink_server.h"

namespace sockdog {

struct Call::State {
    std::weak_ptr<Connection> connection;
    Peer peer;
    nlohmann::json parameters = nlohmann::json::object();
    std::string_view interface = kInterface;  // of errors without one
    bool more = false;
    bool oneway = false;
    bool ended = false;
    std::function<void()> on_gone;

    /// A handler that let go of its call without an answer must not leave the client waiting.
    ~State();
    /// The final reply, encoded. Nothing for a oneway call.
    void end(std::string text);
    /// The client went away: tells once, unless the call had ended.
    void gone(bool tell);
};

}  // namespace sockdog
