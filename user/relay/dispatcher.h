// Moves revisions from the agent's control socket into the outbox and from there to the receivers. At least once, the same
// idempotency key at every attempt, in order per incident; one slow receiver never delays another (a thread each).
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <vector>

#include "base/result.h"
#include "relay/receiver.h"
#include "store/outbox.h"

namespace sockdog {

struct RelaySettings {
    std::filesystem::path control_socket = "/run/sockdog/control";
    std::filesystem::path outbox_file = "/var/lib/sockdog-relay/outbox.db";
    std::vector<ReceiverSettings> receivers;
    /// receivers by policy name; a policy that is not listed goes to all.
    std::map<std::string, std::vector<std::string>> routes;
};

class Dispatcher {
  public:
    static Result<std::unique_ptr<Dispatcher>> create(RelaySettings settings);
    virtual ~Dispatcher() = default;
    /// Until stop_fd (signalfd or eventfd) is readable. The control socket being away is normal: tried again every second.
    virtual Status run(int stop_fd) = 0;
};

}  // namespace sockdog
