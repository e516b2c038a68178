#include "store/journal.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>

#include "incident/json.h"
#include "store/journal_salvage.h"
#include "store/millis.h"
#include "store/open.h"

namespace sockdog {
namespace {

// `incidents` names the latest revision of each incident and is kept in the transaction that writes the
// revision, so that what is open is found without reading history. AUTOINCREMENT: a number is never given
// twice, even after prune().
constexpr const char* kJournalSteps[] = {
    R"sql(
    CREATE TABLE revisions(
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        incident_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        incident TEXT NOT NULL  -- JSON, docs/json.md
    ) STRICT;
    CREATE INDEX revisions_by_incident ON revisions(incident_id, number);
    CREATE TABLE incidents(
        id TEXT PRIMARY KEY,
        number INTEGER NOT NULL,
        opened_ms INTEGER NOT NULL,
        resolved_ms INTEGER
    ) STRICT;
    CREATE INDEX incidents_by_age ON incidents(opened_ms, number);
    CREATE INDEX incidents_open ON incidents(opened_ms, number) WHERE resolved_ms IS NULL;
    CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
    CREATE TABLE facts(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    )sql"};

/// 42 for "i42", 0 for anything else.
std::uint64_t id_number(std::string_view id) {
    std::uint64_t number = 0;
    if (id.size() < 2 || id.front() != 'i') return 0;
    const char* const end = id.data() + id.size();
    const auto [rest, code] = std::from_chars(id.data() + 1, end, number);
    return code == std::errc{} && rest == end ? number : 0;
}

Result<std::string> encode(const Incident& incident) {
    try {
        const nlohmann::json j = incident;
        return j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    } catch (const nlohmann::json::exception& failed) {
        return make_error("write incident " + incident.id + " as JSON: " + failed.what(), EINVAL);
    }
}

/// Nothing where the row was written by a version whose words we do not know: one such row must not hide the
/// others.
std::optional<Incident> decode(const std::string& text, std::uint64_t number) {
    try {
        return nlohmann::json::parse(text).get<Incident>();
    } catch (const nlohmann::json::exception& failed) {
        spdlog::error("journal: revision {} cannot be read, left out: {}", number, failed.what());
        return std::nullopt;
    }
}

}  // namespace

struct Journal::Impl {
    explicit Impl(sql::Opened opened)
        : database(std::move(opened.database)), damaged(std::move(opened.damaged)) {}

    Result<std::vector<std::uint64_t>> insert(std::span<const Revision> revisions);
    Result<std::vector<Incident>> select_incidents(std::string_view sql, std::string_view purpose,
                                                   std::optional<std::size_t> limit) const;

