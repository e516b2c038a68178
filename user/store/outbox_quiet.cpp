// What is told again, what flaps, and what is silenced.
#include "store/outbox_impl.h"

namespace sockdog {
namespace {

// A relay that flaps itself, or a clock gone wild, must not fill the table.
constexpr std::int64_t kOpeningsKept = 10'000;

}  // namespace

Result<std::size_t> Outbox::queue_repeats(const std::string& receiver, WallTime now, Duration interval) {
    constexpr std::string_view kPurpose = "queue repeats";
    auto transaction = sql::Transaction::begin(impl_->database, kPurpose);
    if (!transaction) return transaction.error();
    const std::int64_t before = millis(now) - std::chrono::floor<std::chrono::milliseconds>(interval).count();
    // The body is empty where a file of an older version told, or the end has been accepted.
    const std::string due =
        "receiver = ?1 AND at_ms <= ?2 AND body <> '' AND NOT EXISTS (SELECT 1 FROM items i WHERE i.state = "
        "0 AND i.receiver = told.receiver AND i.incident_id = told.incident_id)";
    const auto bind = [&](sql::Statement& statement) { statement.bind(receiver).bind(before); };
    if (auto done = impl_->run("UPDATE told SET repeats = repeats + 1 WHERE " + due, kPurpose, bind); !done)
        return done.error();
    const auto count = static_cast<std::size_t>(impl_->database.changes());
    if (count == 0) return count;
    const auto done = impl_->run(
        "INSERT INTO items(receiver, incident_id, revision, idempotency_key, body, attempts, "
        "next_attempt_ms, last_error, kind, standing) SELECT receiver, incident_id, revision, "
        "idempotency_key || '-r' || repeats, body, 0, ?2, '', 1, 1 FROM told WHERE " +
            due + " ON CONFLICT(receiver, idempotency_key) DO NOTHING",
        kPurpose, bind);
    if (!done) return done.error();
    if (auto committed = transaction->commit(); !committed) return committed.error();
    return count;
}

Result<std::size_t> Outbox::count_opening(const std::string& incident_key, WallTime at, WallTime since) {
    constexpr std::string_view kPurpose = "count openings";
    auto transaction = sql::Transaction::begin(impl_->database, kPurpose);
    if (!transaction) return transaction.error();
    // The same revision may be told again: it is one opening.
    auto done = impl_->run(
        "INSERT INTO openings SELECT ?1, ?2 WHERE NOT EXISTS(SELECT 1 FROM openings WHERE incident_key = ?1 "
        "AND at_ms = ?2)",
        kPurpose, [&](sql::Statement& statement) { statement.bind(incident_key).bind(millis(at)); });
    if (done)
        done = impl_->run(
            "DELETE FROM openings WHERE at_ms < ?1 OR rowid <= (SELECT max(rowid) FROM "
            "openings) - ?2",
            kPurpose, [&](sql::Statement& statement) { statement.bind(millis(since)).bind(kOpeningsKept); });
    if (!done) return done.error();
    auto rows = impl_->database.prepare(
        "SELECT count(*) FROM openings WHERE incident_key = ? AND at_ms BETWEEN ? AND ?", kPurpose);
    if (!rows) return rows.error();
    const auto row = rows->bind(incident_key).bind(millis(since)).bind(millis(at)).step();
    if (!row) return row.error();
    const auto count = static_cast<std::size_t>(rows->integer(0));
    rows->reset();
    if (auto committed = transaction->commit(); !committed) return committed.error();
    return count;
}

Result<std::uint64_t> Outbox::add_silence(const Silence& silence) {
    constexpr std::string_view kPurpose = "note a silence";
    auto done = impl_->run("DELETE FROM silences WHERE until_ms <= ?", kPurpose,
                           [&](sql::Statement& statement) { statement.bind(millis(silence.from)); });
    if (!done) return done.error();
    done = impl_->run(
        "INSERT INTO silences(unit, leak_class, from_ms, until_ms, by, comment) VALUES(?, ?, ?, ?, ?, ?)",
        kPurpose, [&](sql::Statement& statement) {
            statement.bind(silence.unit).bind(silence.leak_class).bind(millis(silence.from));
            statement.bind(millis(silence.until)).bind(silence.by).bind(silence.comment);
        });
    if (!done) return done.error();
    const auto id = impl_->database.integer("SELECT last_insert_rowid()", kPurpose);
    if (!id) return id.error();
    return static_cast<std::uint64_t>(*id);
}

Status Outbox::end_silence(std::uint64_t id, WallTime now) {
    constexpr std::string_view kPurpose = "end a silence";
    auto done = impl_->run("DELETE FROM silences WHERE id = ? AND until_ms > ?", kPurpose,
                           [&](sql::Statement& statement) { statement.bind(id).bind(millis(now)); });
    if (!done) return done;
    if (impl_->database.changes() == 0)
        return make_error("there is no silence " + std::to_string(id), ENOENT);
    return impl_->run("UPDATE items SET next_attempt_ms = ? WHERE state = 0 AND held = 1 AND last_error = ?",
                      "release what a silence kept back", [&](sql::Statement& statement) {
                          statement.bind(millis(now)).bind("silence " + std::to_string(id));
                      });
}

Result<std::vector<Silence>> Outbox::silences(WallTime now) const {
    auto rows = impl_->database.prepare(
        "SELECT id, unit, leak_class, from_ms, until_ms, by, comment FROM silences WHERE until_ms > ? "
        "ORDER BY until_ms, id",
        "read silences");
    if (!rows) return rows.error();
    rows->bind(millis(now));
    std::vector<Silence> silences;
    while (true) {
        const auto row = rows->step();
        if (!row) return row.error();
        if (!*row) return silences;
        silences.push_back({.id = rows->number(0),
                            .unit = rows->text(1),
                            .leak_class = rows->text(2),
                            .from = WallTime(std::chrono::milliseconds(rows->integer(3))),
                            .until = WallTime(std::chrono::milliseconds(rows->integer(4))),
                            .by = rows->text(5),
                            .comment = rows->text(6)});
    }
}

}  // namespace sockdog
