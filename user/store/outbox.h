// The relay's durable memory: its cursor in the agent's journal, and one queue per receiver. SQLite in WAL
// mode. accept() takes revisions into all queues and moves the cursor in one transaction, so a crash neither
// loses nor doubles. One writer (sockdog-relay), one thread. A damaged file is set aside, said so, and a new
// one begun with cursor 0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace sockdog {

/// One notification for one receiver. Order is kept per (receiver, incident).
struct OutboxItem {
    std::uint64_t sequence = 0;  // position in the outbox
    std::string receiver;
    std::string incident_id;
    std::uint64_t revision = 0;   // number in the agent's journal
    std::string idempotency_key;  // the same for every delivery attempt of this item
    std::string body;             // JSON
    std::uint32_t attempts = 0;
    WallTime next_attempt;
    std::string last_error;
};

class Outbox {
  public:
    static Result<Outbox> open(const std::filesystem::path& file);
    Outbox(Outbox&&) noexcept;
    Outbox& operator=(Outbox&&) noexcept;
    ~Outbox();

    [[nodiscard]] Result<std::uint64_t> cursor() const;
    /// All or none: the items enter their queues and the cursor moves to `cursor`. Items already known by
    /// (receiver, idempotency_key) are left as they are.
    Status accept(std::span<const OutboxItem> items, std::uint64_t cursor);
    /// The oldest undelivered item of each (receiver, incident) whose next_attempt is not after `now`; oldest
    /// first.
    [[nodiscard]] Result<std::vector<OutboxItem>> due(WallTime now, std::size_t limit) const;
    /// The same for one receiver alone, so that a busy receiver's items cannot fill another's share of
    /// `limit`.
    [[nodiscard]] Result<std::vector<OutboxItem>> due_for(const std::string& receiver, WallTime now,
                                                          std::size_t limit) const;
    /// When the next item falls due; nothing when the outbox is empty.
    [[nodiscard]] Result<std::optional<WallTime>> next_due() const;
    /// Each of these three ends one attempt; ENOENT where no such item is pending. Of what was delivered the
    /// key is remembered (the newest 10,000), so that accept() knows it again.
    Status delivered(std::uint64_t sequence);
    Status retry_at(std::uint64_t sequence, WallTime when, const std::string& error);
    /// Kept and listed (the newest 10,000), no more tried; the next item of that incident takes its turn.
    Status dead_letter(std::uint64_t sequence, const std::string& error);
    [[nodiscard]] Result<std::size_t> pending(const std::string& receiver) const;
    /// Newest first.
    [[nodiscard]] Result<std::vector<OutboxItem>> dead_letters(std::size_t limit) const;
    /// Where the damaged file went, if open() had to begin anew.
    [[nodiscard]] const std::optional<std::filesystem::path>& damaged_file() const;

  private:
    struct Impl;
    explicit Outbox(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sockdog