    sql::Database database;
    std::optional<std::filesystem::path> damaged;
};

Journal::Journal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Journal::Journal(Journal&&) noexcept = default;
Journal& Journal::operator=(Journal&&) noexcept = default;
Journal::~Journal() = default;

Result<Journal> Journal::open(const std::filesystem::path& file) {
    JournalSalvage salvage;
    sql::Schema schema{.name = "journal", .steps = kJournalSteps};
    schema.salvage = [&salvage](const sql::Database& from) { salvage.read(from); };
    schema.on_new = [&salvage](sql::Database& to) { return salvage.write(to); };
    auto opened = sql::open_file(file, schema);
    if (!opened) return opened.error();
    return Journal(std::make_unique<Impl>(std::move(opened).value()));
}

Result<std::vector<std::uint64_t>> Journal::Impl::insert(std::span<const Revision> revisions) {
    auto revision = database.prepare(
        "INSERT INTO revisions(incident_id, kind, at_ms, incident) VALUES(?, ?, ?, ?)", "write a revision");
    if (!revision) return revision.error();
    auto incident = database.prepare(
        "INSERT INTO incidents(id, number, opened_ms, resolved_ms) VALUES(?, ?, ?, ?) ON CONFLICT(id) DO "
        "UPDATE SET "
        "number = excluded.number, opened_ms = excluded.opened_ms, resolved_ms = excluded.resolved_ms",
        "write the state of an incident");
    if (!incident) return incident.error();
    auto counter = database.prepare("UPDATE counters SET value = max(value, ?) WHERE name = 'incident'",
                                    "count the incident ids");
    if (!counter) return counter.error();

    std::vector<std::uint64_t> numbers;
    std::uint64_t highest_id = 0;
    for (const Revision& r : revisions) {
        const auto body = encode(r.incident);
        if (!body) return body.error();
        revision->reset();
        revision->bind(r.incident.id).bind(to_string(r.kind)).bind(millis(r.at)).bind(*body);
        if (auto done = revision->run(); !done) return done.error();
        numbers.push_back(database.last_rowid());
        incident->reset();
        incident->bind(r.incident.id).bind(numbers.back()).bind(millis(r.incident.opened_at));
        r.incident.resolved_at ? incident->bind(millis(*r.incident.resolved_at)) : incident->bind_null();
        if (auto done = incident->run(); !done) return done.error();
        highest_id = std::max(highest_id, id_number(r.incident.id));
    }
    if (auto done = counter->bind(highest_id).run(); !done) return done.error();
    return numbers;
}

Status Journal::append(std::span<Revision> revisions) {
    if (revisions.empty()) return Ok{};
    constexpr std::string_view kPurpose = "append to the journal";
    auto transaction = sql::Transaction::begin(impl_->database, kPurpose);
    if (!transaction) return transaction.error();
    const auto numbers = impl_->insert(revisions);
    if (!numbers) return numbers.error().within(kPurpose);
    if (auto done = transaction->commit(); !done) return done;
    for (std::size_t i = 0; i < revisions.size(); ++i) revisions[i].number = (*numbers)[i];
    return Ok{};
}

Result<std::vector<Revision>> Journal::read_after(std::uint64_t after, std::size_t limit) const {
    auto rows = impl_->database.prepare(
        "SELECT number, kind, at_ms, incident FROM revisions WHERE number > ? ORDER BY number",
        "read the journal");
    if (!rows) return rows.error();
    // Above int64 there is nothing; unchecked, SQLite would see a negative number.
    rows->bind(std::min<std::uint64_t>(after, INT64_MAX));
    std::vector<Revision> revisions;
    // The limit is not SQL's: a run of rows that cannot be read must not look like the end.
    while (revisions.size() < limit) {
        const auto row = rows->step();
        if (!row) return row.error();
        if (!*row) return revisions;
        const auto kind = revision_kind_from(rows->text(1));
        auto incident = decode(rows->text(3), rows->number(0));
        if (!kind || !incident) continue;
        revisions.push_back(Revision{.number = rows->number(0),
                                     .kind = *kind,
                                     .at = WallTime(std::chrono::milliseconds(rows->integer(2))),
                                     .incident = std::move(*incident)});
    }
    return revisions;
}

Result<std::vector<Incident>> Journal::Impl::select_incidents(std::string_view sql, std::string_view purpose,
                                                              std::optional<std::size_t> limit) const {
    auto rows = database.prepare(sql, purpose);
    if (!rows) return rows.error();
    if (limit) rows->bind(std::min<std::uint64_t>(*limit, INT64_MAX));
    std::vector<Incident> incidents;
    while (true) {
        const auto row = rows->step();
        if (!row) return row.error();
        if (!*row) return incidents;
        if (auto incident = decode(rows->text(1), rows->number(0))) incidents.push_back(std::move(*incident));
    }
}

Result<std::vector<Incident>> Journal::open_incidents() const {
    return impl_->select_incidents(
        "SELECT r.number, r.incident FROM incidents i JOIN revisions r ON r.number = i.number "
        "WHERE i.resolved_ms IS NULL ORDER BY i.opened_ms, i.number",
        "read the open incidents", std::nullopt);
}

Result<std::vector<Incident>> Journal::incidents(bool only_open, std::size_t limit) const {
    return impl_->select_incidents(
        only_open ? "SELECT r.number, r.incident FROM incidents i JOIN revisions r ON r.number = i.number "
                    "WHERE i.resolved_ms IS NULL ORDER BY i.opened_ms DESC, i.number DESC LIMIT ?"
                  : "SELECT r.number, r.incident FROM incidents i JOIN revisions r ON r.number = i.number "
                    "ORDER BY i.opened_ms DESC, i.number DESC LIMIT ?",
        "read the incidents", limit);
}

Result<std::optional<Incident>> Journal::find(const std::string& id) const {
    auto rows = impl_->database.prepare(
        "SELECT r.number, r.incident FROM incidents i JOIN revisions r ON r.number = i.number WHERE i.id = ?",
        "read an incident");
    if (!rows) return rows.error();
    const auto row = rows->bind(id).step();
    if (!row) return row.error();
    if (!*row) return std::optional<Incident>{};
    return decode(rows->text(1), rows->number(0));
}

Result<std::uint64_t> Journal::next_incident_id() const {
    const auto highest = impl_->database.integer("SELECT value FROM counters WHERE name = 'incident'",
                                                 "read the highest incident id");
    if (!highest) return highest.error();
    return static_cast<std::uint64_t>(*highest) + 1;
}

Result<std::uint64_t> Journal::last_number() const {
    const auto last = impl_->database.integer("SELECT seq FROM sqlite_sequence WHERE name = 'revisions'",
                                              "read the last number");
    if (!last) return last.error();
    return static_cast<std::uint64_t>(*last);
}

Status Journal::set_fact(const std::string& key, const std::string& value) {
    auto statement = impl_->database.prepare(
        "INSERT INTO facts(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value",
        "write the fact " + key);
    if (!statement) return statement.error();
    return statement->bind(key).bind(value).run();
}

Status Journal::clear_fact(const std::string& key) {
    auto statement = impl_->database.prepare("DELETE FROM facts WHERE key = ?", "clear the fact " + key);
    if (!statement) return statement.error();
    return statement->bind(key).run();
}

Result<std::optional<std::string>> Journal::fact(const std::string& key) const {
    auto statement = impl_->database.prepare("SELECT value FROM facts WHERE key = ?", "read the fact " + key);
    if (!statement) return statement.error();
    const auto row = statement->bind(key).step();
    if (!row) return row.error();
    if (!*row) return std::optional<std::string>{};
    return std::optional<std::string>(statement->text(0));
}

Result<std::size_t> Journal::prune(WallTime before) {
    constexpr std::string_view kPurpose = "prune the journal";
    auto transaction = sql::Transaction::begin(impl_->database, kPurpose);
    if (!transaction) return transaction.error();
    auto revisions = impl_->database.prepare(
        "DELETE FROM revisions WHERE number < (SELECT max(number) FROM revisions) AND "
        "incident_id IN (SELECT id FROM incidents WHERE resolved_ms < ?)",
        kPurpose);
    if (!revisions) return revisions.error();
    if (auto done = revisions->bind(millis(before)).run(); !done) return done.error();
    const auto removed = static_cast<std::size_t>(impl_->database.changes());
    auto incidents = impl_->database.prepare(
        "DELETE FROM incidents WHERE resolved_ms < ? AND number NOT IN (SELECT max(number) FROM revisions)",
        kPurpose);
    if (!incidents) return incidents.error();
    if (auto done = incidents->bind(millis(before)).run(); !done) return done.error();
    if (auto done = transaction->commit(); !done) return done.error();
    return removed;
}

const std::optional<std::filesystem::path>& Journal::damaged_file() const {
    return impl_->damaged;
}

}  // namespace sockdog
