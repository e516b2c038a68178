// What is open, as the agent told it last, and who takes it for open.
#include "store/outbox_impl.h"

namespace sockdog {

Status Outbox::Impl::keep(std::span<const LastRevision> last) {
    for (const LastRevision& one : last) {
        const bool over = one.json.empty();
        auto done = run(over ? "DELETE FROM last_revisions WHERE incident_id = ?"
                             : "INSERT INTO last_revisions(incident_id, json) VALUES(?, ?) "
                               "ON CONFLICT DO UPDATE SET json = excluded.json",
                        "keep the last revision", [&](sql::Statement& statement) {
                            statement.bind(one.incident);
                            if (!over) statement.bind(one.json);
                        });
        if (!done) return done;
    }
    return Ok{};
}

Result<std::vector<Told>> Outbox::told_open() const {
    auto rows = impl_->database.prepare(
        "SELECT receiver, incident_id FROM told WHERE body <> '' ORDER BY receiver, incident_id",
        "read what is open at receivers");
    if (!rows) return rows.error();
    std::vector<Told> told;
    while (true) {
        const auto row = rows->step();
        if (!row) return row.error();
        if (!*row) return told;
        told.push_back({rows->text(0), rows->text(1)});
    }
}

Result<std::vector<std::string>> Outbox::open_incidents() const {
    auto rows = impl_->database.prepare(
        "SELECT incident_id FROM last_revisions UNION SELECT incident_id FROM told WHERE body <> '' ORDER BY "
        "1",
        "read what is open");
    if (!rows) return rows.error();
    std::vector<std::string> open;
    while (true) {
        const auto row = rows->step();
        if (!row) return row.error();
        if (!*row) return open;
        open.push_back(rows->text(0));
    }
}

Result<std::optional<std::string>> Outbox::last_revision(const std::string& incident) const {
    auto rows = impl_->database.prepare("SELECT json FROM last_revisions WHERE incident_id = ?",
                                        "read the last revision");
    if (!rows) return rows.error();
    const auto row = rows->bind(incident).step();
    if (!row) return row.error();
    if (!*row) return std::optional<std::string>{};
    return std::optional<std::string>(rows->text(0));
}

Result<std::vector<Told>> Outbox::forget_told(std::span<const Told> told) {
    constexpr std::string_view kPurpose = "forget what is open at receivers";
    auto transaction = sql::Transaction::begin(impl_->database, kPurpose);
    if (!transaction) return transaction.error();
    std::vector<Told> forgotten;
    for (const Told& one : told) {
        const auto bind = [&](sql::Statement& statement) { statement.bind(one.receiver).bind(one.incident); };
        auto done = impl_->run("DELETE FROM told WHERE receiver = ? AND incident_id = ? AND body <> ''",
                               kPurpose, bind);
        if (!done) return done.error();
        if (impl_->database.changes() == 0) continue;
        done =
            impl_->run("DELETE FROM items WHERE receiver = ? AND incident_id = ? AND state = 0 AND kind = 1",
                       kPurpose, bind);
        if (!done) return done.error();
        forgotten.push_back(one);
    }
    if (auto committed = transaction->commit(); !committed) return committed.error();
    return forgotten;
}

}  // namespace sockdog
