#include "store/outbox.h"

#include <algorithm>

#include "store/outbox_impl.h"

namespace sockdog {
namespace {

// One table for all that happens to an item, so that its key stays unique over its whole life. state: 0
// pending, 1 dead letter, 2 delivered (the body is dropped, the key stays for a while).
constexpr const char* kOutboxSteps[] = {
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
    )sql",
    // Of files of the first step everything that was ever queued may be open at its receiver: its end is
    // sent, and nothing is repeated.
    R"sql(
    ALTER TABLE items ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE items ADD COLUMN standing INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE items ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE told(
        receiver TEXT NOT NULL,
        incident_id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        idempotency_key TEXT NOT NULL,
        body TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        repeats INTEGER NOT NULL,
        PRIMARY KEY(receiver, incident_id)
    ) STRICT;
    INSERT INTO told SELECT DISTINCT receiver, incident_id, 0, '', '', 0, 0 FROM items;
    CREATE TABLE openings(incident_key TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;
    CREATE INDEX openings_by_key ON openings(incident_key, at_ms);
    CREATE TABLE silences(
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        unit TEXT NOT NULL,
        leak_class TEXT NOT NULL,
        from_ms INTEGER NOT NULL,
        until_ms INTEGER NOT NULL,
        by TEXT NOT NULL,
        comment TEXT NOT NULL
    ) STRICT;
    )sql",
    R"sql(
    CREATE INDEX items_ends ON items(receiver, incident_id) WHERE standing = 2;
    )sql",
    // incident_id holds identities from here on. Of what an older file takes for open no end can be made: the
    // relay finds that the agent does not know it and says so.
    R"sql(
    CREATE TABLE last_revisions(incident_id TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
    )sql"};

// Ended items kept of each kind. A relay that is told the same revisions again (its cursor was lost, the
// journal restored) recognises this many; 10,000 is years of incidents for one host.
constexpr std::int64_t kEndedKept = 10'000;

constexpr std::int64_t kDropAtOnce = 100;

constexpr std::string_view kColumns =
    "sequence, receiver, incident_id, revision, idempotency_key, body, attempts, next_attempt_ms, "
    "last_error, kind, standing, held";
// The head of its queue: nothing pending before it of the same receiver and incident.
constexpr std::string_view kIsHead =
    "state = 0 AND NOT EXISTS (SELECT 1 FROM items e WHERE e.state = 0 AND e.receiver = i.receiver AND "
    "e.incident_id = i.incident_id AND e.sequence < i.sequence)";

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
                                   .incident = rows.text(2),
                                   .revision = rows.number(3),
                                   .idempotency_key = rows.text(4),
                                   .body = rows.text(5),
                                   .attempts = static_cast<std::uint32_t>(rows.integer(6)),
                                   .next_attempt = WallTime(std::chrono::milliseconds(rows.integer(7))),
                                   .last_error = rows.text(8),
                                   .kind = static_cast<OutboxKind>(rows.integer(9)),
                                   .standing = static_cast<Standing>(rows.integer(10)),
                                   .held = rows.integer(11) != 0});
    }
}

}  // namespace

