// Moves revisions from the agent's control socket into the outbox and from there to the receivers. At least
// once, the same idempotency key at every attempt, in order per incident; one slow receiver never delays
// another (a thread each).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "relay/quiet.h"
#include "relay/receiver.h"
#include "store/outbox.h"

namespace sockdog {

struct RelaySettings {
    std::filesystem::path control_socket = "/run/sockdog/control";
    std::filesystem::path outbox_file = "/var/lib/sockdog-relay/outbox.db";
    std::vector<ReceiverSettings> receivers;
    /// receivers by policy name; a policy that is not listed goes to all.
    std::map<std::string, std::vector<std::string>> routes;
    FlapSettings flap;
    std::filesystem::path machine_id_file = "/etc/machine-id";  // see Sender
};

/// Since the start of the relay, or of the receiver where a reload replaced it.
struct ReceiverStats {
    std::string name;
    std::uint64_t delivered = 0;
    std::uint64_t failed_attempts = 0;  // that are tried again
    std::uint64_t dead_letters = 0;     // rejected or given up
    std::uint64_t pending = 0;          // in the outbox now
    std::string type;
};

/// As the relay's socket and its page tell it.
void to_json(nlohmann::json& j, const ReceiverStats& v);
void to_json(nlohmann::json& j, const Silence& v);

struct RelayStats {
    bool connected = false;        // to the control socket
    std::uint64_t cursor = 0;      // last revision taken into the outbox
    std::uint64_t unreadable = 0;  // revisions that made no sense and were skipped
    std::uint64_t dropped = 0;     // to keep the outbox within its size
    std::uint64_t silenced = 0;    // incidents that nobody was told of when they opened,
    std::uint64_t flapped = 0;     // for a silence or because they flapped
    std::vector<ReceiverStats> receivers;
    std::vector<Silence> silences;  // that hold now
};

class Dispatcher {
  public:
    /// Opens the outbox. Fails where a receiver or a route is wrong; the message names them all.
    static Result<std::unique_ptr<Dispatcher>> create(RelaySettings settings);
    virtual ~Dispatcher() = default;
    /// Until stop_fd (signalfd or eventfd) is readable. The control socket being away is normal: tried again
    /// every second.
    virtual Status run(int stop_fd) = 0;
    /// Other receivers and routes from now on, also while run() runs; all or none. Secrets are read again.
    /// What waits for a receiver that is no more goes to the dead letters. Any thread.
    virtual Status reload(std::vector<ReceiverSettings> receivers,
                          std::map<std::string, std::vector<std::string>> routes, FlapSettings flap) = 0;
    /// Sends a marked test to `receiver` now, past the outbox, and waits for the answer: at most its timeout.
    /// ENOENT: there is none of that name. Not on the loop's thread. Any thread.
    virtual Result<Delivery> test(const std::string& receiver) = 0;
    /// As of Outbox, and wakes the couriers. Any thread.
    virtual Result<std::size_t> revive(std::optional<std::uint64_t> dead_letter) = 0;
    virtual Status end_silence(std::uint64_t id) = 0;
    /// What waits and what was given up. Any thread.
    virtual SharedOutbox& outbox() = 0;
    /// Any thread.
    [[nodiscard]] virtual RelayStats stats() const = 0;
};

}  // namespace sockdog
