#include "relay/dispatcher.h"

#include <poll.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <set>

#include "base/text.h"
#include "incident/json.h"
#include "relay/courier.h"
#include "relay/follower.h"
#include "relay/format.h"
#include "relay/roster.h"
#include "relay/shared_outbox.h"
#include "relay/test_alert.h"

namespace sockdog {
namespace {

LastRevision last_of(const Revision& revision) {
    return {identity_of(revision.incident), revision.incident.open() ? dump(nlohmann::json(revision)) : ""};
}

/// The caller's thread follows the journal; each receiver has its courier.
class Relay : public Dispatcher {
  public:
    Relay(const std::filesystem::path& control_socket, FlapSettings flap, Outbox outbox, Sender sender,
          std::shared_ptr<const Roster> roster)
        : sender_(std::move(sender)),
          outbox_(std::move(outbox)),
          quiet_(outbox_, flap),
          roster_(std::move(roster)),
          follower_(
              control_socket, [this] { return outbox_.cursor(); },
              [this](std::span<const Revision> revisions, std::uint64_t cursor) {
                  return take(revisions, cursor);
              },
              {.open = [this] { return outbox_.open_incidents(); },
               .found = [this](std::span<const std::string> orphans) { close(orphans); }}) {}

    Status run(int stop_fd) override;
    Status reload(std::vector<ReceiverSettings> receivers,
                  std::map<std::string, std::vector<std::string>> routes, FlapSettings flap) override;
    Result<Delivery> test(const std::string& receiver) override;
    Result<std::size_t> revive(std::optional<std::uint64_t> dead_letter) override {
        auto count = outbox_.revive(dead_letter, read_now().wall);
        wake();
        return count;
    }
    Status end_silence(std::uint64_t id) override {
        auto ended = outbox_.end_silence(id, read_now().wall);
        wake();
        return ended;
    }
    SharedOutbox& outbox() override { return outbox_; }
    [[nodiscard]] RelayStats stats() const override;

  private:
    Status take(std::span<const Revision> revisions, std::uint64_t cursor);
    /// Of incidents that the agent knows no more: their end is told, as the agent will not.
    void close(std::span<const std::string> orphans);
    /// False where nothing is known of it that an end could be made of.
    Result<bool> close(const std::string& incident);
    void forget(const std::set<std::string>& orphans);
    void wake();
    void start_couriers();
    void stop_couriers();

    const Sender sender_;
    SharedOutbox outbox_;

    /// Held while revisions are addressed and accepted: a receiver that a reload takes away gets nothing any
    /// more afterwards.
    mutable std::mutex mutex_;
    Quiet quiet_;                                     // guarded by mutex_
    std::shared_ptr<const Roster> roster_;            // guarded by mutex_
    std::vector<std::unique_ptr<Courier>> couriers_;  // guarded by mutex_
    bool running_ = false;                            // guarded by mutex_
    bool ended_ = false;                              // guarded by mutex_

