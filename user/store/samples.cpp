#include "store/samples.h"

#include "incident/json.h"
#include "store/open.h"
#include "store/sample_codec.h"
#include "store/sample_schema.h"

namespace sockdog {
namespace {

/// Of the oldest ticks, at one step: some milliseconds of the loop thread.
constexpr std::int64_t kShrinkBy = 64;

std::int64_t nanos(MonoTime t) {
    return t.time_since_epoch().count();
}

std::string owner_text(const Owner& owner) {
    const nlohmann::json j = owner;
    return j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// The first tick that stays.
struct Cut {
    std::int64_t run = 0;
    std::int64_t at_ns = 0;
};

Result<std::optional<Cut>> first_tick(sql::Statement& rows) {
    const auto row = rows.step();
    if (!row) return row.error();
    if (!*row) return std::optional<Cut>{};
    return std::optional(Cut{rows.integer(0), rows.integer(1)});
}

}  // namespace

struct SampleStore::Impl {
    explicit Impl(sql::Opened opened)
        : database(std::move(opened.database)), damaged(std::move(opened.damaged)) {}

    Status write_processes(const SampledTick& tick);
    Status write_gauges(const SampledTick& tick);
    Status write_walks(const SampledTick& tick);
    Status write_tick(const SampledTick& tick);
    Status remove_before(const Cut& cut);

