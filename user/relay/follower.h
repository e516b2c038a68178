// Follows the agent's journal over its control socket. The agent being away is normal: tried again every
// second, one log line when it goes and one when it is back. run() on one thread.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "incident/incident.h"
#include "query/varlink_client.h"
#include "store/outbox.h"

namespace sockdog {

/// One reply of Revisions.
struct RevisionBatch {
    std::vector<Revision> revisions;  // ascending
    std::uint64_t cursor = 0;         // after them; what made no sense is passed over
    std::uint64_t last = 0;           // newest number in the journal
    std::uint64_t unreadable = 0;
};
/// ERANGE, EINVAL: not a reply at all.
Result<RevisionBatch> read_batch(const nlohmann::json& reply, std::uint64_t cursor);

class Follower {
  public:
    /// Takes revisions durably and moves the cursor; a failure makes the follower begin again at the old
    /// cursor.
    using Take = std::function<Status(std::span<const Revision> revisions, std::uint64_t cursor)>;
    using Cursor = std::function<Result<std::uint64_t>()>;

    /// What was open when the agent was last heard, and what to do with that of which it knows neither that
    /// it is open nor that it ended: its journal was lost, or pruned while the relay was away. Identities, as
    /// identity_of() makes them. found() is called after take() got all that the agent knows.
    struct Orphans {
        std::function<Result<std::vector<std::string>>()> open;
        std::function<void(std::span<const std::string>)> found;
    };

    Follower(std::filesystem::path control_socket, Cursor cursor, Take take, Orphans orphans)
        : control_socket_(std::move(control_socket)),
          cursor_(std::move(cursor)),
          take_(std::move(take)),
          orphans_(std::move(orphans)) {}

    /// Until stop_fd is readable.
    void run(int stop_fd);
    [[nodiscard]] bool connected() const { return connected_; }
    [[nodiscard]] std::uint64_t unreadable() const { return unreadable_; }

  private:
    Status follow(int stop_fd);
    /// An error ends the stream; the next one begins at the cursor as it is then.
    Status on_reply(const nlohmann::json& reply, std::uint64_t& cursor);
    void report(const Status& outcome);
    /// What is not open at the agent. It may have ended since the cursor.
    Result<std::vector<std::string>> suspects(VarlinkClient& client) const;
    void look_for_orphans(std::uint64_t cursor, std::uint64_t last);

    const std::filesystem::path control_socket_;
    const Cursor cursor_;
    const Take take_;
    const Orphans orphans_;
    /// Of this connection; open before the agent was asked what is open, and it was asked before its first
    /// reply said how far the journal goes. So their ends, if any, are not after that.
    std::vector<std::string> suspects_;
    std::optional<std::uint64_t> first_last_;
    std::string outage_;  // as last logged; empty: none
    std::atomic<bool> connected_ = false;
    std::atomic<std::uint64_t> unreadable_ = 0;
};

}  // namespace sockdog
