#include "relay/follower.h"

#include <poll.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "incident/json.h"

namespace sockdog {
namespace {

constexpr int kReconnectMs = 1000;
constexpr std::size_t kBatch = 256;
const std::string kRevisions = "io.sockdog.Control.Revisions";
const std::string kListIncidents = "io.sockdog.Control.ListIncidents";

/// True when stop_fd became readable meanwhile.
bool wait_or_stop(int stop_fd, int timeout_ms) {
    pollfd entry{stop_fd, POLLIN, 0};
    return ::poll(&entry, 1, timeout_ms) > 0;
}

std::uint64_t number_of(const nlohmann::json& revision) {
    if (!revision.is_object()) return 0;
    const auto number = revision.find("number");
    return number != revision.end() && number->is_number_unsigned() ? number->get<std::uint64_t>() : 0;
}

void take_one(const nlohmann::json& json, RevisionBatch& batch) {
    try {
        auto revision = json.get<Revision>();
        if (revision.number <= batch.cursor) return;  // known already
        batch.cursor = revision.number;
        batch.revisions.push_back(std::move(revision));
    } catch (const nlohmann::json::exception& e) {
        // Of a newer agent perhaps. To stop here would hold up every alert that comes after it.
        ++batch.unreadable;
        batch.cursor = std::max(batch.cursor, number_of(json));
        spdlog::error(
            "ALERT LOST: revision {} of the agent cannot be read (is sockdog-relay older than sockdogd?): {}",
            number_of(json), printable(e.what()));
    }
}

}  // namespace

Result<RevisionBatch> read_batch(const nlohmann::json& reply, std::uint64_t cursor) {
    if (!reply.is_object()) return make_error("reply to Revisions is no object", EINVAL);
    const auto revisions = reply.find("revisions");
    const auto last = reply.find("last");
    if (revisions == reply.end() || !revisions->is_array() || last == reply.end() ||
        !last->is_number_unsigned()) {
        return make_error("reply to Revisions lacks revisions or last", EINVAL);
    }
    RevisionBatch batch;
    batch.cursor = cursor;
    batch.last = last->get<std::uint64_t>();
    for (const nlohmann::json& json : *revisions) take_one(json, batch);
    return batch;
}

void Follower::run(int stop_fd) {
    while (!wait_or_stop(stop_fd, 0)) {
        const Status outcome = follow(stop_fd);
        connected_ = false;
        if (wait_or_stop(stop_fd, 0)) return;
        report(outcome);
        if (wait_or_stop(stop_fd, kReconnectMs)) return;
    }
}

void Follower::report(const Status& outcome) {
    const std::string now = outcome ? "the agent closed the connection" : outcome.error().message;
    if (now == outage_) return;
    outage_ = now;
    spdlog::warn("agent at {}: {}; trying again every second", printable(control_socket_.string()),
                 printable(now));
}

Status Follower::follow(int stop_fd) {
    auto cursor = cursor_();
    if (!cursor) return cursor.error();
    auto client = VarlinkClient::connect(control_socket_);
    if (!client) return client.error();

    auto suspected = suspects(*client);
    if (!suspected) return suspected.error();
    suspects_ = std::move(*suspected);
    first_last_.reset();

    Status outcome = Ok{};
    std::uint64_t position = *cursor;
    const auto on_reply = [&](const nlohmann::json& reply) {
        outcome = this->on_reply(reply, position);
        return outcome.ok();
    };
    // The agent's first reply comes at once, with or without news: it tells a journal that was begun anew.
    const nlohmann::json parameters = {{"after", position}, {"limit", kBatch}};
    const Status streamed = client->stream(kRevisions, parameters, on_reply, stop_fd);
    return outcome ? streamed : outcome;
}

Result<std::vector<std::string>> Follower::suspects(VarlinkClient& client) const {
    auto known = orphans_.open();
    if (!known) return known.error().within("outbox");
    if (known->empty()) return known;
    const auto reply = client.call(kListIncidents);
    if (!reply) return reply.error();
    const auto incidents = reply->find("incidents");
    if (incidents == reply->end() || !incidents->is_array())
        return make_error("reply to ListIncidents lacks incidents", EINVAL);
    std::set<std::string> open;
    try {
        for (const nlohmann::json& incident : *incidents) open.insert(identity_of(incident.get<Incident>()));
    } catch (const nlohmann::json::exception&) {
        // Of a newer agent perhaps: nobody can say what it no longer knows.
        return std::vector<std::string>{};
    }
    std::erase_if(*known, [&](const std::string& one) { return open.contains(one); });
    return known;
}

void Follower::look_for_orphans(std::uint64_t cursor, std::uint64_t last) {
    if (!first_last_) first_last_ = last;
    if (cursor < *first_last_ || suspects_.empty()) return;
    orphans_.found(suspects_);
    suspects_.clear();
}

Status Follower::on_reply(const nlohmann::json& reply, std::uint64_t& cursor) {
    const auto batch = read_batch(reply, cursor);
    if (!batch) return batch.error();
    if (batch->last < cursor) {
        spdlog::warn(
            "the agent's journal ends at revision {}, we are at {}: it was begun anew and is read from its "
            "beginning",
            batch->last, cursor);
        if (auto reset = take_({}, 0); !reset) return reset.error().within("outbox");
        return make_error("its journal was begun anew");
    }
    if (batch->cursor != cursor) {
        if (auto taken = take_(batch->revisions, batch->cursor); !taken)
            return taken.error().within("outbox");
        cursor = batch->cursor;
        unreadable_ += batch->unreadable;
    }
    look_for_orphans(cursor, batch->last);
    if (connected_.exchange(true)) return Ok{};
    spdlog::info("agent at {}: following its journal, at revision {}", printable(control_socket_.string()),
                 cursor);
    outage_.clear();
    return Ok{};
}

}  // namespace sockdog
