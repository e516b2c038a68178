#include "relay/shared_outbox.h"

namespace sockdog {
namespace {

/// Incidents of one receiver that are looked at in one go; the rest gets its turn when these are done.
constexpr std::size_t kBatch = 64;
/// Of all receivers together: one item an incident, so that this is more than any host has.
constexpr std::size_t kAll = 1U << 16;
constexpr WallTime kEver{std::chrono::hours(24 * 365 * 1000)};

}  // namespace

Result<std::uint64_t> SharedOutbox::cursor() const {
    const std::lock_guard lock(mutex_);
    return outbox_.cursor();
}

Status SharedOutbox::accept(std::span<const OutboxItem> items, std::uint64_t cursor,
                            std::span<const LastRevision> last) {
    const std::lock_guard lock(mutex_);
    return outbox_.accept(items, cursor, last);
}

Result<std::vector<std::string>> SharedOutbox::open_incidents() const {
    const std::lock_guard lock(mutex_);
    return outbox_.open_incidents();
}

Result<std::optional<std::string>> SharedOutbox::last_revision(const std::string& incident) const {
    const std::lock_guard lock(mutex_);
    return outbox_.last_revision(incident);
}

Result<std::vector<OutboxItem>> SharedOutbox::due(const std::string& receiver, WallTime now) const {
    const std::lock_guard lock(mutex_);
    return outbox_.due_for(receiver, now, kBatch);
}

Result<std::optional<WallTime>> SharedOutbox::next_due() const {
    const std::lock_guard lock(mutex_);
    return outbox_.next_due();
}

Status SharedOutbox::delivered(std::uint64_t sequence) {
    const std::lock_guard lock(mutex_);
    return outbox_.delivered(sequence);
}

Status SharedOutbox::retry_at(std::uint64_t sequence, WallTime when, const std::string& error) {
    const std::lock_guard lock(mutex_);
    return outbox_.retry_at(sequence, when, error);
}

Status SharedOutbox::dead_letter(std::uint64_t sequence, const std::string& error) {
    const std::lock_guard lock(mutex_);
    return outbox_.dead_letter(sequence, error);
}

Result<std::size_t> SharedOutbox::pending(const std::string& receiver) const {
    const std::lock_guard lock(mutex_);
    return outbox_.pending(receiver);
}

Result<std::vector<Told>> SharedOutbox::told_open() const {
    const std::lock_guard lock(mutex_);
    return outbox_.told_open();
}

Result<std::vector<Told>> SharedOutbox::forget_told(std::span<const Told> told) {
    const std::lock_guard lock(mutex_);
    return outbox_.forget_told(told);
}

Result<std::size_t> SharedOutbox::queue_repeats(const std::string& receiver, WallTime now,
                                                Duration interval) {
    const std::lock_guard lock(mutex_);
    return outbox_.queue_repeats(receiver, now, interval);
}

Result<std::size_t> SharedOutbox::count_opening(const std::string& incident_key, WallTime at,
                                                WallTime since) {
    const std::lock_guard lock(mutex_);
    return outbox_.count_opening(incident_key, at, since);
}

Result<std::vector<OutboxItem>> SharedOutbox::waiting(std::size_t limit) const {
    const std::lock_guard lock(mutex_);
    return outbox_.waiting(limit);
}

Result<std::vector<OutboxItem>> SharedOutbox::dead_letters(std::size_t limit) const {
    const std::lock_guard lock(mutex_);
    return outbox_.dead_letters(limit);
}

Result<std::size_t> SharedOutbox::revive(std::optional<std::uint64_t> sequence, WallTime now) {
    const std::lock_guard lock(mutex_);
    return outbox_.revive(sequence, now);
}

Result<std::size_t> SharedOutbox::discard(std::optional<std::uint64_t> sequence) {
    const std::lock_guard lock(mutex_);
    return outbox_.discard(sequence);
}

Result<std::uint64_t> SharedOutbox::add_silence(const Silence& silence) {
    const std::lock_guard lock(mutex_);
    return outbox_.add_silence(silence);
}

Status SharedOutbox::end_silence(std::uint64_t id, WallTime now) {
    const std::lock_guard lock(mutex_);
    return outbox_.end_silence(id, now);
}

Result<std::vector<Silence>> SharedOutbox::silences(WallTime now) const {
    const std::lock_guard lock(mutex_);
    return outbox_.silences(now);
}

std::uint64_t SharedOutbox::dropped() const {
    const std::lock_guard lock(mutex_);
    return outbox_.dropped();
}

Result<std::size_t> SharedOutbox::bring_forward(const std::string& receiver, WallTime now, WallTime latest) {
    const std::lock_guard lock(mutex_);
    const auto waiting = outbox_.due_for(receiver, kEver, kAll);
    if (!waiting) return waiting.error();
    std::size_t count = 0;
    for (const OutboxItem& item : *waiting) {
        if (item.held || item.next_attempt <= latest) continue;  // a silence ends when it was said to
        if (auto moved = outbox_.retry_at(item.sequence, now, item.last_error); !moved) return moved.error();
        ++count;
    }
    return count;
}

Result<std::map<std::string, std::size_t>> SharedOutbox::bury_strangers(const std::set<std::string>& known) {
    auto told = told_open();
    if (!told) return told.error();
    std::erase_if(*told, [&](const Told& one) { return known.contains(one.receiver); });
    if (auto forgotten = forget_told(*told); !forgotten) return forgotten.error();
    std::map<std::string, std::size_t> buried;
    std::size_t total = 0;
    while (true) {
        const std::lock_guard lock(
            mutex_);  // let go between rounds: each sees only the oldest item of an incident
        const auto waiting = outbox_.due(kEver, kAll);
        if (!waiting) return waiting.error();
        const std::size_t before = total;
        for (const OutboxItem& item : *waiting) {
            if (known.contains(item.receiver)) continue;
            auto done = outbox_.dead_letter(item.sequence, "receiver is no longer configured");
            if (!done) return done.error();
            ++buried[item.receiver];
            ++total;
        }
        if (total == before) return buried;
    }
}

}  // namespace sockdog
