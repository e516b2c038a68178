#include "store/journal_salvage.h"

#include <algorithm>
#include <chrono>

namespace sockdog {
namespace {

/// Microseconds since 1970; why, journal.h says.
std::uint64_t clock_number() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(since).count();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(micros, 0));
}

Status insert_number(sql::Database& to, std::string_view sql, std::uint64_t number,
                     std::string_view purpose) {
    auto statement = to.prepare(sql, purpose);
    if (!statement) return statement.error();
    return statement->bind(number).run();
}

}  // namespace

void JournalSalvage::read(const sql::Database& from) {
    constexpr std::string_view kPurpose = "salvage";
    const auto number = [&](std::string_view sql) {
        return static_cast<std::uint64_t>(std::max<std::int64_t>(from.integer(sql, kPurpose).value_or(0), 0));
    };
    last_number_ = std::max(number("SELECT seq FROM sqlite_sequence WHERE name = 'revisions'"),
                            number("SELECT max(number) FROM revisions"));
    last_incident_ = number("SELECT value FROM counters WHERE name = 'incident'");
    auto rows = from.prepare("SELECT key, value FROM facts", kPurpose);
    while (rows && rows->step().value_or(false)) facts_[rows->text(0)] = rows->text(1);
}

Status JournalSalvage::write(sql::Database& to) const {
    auto done = insert_number(to, "INSERT INTO sqlite_sequence(name, seq) VALUES('revisions', ?)",
                              std::max(clock_number(), last_number_), "seed the numbers");
    if (!done) return done;
    done = insert_number(to, "INSERT INTO counters(name, value) VALUES('incident', ?)", last_incident_,
                         "seed the incident ids");
    if (!done) return done;
    return write_facts(to);
}

Status JournalSalvage::write_facts(sql::Database& to) const {
    auto statement = to.prepare("INSERT INTO facts(key, value) VALUES(?, ?)", "carry over a fact");
    if (!statement) return statement.error();
    for (const auto& [key, value] : facts_) {
        statement->reset();
        if (auto done = statement->bind(key).bind(value).run(); !done) return done;
    }
    return Ok{};
}

}  // namespace sockdog
