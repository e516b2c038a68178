#include "store/outbox.h"

#include <algorithm>

#include "store/open.h"

namespace sockdog {
namespace {

// One table for all that happens to an item, so that its key stays unique over its whole life. state: 0
// pending, 1 dead letter, 2 delivered (the body is dropped, the key stays for a while).
constexpr const char* kSteps[] = {
    R"sql(
    CREATE TABLE items(
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        receiver TEXT NOT NULL,
        incident_id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        idempotency_key TEXT NOT NULL,
        body TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        next_attempt_ms INTEGER NOT NULL,
        last_error TEXT NOT NULL,
        state INTEGER NOT NULL DEFAULT 0,
        UNIQUE(receiver, idempotency_key)
    ) STRICT;
    CREATE INDEX items_pending ON items(receiver, incident_id, sequence) WHERE state = 0;
    CREATE INDEX items_ended ON items(state, sequence) WHERE state > 0;
    CREATE TABLE cursor(only_row INTEGER PRIMARY KEY CHECK(only_row = 1), number INTEGER NOT NULL) STRICT;
    INSERT INTO cursor(only_row, number) VALUES(1, 0);
    )sql"};

// Ended items kept of each kind. A relay that is told the same revisions again (its cursor was lost, the
// journal restored) recognises this many; 10,000 is years of incidents for one host.
constexpr std::int64_t kEndedKept = 10'000;

constexpr std::string_view kColumns =
    "sequence, receiver, incident_id, revision, idempotency_key, body, attempts, next_attempt_ms, last_error";
// The head of its queue: nothing pending before it of the same receiver and incident.
constexpr std::string_view kIsHead =
    "state = 0 AND NOT EXISTS (SELECT 1 FROM items e WHERE e.state = 0 AND e.receiver = i.receiver AND "
    "e.incident_id = i.incident_id AND e.sequence < i.sequence)";

std::int64_t millis(WallTime t) {
    return t.time_since_epoch().count();
}

std::uint64_t bounded(std::size_t limit) {
    return std::min<std::uint64_t>(limit, INT64_MAX);
}

Result<std::vector<OutboxItem>> read_items(sql::Statement& rows) {
    std::vector<OutboxItem> items;
    while (true) {
        const auto row = rows.step();
        if (!row) return row.error();
        if (!*row) return items;
        items.push_back(OutboxItem{.sequence = rows.number(0),
                                   .receiver = rows.text(1),
                                   .incident_id = rows.text(2),
                                   .revision = rows.number(3),
                                   .idempotency_key = rows.text(4),
                                   .body = rows.text(5),
                                   .attempts = static_cast<std::uint32_t>(rows.integer(6)),
                                   .next_attempt = WallTime(std::chrono::milliseconds(rows.integer(7))),
                                   .last_error = rows.text(8)});
    }
}

}  // namespace

struct Outbox::Impl {
    explicit Impl(sql::Opened opened)
        : database(std::move(opened.database)), damaged(std::move(opened.damaged)) {}

    Status insert(std::span<const OutboxItem> items);
    Status set_cursor(std::uint64_t cursor);
    /// Runs `update` on one pending item, then drops the oldest ended items above the number kept.
    Status end_attempt(sql::Statement& update, std::uint64_t sequence, std::string_view purpose);