    sql::Database database;
    std::optional<std::filesystem::path> damaged;
};

SampleStore::SampleStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SampleStore::SampleStore(SampleStore&&) noexcept = default;
SampleStore& SampleStore::operator=(SampleStore&&) noexcept = default;
SampleStore::~SampleStore() = default;

Result<SampleStore> SampleStore::open(const std::filesystem::path& file, bool thorough) {
    sql::Schema schema{.name = "samples file", .steps = kSampleSchema};
    schema.durability = sql::Durability::kLater;
    schema.check = thorough;
    auto opened = sql::open_file(file, schema);
    if (!opened) return opened.error();
    return SampleStore(std::make_unique<Impl>(std::move(opened).value()));
}

Result<std::uint64_t> SampleStore::begin_run(const std::string& boot_id) {
    auto run = impl_->database.prepare("INSERT INTO runs(boot) VALUES(?)", "begin a run of samples");
    if (!run) return run.error();
    if (auto done = run->bind(json_safe(boot_id)).run(); !done) return done.error();
    return impl_->database.last_rowid();
}

Status SampleStore::Impl::write_processes(const SampledTick& tick) {
    if (!tick.processes.empty()) {
        auto row = database.prepare(
            "INSERT INTO processes(run, number, pid, start_ticks, since_ns, owner) VALUES(?, ?, ?, ?, ?, ?)",
            "write a process");
        if (!row) return row.error();
        for (const SampledProcess& p : tick.processes) {
            row->reset();
            row->bind(tick.run).bind(p.number).bind(std::uint64_t{p.owner.process.pid});
            row->bind(p.owner.process.start_ticks).bind(nanos(p.since)).bind(owner_text(p.owner));
            if (auto done = row->run(); !done) return done;
        }
    }
    if (tick.ends.empty()) return Ok{};
    auto row = database.prepare("UPDATE processes SET ended_ns = ? WHERE run = ? AND number = ?",
                                "write the end of a process");
    if (!row) return row.error();
    for (const SampledEnd& end : tick.ends) {
        row->reset();
        if (auto done = row->bind(nanos(end.at)).bind(tick.run).bind(end.process).run(); !done) return done;
    }
    return Ok{};
}

Status SampleStore::Impl::write_gauges(const SampledTick& tick) {
    if (tick.gauges.empty()) return Ok{};
    // What is told again is told more closely: a thinned-out row becomes one of many.
    auto row = database.prepare(
        "INSERT OR REPLACE INTO gauges(run, at_ns, process, dense, body) VALUES(?, ?, ?, ?, ?)",
        "write gauges");
    if (!row) return row.error();
    for (const SampledGauges& g : tick.gauges) {
        row->reset();
        row->bind(tick.run).bind(nanos(g.at)).bind(g.process).bind(std::int64_t{g.dense});
        if (auto done = row->bind_blob(encode_gauges(g.gauges)).run(); !done) return done;
    }
    return Ok{};
}

Status SampleStore::Impl::write_walks(const SampledTick& tick) {
    if (tick.walks.empty()) return Ok{};
    auto row = database.prepare(
        "INSERT INTO walks(run, at_ns, process, sockets, surroundings) VALUES(?, ?, ?, ?, ?)",
        "write a walk");
    if (!row) return row.error();
    for (const SampledWalk& walk : tick.walks) {
        row->reset();
        row->bind(tick.run).bind(nanos(walk.at)).bind(walk.process).bind_blob(walk.sockets);
        walk.surroundings ? row->bind_blob(*walk.surroundings) : row->bind_null();
        if (auto done = row->run(); !done) return done;
    }
    return Ok{};
}

Status SampleStore::Impl::write_tick(const SampledTick& tick) {
    auto row =
        database.prepare("INSERT INTO ticks(run, at_ns, wall_ms, flags) VALUES(?, ?, ?, ?)", "write a tick");
    if (!row) return row.error();
    const std::int64_t flags = (tick.blind ? kFlagBlind : 0) | (tick.uncertain ? kFlagUncertain : 0);
    row->bind(tick.run).bind(nanos(tick.at)).bind(std::int64_t{tick.wall.time_since_epoch().count()});
    return row->bind(flags).run();
}

Status SampleStore::write(const SampledTick& tick) {
    auto transaction = sql::Transaction::begin(impl_->database, "write the samples");
    if (!transaction) return transaction.error();
    if (auto done = impl_->write_processes(tick); !done) return done;
    if (auto done = impl_->write_gauges(tick); !done) return done;
    if (auto done = impl_->write_walks(tick); !done) return done;
    if (auto done = impl_->write_tick(tick); !done) return done;
    return transaction->commit();
}

Status SampleStore::Impl::remove_before(const Cut& cut) {
    constexpr const char* kOlder[] = {
        "DELETE FROM ticks WHERE (run, at_ns) < (?1, ?2)",
        "DELETE FROM gauges WHERE (run, at_ns) < (?1, ?2)",
        "DELETE FROM walks WHERE (run, at_ns) < (?1, ?2)",
        "DELETE FROM processes WHERE run < ?1 OR (run = ?1 AND ended_ns < ?2)",
        "DELETE FROM runs WHERE id < ?1 AND ?2 IS NOT NULL",
    };
    auto transaction = sql::Transaction::begin(database, "prune the samples");
    if (!transaction) return transaction.error();
    for (const char* older : kOlder) {
        auto statement = database.prepare(older, "prune the samples");
        if (!statement) return statement.error();
        if (auto done = statement->bind(cut.run).bind(cut.at_ns).run(); !done) return done;
    }
    return transaction->commit();
}

Status SampleStore::prune(WallTime before) {
    // In the order of writing: a wall clock that was set back does not make new samples old.
    auto rows = impl_->database.prepare(
        "SELECT run, at_ns FROM ticks WHERE wall_ms >= ? ORDER BY run, at_ns LIMIT 1", "prune the samples");
    if (!rows) return rows.error();
    rows->bind(std::int64_t{before.time_since_epoch().count()});
    auto cut = first_tick(*rows);
    if (!cut) return cut.error();
    rows->reset();
    return *cut ? impl_->remove_before(**cut) : Status(Ok{});
}

Result<bool> SampleStore::shrink(std::uint64_t max_bytes) {
    const auto used = bytes();
    if (!used) return used.error();
    if (*used <= max_bytes) return false;
    auto rows = impl_->database.prepare(
        "SELECT run, at_ns FROM ticks ORDER BY run, at_ns LIMIT 1 OFFSET (SELECT count(*) / ? + 1 FROM "
        "ticks)",
        "shrink the samples");
    if (!rows) return rows.error();
    auto cut = first_tick(rows->bind(kShrinkBy));
    if (!cut) return cut.error();
    rows->reset();
    if (!*cut) return false;  // the last tick stays
    if (auto done = impl_->remove_before(**cut); !done) return done.error();
    return true;
}

Result<std::uint64_t> SampleStore::bytes() const {
    const auto pages = impl_->database.integer("PRAGMA page_count", "size of the samples");
    const auto free_pages = impl_->database.integer("PRAGMA freelist_count", "size of the samples");
    const auto page_bytes = impl_->database.integer("PRAGMA page_size", "size of the samples");
    for (const auto* one : {&pages, &free_pages, &page_bytes}) {
        if (!*one) return one->error();
    }
    return static_cast<std::uint64_t>((*pages - *free_pages) * *page_bytes);
}

const std::optional<std::filesystem::path>& SampleStore::damaged_file() const {
    return impl_->damaged;
}

}  // namespace sockdog