    Follower follower_;
};

Status Relay::run(int stop_fd) {
    {
        const std::lock_guard lock(mutex_);
        if (running_ || ended_) return make_error("the relay runs once", EBUSY);
        running_ = true;
        start_couriers();
    }
    follower_.run(stop_fd);
    const std::lock_guard lock(mutex_);
    stop_couriers();
    running_ = false;
    ended_ = true;  // its receivers are interrupted for good
    return Ok{};
}

Status Relay::take(std::span<const Revision> revisions, std::uint64_t cursor) {
    const std::lock_guard lock(mutex_);
    std::vector<OutboxItem> items;
    std::vector<LastRevision> last;
    const WallTime now = read_now().wall;
    for (const Revision& revision : revisions) {
        auto told = roster_->address(revision, now);
        if (!told.empty() || !revision.incident.open()) last.push_back(last_of(revision));
        if (auto kept = quiet_.apply(revision, now, told); !kept) return kept;
        std::ranges::move(told, std::back_inserter(items));
    }
    if (auto accepted = outbox_.accept(items, cursor, last); !accepted) return accepted.error();
    if (items.empty()) return Ok{};
    for (const auto& courier : couriers_) courier->wake();
    return Ok{};
}

Status Relay::reload(std::vector<ReceiverSettings> receivers,
                     std::map<std::string, std::vector<std::string>> routes, FlapSettings flap) {
    auto roster = Roster::create(receivers, std::move(routes), sender_);
    if (!roster) return roster.error();
    const std::lock_guard lock(mutex_);
    quiet_.set(flap);
    if (!running_) {
        roster_ = *roster;
        return Ok{};
    }
    stop_couriers();
    roster_ = *roster;
    start_couriers();
    return Ok{};
}

void Relay::close(std::span<const std::string> orphans) {
    std::set<std::string> unknown;
    for (const std::string& incident : orphans) {
        const auto closed = close(incident);
        if (!closed) return spdlog::error("outbox: {}", printable(closed.error().message));
        if (!*closed) unknown.insert(incident);
    }
    if (!unknown.empty()) forget(unknown);
}

Result<bool> Relay::close(const std::string& incident) {
    const std::lock_guard lock(mutex_);
    const auto stored = outbox_.last_revision(incident);
    if (!stored) return stored.error();
    if (!*stored) return false;
    const auto cursor = outbox_.cursor();
    if (!cursor) return cursor.error();
    Revision end;
    try {
        end = nlohmann::json::parse(**stored).get<Revision>();
    } catch (const nlohmann::json::exception&) {
        return false;
    }
    const WallTime now = read_now().wall;
    end.kind = RevisionKind::kResolved;
    end.number = std::max(end.number, *cursor);  // after all that was told of it
    end.at = now;
    end.incident.resolved_at = now;
    end.incident.resolve_reason = "no longer in the agent's journal";
    const LastRevision last = last_of(end);
    if (auto accepted = outbox_.accept(roster_->address(end, now), *cursor, {&last, 1}); !accepted)
        return accepted.error();
    spdlog::warn("{} is no longer in the agent's journal: those who were told of it are told that it is over",
                 printable(end.incident.id));
    for (const auto& courier : couriers_) courier->wake();
    return true;
}

void Relay::forget(const std::set<std::string>& orphans) {
    auto told = outbox_.told_open();
    if (!told) return spdlog::error("outbox: {}", printable(told.error().message));
    std::erase_if(*told, [&](const Told& one) { return !orphans.contains(one.incident); });
    const auto forgotten = outbox_.forget_told(*told);
    if (!forgotten) return spdlog::error("outbox: {}", printable(forgotten.error().message));
    std::map<std::string, std::string> by_receiver;
    for (const Told& one : *forgotten) {
        std::string& list = by_receiver[one.receiver];
        list += (list.empty() ? "" : ", ") + id_of_identity(one.incident);
    }
    for (const auto& [receiver, incidents] : by_receiver) {
        spdlog::error(
            "receiver {} takes {} for open, of which the agent's journal knows no more: it will hear of no "
            "end, so end that by hand where it does not end by itself (Alertmanager's alerts do)",
            printable(receiver), printable(incidents));
    }
}

void Relay::wake() {
    const std::lock_guard lock(mutex_);
    for (const auto& courier : couriers_) courier->wake();
}

void Relay::start_couriers() {
    const auto buried = outbox_.bury_strangers(roster_->names());
    if (!buried) {
        spdlog::error("outbox: {}", printable(buried.error().message));
    } else {
        for (const auto& [name, count] : *buried) {
            spdlog::error(
                "receiver {} is no longer configured: {} ALERTS NOT DELIVERED, kept as dead letters",
                printable(name), count);
        }
    }
    for (const auto& receiver : roster_->receivers()) {
        couriers_.push_back(std::make_unique<Courier>(receiver, outbox_));
    }
}

void Relay::stop_couriers() {
    for (const auto& courier : couriers_) courier->request_stop();  // all at once, then wait for each
    couriers_.clear();
}

Result<Delivery> Relay::test(const std::string& receiver) {
    ReceiverSettings settings;
    {
        const std::lock_guard lock(mutex_);
        const auto& all = roster_->receivers();
        const auto found =
            std::ranges::find(all, receiver, [](const auto& one) { return one->settings().name; });
        if (found == all.end()) {
            std::vector<std::string> known;
            known.reserve(all.size());
            for (const auto& one : all) known.push_back(one->settings().name);
            const auto near = nearest(receiver, known);
            return make_error("there is no receiver \"" + printable(receiver) + "\"" +
                                  (near ? "; did you mean \"" + *near + "\"?" : ""),
                              ENOENT);
        }
        settings = (*found)->settings();
    }
    // One of its own: the courier's is used by the courier's thread alone.
    auto made = make_receiver(settings, sender_);
    if (!made) return made.error();
    return send_test(**made, sender_);
}

RelayStats Relay::stats() const {
    RelayStats stats;
    stats.connected = follower_.connected();
    stats.unreadable = follower_.unreadable();
    stats.cursor = outbox_.cursor().value_or(0);
    stats.dropped = outbox_.dropped();
    stats.silences = outbox_.silences(read_now().wall).value_or({});
    const std::lock_guard lock(mutex_);
    stats.silenced = quiet_.silenced();
    stats.flapped = quiet_.flapped();
    for (const auto& courier : couriers_) stats.receivers.push_back(courier->stats());
    if (couriers_.empty()) {  // asked before run(): they are there, and have done nothing
        for (const auto& receiver : roster_->receivers()) {
            ReceiverStats& one = stats.receivers.emplace_back();
            one.name = receiver->settings().name;
            one.type = receiver->settings().type;
        }
    }
    for (ReceiverStats& one : stats.receivers) one.pending = outbox_.pending(one.name).value_or(0);
    return stats;
}

}  // namespace

void to_json(nlohmann::json& j, const ReceiverStats& v) {
    j = {{"name", v.name},
         {"type", v.type},
         {"delivered", v.delivered},
         {"failed_attempts", v.failed_attempts},
         {"dead_letters", v.dead_letters},
         {"pending", v.pending}};
}

void to_json(nlohmann::json& j, const Silence& v) {
    j = {{"id", v.id},
         {"unit", json_safe(v.unit)},
         {"class", json_safe(v.leak_class)},
         {"from", format_rfc3339(v.from)},
         {"until", format_rfc3339(v.until)},
         {"by", json_safe(v.by)},
         {"comment", json_safe(v.comment)}};
}

Result<std::unique_ptr<Dispatcher>> Dispatcher::create(RelaySettings settings) {
    auto outbox = Outbox::open(settings.outbox_file);  // makes the folder that read_sender() may write to
    if (!outbox) return outbox.error();
    if (const auto& damaged = outbox->damaged_file()) {
        spdlog::error(
            "the outbox was damaged and is begun anew; the old one is kept as {}. Revisions that the agent "
            "still has "
            "are sent again with the same idempotency keys",
            printable(damaged->string()));
    }
    auto sender = read_sender(settings.machine_id_file, settings.outbox_file.parent_path() / "host-id");
    if (!sender) return sender.error();
    auto roster = Roster::create(settings.receivers, std::move(settings.routes), *sender);
    if (!roster) return roster.error();
    return std::unique_ptr<Dispatcher>(
        std::make_unique<Relay>(settings.control_socket, settings.flap, std::move(outbox).value(),
                                std::move(sender).value(), std::move(roster).value()));
}

}  // namespace sockdog