Outbox::Outbox(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Outbox::Outbox(Outbox&&) noexcept = default;
Outbox& Outbox::operator=(Outbox&&) noexcept = default;
Outbox::~Outbox() = default;

Result<Outbox> Outbox::open(const std::filesystem::path& file) {
    auto opened = sql::open_file(file, sql::Schema{.name = "outbox", .steps = kOutboxSteps});
    if (!opened) return opened.error();
    return Outbox(std::make_unique<Impl>(std::move(opened).value()));
}

Result<std::uint64_t> Outbox::cursor() const {
    const auto number = impl_->database.integer("SELECT number FROM cursor", "read the cursor");
    if (!number) return number.error();
    return static_cast<std::uint64_t>(*number);
}

Status Outbox::Impl::run(std::string_view sql, std::string_view purpose,
                         const std::function<void(sql::Statement&)>& bind) {
    auto statement = database.prepare(std::string(sql), purpose);
    if (!statement) return statement.error();
    if (bind) bind(*statement);
    return statement->run();
}

Status Outbox::Impl::insert_one(sql::Statement& statement, const OutboxItem& item, State state) {
    statement.reset();
    statement.bind(item.receiver).bind(item.incident).bind(item.revision).bind(item.idempotency_key);
    statement.bind(item.body).bind(std::uint64_t{item.attempts}).bind(millis(item.next_attempt));
    statement.bind(item.last_error).bind(std::int64_t{static_cast<std::uint8_t>(item.kind)});
    statement.bind(std::int64_t{static_cast<std::uint8_t>(item.standing)});
    statement.bind(std::int64_t{item.held});
    return statement.bind(std::int64_t{static_cast<std::uint8_t>(state)}).run();
}

Status Outbox::Impl::insert(std::span<const OutboxItem> items) {
    auto statement = database.prepare(
        "INSERT INTO items(receiver, incident_id, revision, idempotency_key, body, attempts, "
        "next_attempt_ms, last_error, kind, standing, held, state) "
        "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(receiver, idempotency_key) DO NOTHING",
        "queue an item");
    if (!statement) return statement.error();
    for (const OutboxItem& item : items) {
        if (item.standing != Standing::kNone || item.held) {
            if (auto done = forget_held(item); !done) return done;
        }
        auto done =
            item.standing == Standing::kOver ? insert_end(*statement, item) : insert_one(*statement, item);
        if (!done) return done;
    }
    return Ok{};
}

Status Outbox::Impl::insert_end(sql::Statement& statement, const OutboxItem& item) {
    const auto told = exists("SELECT 1 FROM told WHERE receiver = ?1 AND incident_id = ?2", item);
    const auto coming = exists(
        "SELECT 1 FROM items WHERE state = 0 AND receiver = ?1 AND incident_id = ?2 AND standing = 1", item);
    if (!told) return told.error();
    if (!coming) return coming.error();
    if (*told || *coming) {
        const bool unsent = item.body.empty();
        auto done =
            run(unsent ? "DELETE FROM told WHERE receiver = ? AND incident_id = ?"
                       : "UPDATE told SET body = '' WHERE receiver = ? AND incident_id = ?",
                "end the repeats", [&](sql::Statement& end) { end.bind(item.receiver).bind(item.incident); });
        if (!done) return done;
        return insert_one(statement, item, unsent ? State::kEnded : State::kPending);
    }
    const auto dead = exists(
        "SELECT 1 FROM items WHERE state = 1 AND receiver = ?1 AND incident_id = ?2 AND standing = 1", item);
    if (!dead) return dead.error();
    if (!*dead) return Ok{};  // the receiver never heard of it
    OutboxItem end = item;
    end.last_error = "its beginning is a dead letter";
    return insert_one(statement, end, item.body.empty() ? State::kEnded : State::kDead);
}

Result<bool> Outbox::Impl::exists(std::string_view what, const OutboxItem& of) {
    auto row = database.prepare("SELECT EXISTS(" + std::string(what) + ")", "look whether an end is news");
    if (!row) return row.error();
    const auto stepped = row->bind(of.receiver).bind(of.incident).step();
    if (!stepped) return stepped.error();
    return row->integer(0) != 0;
}

Status Outbox::Impl::forget_held(const OutboxItem& item) {
    return run("DELETE FROM items WHERE state = 0 AND held = 1 AND receiver = ? AND incident_id = ?",
               "replace what is kept back",
               [&](sql::Statement& statement) { statement.bind(item.receiver).bind(item.incident); });
}

Result<std::uint64_t> Outbox::Impl::used_bytes() {
    std::int64_t pages = 0;
    for (const auto& [pragma, sign] :
         {std::pair("PRAGMA page_count", 1), std::pair("PRAGMA freelist_count", -1)}) {
        const auto count = database.integer(pragma, "measure the outbox");
        if (!count) return count.error();
        pages += sign * *count;
    }
    const auto size = database.integer("PRAGMA page_size", "measure the outbox");
    if (!size) return size.error();
    return static_cast<std::uint64_t>(pages * *size);
}

Status Outbox::Impl::make_room() {
    // Of dead letters at least an operator knows from the log; what waits may still arrive.
    for (const char* which : {"state = 0 AND kind = 1", "state = 1", "state = 0"}) {
        for (;;) {
            const auto used = used_bytes();
            if (!used) return used.error();
            if (*used <= max_bytes) return Ok{};
            auto done = run(std::string("DELETE FROM items WHERE sequence IN (SELECT sequence FROM "
                                        "items WHERE ") +
                                which + " ORDER BY sequence LIMIT ?)",
                            "make room in the outbox",
                            [](sql::Statement& statement) { statement.bind(kDropAtOnce); });
            if (!done) return done;
            const auto gone = static_cast<std::uint64_t>(database.changes());
            dropped += gone;
            if (gone == 0) break;
        }
    }
    return Ok{};
}

Status Outbox::Impl::set_cursor(std::uint64_t cursor) {
    auto statement = database.prepare("UPDATE cursor SET number = ?", "move the cursor");
    if (!statement) return statement.error();
    return statement->bind(cursor).run();
}

Status Outbox::accept(std::span<const OutboxItem> items, std::uint64_t cursor,
                      std::span<const LastRevision> last) {
    constexpr std::string_view kPurpose = "take revisions into the outbox";
    auto transaction = sql::Transaction::begin(impl_->database, kPurpose);
    if (!transaction) return transaction.error();
    if (auto done = impl_->insert(items); !done) return done.error().within(kPurpose);
    if (auto done = impl_->keep(last); !done) return done.error().within(kPurpose);
    if (auto done = impl_->set_cursor(cursor); !done) return done.error().within(kPurpose);
    if (auto done = impl_->make_room(); !done) return done.error().within(kPurpose);
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
    if (auto trimmed = trim_ended(purpose); !trimmed) return trimmed;
    return transaction->commit();
}

Status Outbox::Impl::trim_ended(std::string_view purpose) {
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
    return Ok{};
}

Status Outbox::delivered(std::uint64_t sequence) {
    constexpr std::string_view kPurpose = "note a delivery";
    auto transaction = sql::Transaction::begin(impl_->database, kPurpose);
    if (!transaction) return transaction.error();
    const auto with_sequence = [&](sql::Statement& statement) { statement.bind(sequence); };
    // A repeat tells nothing new: only the time changes. What has its end already is not repeated: the body
    // is empty. An end that is not sent leaves nothing to be told of.
    for (const char* sql :
         {"INSERT INTO told SELECT receiver, incident_id, revision, idempotency_key, CASE WHEN "
          "EXISTS(SELECT 1 FROM items e WHERE e.receiver = i.receiver AND e.incident_id = i.incident_id AND "
          "e.standing = 2) "
          "THEN '' ELSE body END, ?2, 0 FROM items i WHERE sequence = ?1 AND state = 0 AND standing = 1 AND "
          "kind = 0 AND NOT EXISTS(SELECT 1 FROM items e WHERE e.receiver = i.receiver AND e.incident_id = "
          "i.incident_id AND e.standing = 2 AND e.state = 2) ON CONFLICT DO UPDATE SET revision = "
          "excluded.revision, idempotency_key = excluded.idempotency_key, body = excluded.body, at_ms = "
          "excluded.at_ms, repeats = 0",
          "UPDATE told SET at_ms = ?2 WHERE (receiver, incident_id) IN (SELECT receiver, incident_id FROM "
          "items WHERE sequence = ?1 AND state = 0 AND kind = 1)"}) {
        auto done = impl_->run(sql, kPurpose, [&](sql::Statement& statement) {
            statement.bind(sequence).bind(millis(read_now().wall));
        });
        if (!done) return done;
    }
    for (const char* sql :
         {"DELETE FROM told WHERE (receiver, incident_id) IN (SELECT receiver, incident_id FROM items WHERE "
          "sequence = ? AND state = 0 AND standing = 2)",
          "UPDATE items SET state = 2, attempts = attempts + 1, body = '', last_error = '' WHERE sequence = "
          "? "
          "AND state = 0"}) {
        if (auto done = impl_->run(sql, kPurpose, with_sequence); !done) return done;
    }
    if (impl_->database.changes() == 0)
        return make_error(std::string(kPurpose) + ": no pending item " + std::to_string(sequence), ENOENT);
    // Their keys never come again.
    auto done = impl_->run("DELETE FROM items WHERE sequence = ? AND kind > 0", kPurpose, with_sequence);
    if (!done) return done;
    if (auto trimmed = impl_->trim_ended(kPurpose); !trimmed) return trimmed;
    return transaction->commit();
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

Result<std::vector<OutboxItem>> Outbox::waiting(std::size_t limit) const {
    auto rows = impl_->database.prepare(
        "SELECT " + std::string(kColumns) + " FROM items WHERE state = 0 ORDER BY sequence LIMIT ?",
        "read what waits");
    if (!rows) return rows.error();
    return read_items(rows->bind(bounded(limit)));
}

Result<std::size_t> Outbox::revive(std::optional<std::uint64_t> sequence, WallTime now) {
    const auto done = impl_->run(
        "UPDATE items SET state = 0, attempts = 0, next_attempt_ms = ?1 WHERE state = 1 AND (?2 = 0 OR "
        "sequence = ?2)",
        "take up dead letters again",
        [&](sql::Statement& statement) { statement.bind(millis(now)).bind(sequence.value_or(0)); });
    if (!done) return done.error();
    return static_cast<std::size_t>(impl_->database.changes());
}

Result<std::size_t> Outbox::discard(std::optional<std::uint64_t> sequence) {
    const auto done =
        impl_->run("DELETE FROM items WHERE state = 1 AND (?1 = 0 OR sequence = ?1)", "discard dead letters",
                   [&](sql::Statement& statement) { statement.bind(sequence.value_or(0)); });
    if (!done) return done.error();
    return static_cast<std::size_t>(impl_->database.changes());
}

void Outbox::set_max_bytes(std::uint64_t bytes) {
    impl_->max_bytes = bytes;
}

std::uint64_t Outbox::dropped() const {
    return impl_->dropped;
}

const std::optional<std::filesystem::path>& Outbox::damaged_file() const {
    return impl_->damaged;
}

}  // namespace sockdog
