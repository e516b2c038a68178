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

/// What an item is for.
enum class OutboxKind : std::uint8_t {
    kNews = 0,    // a revision
    kRepeat = 1,  // the same again, as long as it lasts
    kTest = 2,    // somebody wanted to see whether it arrives
};

/// How things stand with the incident once the receiver knows this item.
enum class Standing : std::uint8_t {
    kNone = 0,  // not about whether it is open
    kOpen = 1,
    /// Sent only to who was told that it is open. With an empty body it is noted and not sent.
    kOver = 2,
};

/// What a receiver takes for open.
struct Told {
    std::string receiver;
    std::string incident;  // identity_of() it
    auto operator<=>(const Told&) const = default;
};

/// One notification for one receiver. Order is kept per (receiver, incident).
struct OutboxItem {
    std::uint64_t sequence = 0;  // position in the outbox
    std::string receiver;
    std::string incident;         // identity_of() it
    std::uint64_t revision = 0;   // number in the agent's journal
    std::string idempotency_key;  // the same for every delivery attempt of this item
    std::string body;             // JSON
    std::uint32_t attempts = 0;
    WallTime next_attempt;
    std::string last_error;
    OutboxKind kind = OutboxKind::kNews;
    Standing standing = Standing::kNone;
    /// Kept back until next_attempt, by a silence or because it flaps: later news of the incident replaces
    /// it, and its end cancels it.
    bool held = false;
};

/// What an end is made of that the agent can no longer tell.
struct LastRevision {
    std::string incident;  // identity_of() it
    std::string json;      // the newest revision while it is open; empty: it is over
};

/// Pending and dead letters take this much of a disk at most.
inline constexpr std::uint64_t kOutboxBytes = 64ULL << 20;

/// Whose incidents nobody is told of for a while. Patterns as fnmatch(3); an empty one matches everything.
struct Silence {
    std::uint64_t id = 0;
    std::string unit;  // or what stands for it, see Owner::display_name()
    std::string leak_class;
    WallTime from;
    WallTime until;
    std::string by;  // a user's name
    std::string comment;
};

class Outbox {
  public:
    static Result<Outbox> open(const std::filesystem::path& file);
    Outbox(Outbox&&) noexcept;
    Outbox& operator=(Outbox&&) noexcept;
    ~Outbox();

    [[nodiscard]] Result<std::uint64_t> cursor() const;
    /// All or none: the items enter their queues, `last` is kept, and the cursor moves to `cursor`. Items
    /// already known by (receiver, idempotency_key) are left as they are. An end ends the repeats, whatever
    /// becomes of it; of what began with a dead letter it is one too. Where the outbox is larger than
    /// max_bytes(), the oldest go, each counted by dropped(): repeats first, then dead letters, then what
    /// waits.
    Status accept(std::span<const OutboxItem> items, std::uint64_t cursor,
                  std::span<const LastRevision> last = {});
    /// What is open as far as accept() was told, or a receiver takes it to be. In order.
    [[nodiscard]] Result<std::vector<std::string>> open_incidents() const;
    /// As accept() was last told of it; nothing where it was not, or it is over.
    [[nodiscard]] Result<std::optional<std::string>> last_revision(const std::string& incident) const;
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
    /// What waits, oldest first.
    [[nodiscard]] Result<std::vector<OutboxItem>> waiting(std::size_t limit) const;
    /// Dead letters wait again, due at once: the one of that number, or all. Returns how many.
    Result<std::size_t> revive(std::optional<std::uint64_t> sequence, WallTime now);
    /// Removes dead letters for good; likewise.
    Result<std::size_t> discard(std::optional<std::uint64_t> sequence);
    /// What `receiver` was told last of each incident that it takes for open, if that is `interval` ago,
    /// is queued again with a key of its own; not where something waits for that incident already. Returns
    /// how many.
    Result<std::size_t> queue_repeats(const std::string& receiver, WallTime now, Duration interval);
    /// What receivers were told is open, and no end of it has been accepted. In order.
    [[nodiscard]] Result<std::vector<Told>> told_open() const;
    /// No repeats, and no end, of these any more. Returns those of which that was not so before.
    Result<std::vector<Told>> forget_told(std::span<const Told> told);
    /// Notes an opening of what `incident_key` stands for, and says how many there were since `since`, this
    /// one included. Older ones are forgotten.
    Result<std::size_t> count_opening(const std::string& incident_key, WallTime at, WallTime since);

    /// Returns its number. Those that are over when it begins are forgotten.
    Result<std::uint64_t> add_silence(const Silence& silence);
    /// What it kept back is due at once: that is known by its last_error, "silence ID". ENOENT: there is none
    /// of that number, or it is over.
    Status end_silence(std::uint64_t id, WallTime now);
    /// Those that hold at `now`, in the order of their ends.
    [[nodiscard]] Result<std::vector<Silence>> silences(WallTime now) const;

    void set_max_bytes(std::uint64_t bytes);
    /// Since it was opened.
    [[nodiscard]] std::uint64_t dropped() const;
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
