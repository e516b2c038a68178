// The outbox for several threads: one mutex, held for single short transactions. Any thread.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "store/outbox.h"

namespace sockdog {

class SharedOutbox {
  public:
    explicit SharedOutbox(Outbox outbox) : outbox_(std::move(outbox)) {}

    [[nodiscard]] Result<std::uint64_t> cursor() const;
    Status accept(std::span<const OutboxItem> items, std::uint64_t cursor,
                  std::span<const LastRevision> last = {});
    [[nodiscard]] Result<std::vector<std::string>> open_incidents() const;
    [[nodiscard]] Result<std::optional<std::string>> last_revision(const std::string& incident) const;
    /// What `receiver` may be told now: at most one item an incident, oldest first.
    [[nodiscard]] Result<std::vector<OutboxItem>> due(const std::string& receiver, WallTime now) const;
    [[nodiscard]] Result<std::optional<WallTime>> next_due() const;
    Status delivered(std::uint64_t sequence);
    Status retry_at(std::uint64_t sequence, WallTime when, const std::string& error);
    Status dead_letter(std::uint64_t sequence, const std::string& error);
    [[nodiscard]] Result<std::size_t> pending(const std::string& receiver) const;

    // As of Outbox.
    [[nodiscard]] Result<std::vector<Told>> told_open() const;
    Result<std::vector<Told>> forget_told(std::span<const Told> told);
    Result<std::size_t> queue_repeats(const std::string& receiver, WallTime now, Duration interval);
    Result<std::size_t> count_opening(const std::string& incident_key, WallTime at, WallTime since);
    [[nodiscard]] Result<std::vector<OutboxItem>> waiting(std::size_t limit) const;
    [[nodiscard]] Result<std::vector<OutboxItem>> dead_letters(std::size_t limit) const;
    Result<std::size_t> revive(std::optional<std::uint64_t> sequence, WallTime now);
    Result<std::size_t> discard(std::optional<std::uint64_t> sequence);
    Result<std::uint64_t> add_silence(const Silence& silence);
    Status end_silence(std::uint64_t id, WallTime now);
    [[nodiscard]] Result<std::vector<Silence>> silences(WallTime now) const;
    [[nodiscard]] std::uint64_t dropped() const;

    /// Items of `receiver` that wait for a time after `latest` are due at once: a clock that was set back
    /// would hold them for as long as it had been ahead. Returns how many.
    Result<std::size_t> bring_forward(const std::string& receiver, WallTime now, WallTime latest);
    /// Items for receivers not in `known` become dead letters, and what they take for open is forgotten.
    /// Returns how many items by receiver.
    Result<std::map<std::string, std::size_t>> bury_strangers(const std::set<std::string>& known);

  private:
    mutable std::mutex mutex_;
    Outbox outbox_;  // guarded by mutex_
};

}  // namespace sockdog
