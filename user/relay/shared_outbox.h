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
    Status accept(std::span<const OutboxItem> items, std::uint64_t cursor);
    /// What `receiver` may be told now: at most one item an incident, oldest first.
    [[nodiscard]] Result<std::vector<OutboxItem>> due(const std::string& receiver, WallTime now) const;
    [[nodiscard]] Result<std::optional<WallTime>> next_due() const;
    Status delivered(std::uint64_t sequence);
    Status retry_at(std::uint64_t sequence, WallTime when, const std::string& error);
    Status dead_letter(std::uint64_t sequence, const std::string& error);
    [[nodiscard]] Result<std::size_t> pending(const std::string& receiver) const;

    /// Items of `receiver` that wait for a time after `latest` are due at once: a clock that was set back
    /// would hold them for as long as it had been ahead. Returns how many.
    Result<std::size_t> bring_forward(const std::string& receiver, WallTime now, WallTime latest);
    /// Items for receivers not in `known` become dead letters. Returns how many by receiver.
    Result<std::map<std::string, std::size_t>> bury_strangers(const std::set<std::string>& known);

  private:
    mutable std::mutex mutex_;
    Outbox outbox_;  // guarded by mutex_
};

}  // namespace sockdog