    sql::Database database;
    std::optional<std::filesystem::path> damaged;
};

Outbox::Outbox(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Outbox::Outbox(Outbox&&) noexcept = default;
Outbox& Outbox::operator=(Outbox&&) noexcept = default;
Outbox::~Outbox() = default;

Result<Outbox> Outbox::open(const std::filesystem::path& file) {
    auto opened = sql::open_file(file, sql::Schema{.name = "outbox", .steps = kSteps});
    if (!opened) return opened.error();
    return Outbox(std::make_unique<Impl>(std::move(opened).value()));
}

Result<std::uint64_t> Outbox::cursor() const {
    const auto number = impl_->database.integer("SELECT number FROM cursor", "read the cursor");
    if (!number) return number.error();
    return static_cast<std::uint64_t>(*number);
}

Status Outbox::Impl::insert(std::span<const OutboxItem> items) {
    auto statement = database.prepare(
        "INSERT INTO items(receiver, incident_id, revision, idempotency_key, body, attempts, "
        "next_attempt_ms, last_error) "
        "VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(receiver, idempotency_key) DO NOTHING",
        "queue an item");
    if (!statement) return statement.error();
    for (const OutboxItem& item : items) {
        statement->reset();
        statement->bind(item.receiver).bind(item.incident_id).bind(item.revision).bind(item.idempotency_key);
        statement->bind(item.body).bind(std::uint64_t{item.attempts}).bind(millis(item.next_attempt));
        if (auto done = statement->bind(item.last_error).run(); !done) return done;
    }
    return Ok{};
}

Status Outbox::Impl::set_cursor(std::uint64_t cursor) {
    auto statement = database.prepare("UPDATE cursor SET number = ?", "move the cursor");
    if (!statement) return statement.error();
    return statement->bind(cursor).run();
}

Status Outbox::accept(std::span<const OutboxItem> items, std::uint64_t cursor) {
    constexpr std::string_view kPurpose = "take revisions into the outbox";
    auto transaction = sql::Transaction::begin(impl_->database, kPurpose);
    if (!transaction) return transaction.error();
    if (auto done = impl_->insert(items); !done) return done.error().within(kPurpose);
    if (auto done = impl_->set_cursor(cursor); !done) return done.error().within(kPurpose);
    return transaction->commit();
}

Result<std::vector<OutboxItem>> Outbox::due(WallTime now, std::size_t limit) const {
    auto rows = impl_->database.prepare("SELECT " + std::string(kColumns) +
                                            " FROM items i WHERE next_attempt_ms <= ? AND " +
                                            std::string(kIsHead) + " ORDER BY sequence LIMIT ?",
                                        "read what is due");
    if (!rows) return rows.error();
    return read_items(rows->bind(millis(now)).bind(bounded(limit)));
}

Result<std::vector<OutboxItem>> Outbox::due_for(const std::string& receiver, WallTime now,
                                                std::size_t limit) const {
    auto rows = impl_->database.prepare("SELECT " + std::string(kColumns) +
                                            " FROM items i WHERE receiver = ? AND next_attempt_ms <= ? AND " +
                                            std::string(kIsHead) + " ORDER BY sequence LIMIT ?",
                                        "read what is due");
    if (!rows) return rows.error();
    return read_items(rows->bind(receiver).bind(millis(now)).bind(bounded(limit)));
}

Result<std::optional<WallTime>> Outbox::next_due() const {
    auto row =
        impl_->database.prepare("SELECT min(next_attempt_ms) FROM items i WHERE " + std::string(kIsHead),
                                "read when the next item falls due");
    if (!row) return row.error();
    const auto stepped = row->step();
    if (!stepped) return stepped.error();
    if (!*stepped || row->is_null(0)) return std::optional<WallTime>{};
    return std::optional<WallTime>(WallTime(std::chrono::milliseconds(row->integer(0))));
}

Status Outbox::Impl::end_attempt(sql::Statement& update, std::uint64_t sequence, std::string_view purpose) {
    auto transaction = sql::Transaction::begin(database, purpose);
    if (!transaction) return transaction.error();
    if (auto done = update.run(); !done) return done;
    if (database.changes() == 0) {
        return make_error(std::string(purpose) + ": no pending item " + std::to_string(sequence), ENOENT);
    }
    auto trim = database.prepare(
        "DELETE FROM items WHERE sequence IN (SELECT sequence FROM items WHERE state = ? ORDER BY sequence "
        "DESC "
        "LIMIT -1 OFFSET ?)",
        purpose);
    if (!trim) return trim.error();
    for (const std::int64_t state : {1, 2}) {
        trim->reset();
        if (auto done = trim->bind(state).bind(kEndedKept).run(); !done) return done;
    }
    return transaction->commit();
}

Status Outbox::delivered(std::uint64_t sequence) {
    constexpr std::string_view kPurpose = "note a delivery";
    auto update = impl_->database.prepare(
        "UPDATE items SET state = 2, attempts = attempts + 1, body = '', last_error = '' WHERE sequence = ? "
        "AND state = 0",
        kPurpose);
    if (!update) return update.error();
    return impl_->end_attempt(update->bind(sequence), sequence, kPurpose);
}

Status Outbox::retry_at(std::uint64_t sequence, WallTime when, const std::string& error) {
    constexpr std::string_view kPurpose = "put off a delivery";
    auto update = impl_->database.prepare(
        "UPDATE items SET attempts = attempts + 1, next_attempt_ms = ?, last_error = ? WHERE sequence = ? "
        "AND state = 0",
        kPurpose);
    if (!update) return update.error();
    return impl_->end_attempt(update->bind(millis(when)).bind(error).bind(sequence), sequence, kPurpose);
}

Status Outbox::dead_letter(std::uint64_t sequence, const std::string& error) {
    constexpr std::string_view kPurpose = "give up a delivery";
    auto update = impl_->database.prepare(
        "UPDATE items SET state = 1, attempts = attempts + 1, last_error = ? WHERE sequence = ? AND state = "
        "0",
        kPurpose);
    if (!update) return update.error();
    return impl_->end_attempt(update->bind(error).bind(sequence), sequence, kPurpose);
}

Result<std::size_t> Outbox::pending(const std::string& receiver) const {
    auto rows = impl_->database.prepare("SELECT count(*) FROM items WHERE state = 0 AND receiver = ?",
                                        "count what is pending");
    if (!rows) return rows.error();
    const auto row = rows->bind(receiver).step();
    if (!row) return row.error();
    return static_cast<std::size_t>(rows->integer(0));
}

Result<std::vector<OutboxItem>> Outbox::dead_letters(std::size_t limit) const {
    auto rows = impl_->database.prepare(
        "SELECT " + std::string(kColumns) + " FROM items WHERE state = 1 ORDER BY sequence DESC LIMIT ?",
        "read the dead letters");
    if (!rows) return rows.error();
    return read_items(rows->bind(bounded(limit)));
}

const std::optional<std::filesystem::path>& Outbox::damaged_file() const {
    return impl_->damaged;
}

}  // namespace sockdog
