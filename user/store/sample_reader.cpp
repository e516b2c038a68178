#include "incident/json.h"
#include "store/sample_codec.h"
#include "store/sample_schema.h"
#include "store/samples.h"
#include "store/sqlite.h"

namespace sockdog {
namespace {

MonoTime mono(std::int64_t ns) {
    return MonoTime(Duration(ns));
}

WallTime wall(std::int64_t ms) {
    return WallTime(std::chrono::milliseconds(ms));
}

Error damaged(const std::string& what) {
    return make_error("the samples are damaged: " + what, EUCLEAN);
}

Status check_kind(const sql::Database& database) {
    const auto application = database.integer("PRAGMA application_id", "read the samples");
    if (!application) return application.error();
    if (*application != kSampleApplication)
        return make_error("it is a database, but none of sockdog's samples", EUCLEAN);
    const auto version = database.integer("PRAGMA user_version", "read the samples");
    if (!version) return version.error();
    if (*version > static_cast<std::int64_t>(std::size(kSampleSchema)))
        return make_error("written by a newer sockdog; upgrade this one", EPROTO);
    return Ok{};
}

/// Rows in the order of (run, time), one looked at ahead.
class Cursor {
  public:
    static Result<Cursor> open(const sql::Database& database, std::string_view sql) {
        auto rows = database.prepare(sql, "read the samples");
        if (!rows) return rows.error();
        return Cursor(std::move(*rows));
    }
    Status start(std::int64_t run, std::int64_t at_ns) {
        rows_.bind(run).bind(at_ns);
        return advance();
    }
    Status advance() {
        const auto row = rows_.step();
        if (!row) return row.error();
        there_ = *row;
        return Ok{};
    }
    [[nodiscard]] bool there() const { return there_; }
    [[nodiscard]] bool until(std::int64_t run, std::int64_t at_ns) const {
        return there_ && std::pair(rows_.integer(0), rows_.integer(1)) <= std::pair(run, at_ns);
    }
    [[nodiscard]] const sql::Statement& row() const { return rows_; }

  private:
    explicit Cursor(sql::Statement rows) : rows_(std::move(rows)) {}
    sql::Statement rows_;
    bool there_ = false;
};

}  // namespace

struct SampleReader::Impl {
    Impl(sql::Database opened, Cursor ticks_of, Cursor gauges_of, Cursor walks_of, Cursor ends_of)
        : database(std::move(opened)),
          ticks(std::move(ticks_of)),
          gauges(std::move(gauges_of)),
          walks(std::move(walks_of)),
          ends(std::move(ends_of)) {}

    Status start(std::int64_t run, std::int64_t at_ns);
    Status enter(std::int64_t run, std::int64_t begun_ns);
    Status take_processes(SampledTick& tick);
    Status take_gauges(SampledTick& tick);
    Status take_walks(SampledTick& tick);
    Status take_ends(SampledTick& tick);

    sql::Database database;
    Cursor ticks;
    Cursor gauges;
    Cursor walks;
    Cursor ends;
    bool started = false;
    std::int64_t run = -1;
    std::string boot;
    std::optional<sql::Statement> processes;  // of the run, by `since`
    bool process_there = false;
};

SampleReader::SampleReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SampleReader::SampleReader(SampleReader&&) noexcept = default;
SampleReader& SampleReader::operator=(SampleReader&&) noexcept = default;
SampleReader::~SampleReader() = default;

Result<SampleReader> SampleReader::open(const std::filesystem::path& file) {
    auto database = sql::Database::open_read_only(file);
    if (!database) return database.error();
    // One transaction: what is written meanwhile is not seen, in none of the tables.
    if (auto begun = database->execute("BEGIN", "read the samples"); !begun)
        return begun.error().within(file.string());
    if (auto kind = check_kind(*database); !kind) return kind.error().within(file.string());
    constexpr const char* kSelects[] = {
        "SELECT run, at_ns, wall_ms, flags FROM ticks WHERE (run, at_ns) >= (?, ?) ORDER BY run, at_ns",
        "SELECT run, at_ns, process, dense, body FROM gauges WHERE (run, at_ns) >= (?, ?) ORDER BY run, "
        "at_ns",
        "SELECT run, at_ns, process, sockets, surroundings FROM walks WHERE (run, at_ns) >= (?, ?) "
        "ORDER BY run, at_ns, process",
        "SELECT run, ended_ns, number FROM processes WHERE ended_ns IS NOT NULL AND (run, ended_ns) >= (?, "
        "?) "
        "ORDER BY run, ended_ns",
    };
    std::vector<Cursor> cursors;
    for (const char* select : kSelects) {
        auto cursor = Cursor::open(*database, select);
        if (!cursor) return cursor.error().within(file.string());
        cursors.push_back(std::move(*cursor));
    }
    return SampleReader(std::make_unique<Impl>(std::move(*database), std::move(cursors[0]),
                                               std::move(cursors[1]), std::move(cursors[2]),
                                               std::move(cursors[3])));
}

Result<std::optional<SampledSpan>> SampleReader::span() const {
    auto rows =
        impl_->database.prepare("SELECT count(*), min(wall_ms), max(wall_ms) FROM ticks", "read the samples");
    if (!rows) return rows.error();
    const auto row = rows->step();
    if (!row) return row.error();
    if (!*row || rows->integer(0) == 0) return std::optional<SampledSpan>{};
    return std::optional(SampledSpan{wall(rows->integer(1)), wall(rows->integer(2))});
}

Status SampleReader::Impl::start(std::int64_t from_run, std::int64_t at_ns) {
    started = true;
    for (Cursor* cursor : {&ticks, &gauges, &walks, &ends}) {
        if (auto done = cursor->start(from_run, at_ns); !done) return done;
    }
    return Ok{};
}

Status SampleReader::seek(WallTime from) {
    auto rows = impl_->database.prepare(
        "SELECT run, at_ns FROM ticks WHERE wall_ms >= ? ORDER BY run, at_ns LIMIT 1", "read the samples");
    if (!rows) return rows.error();
    const auto row = rows->bind(std::int64_t{from.time_since_epoch().count()}).step();
    if (!row) return row.error();
    if (!*row) return impl_->start(INT64_MAX, INT64_MAX);
    return impl_->start(rows->integer(0), rows->integer(1));
}

/// A new run, or the one that reading begins in: who had ended by then is left out.
Status SampleReader::Impl::enter(std::int64_t to_run, std::int64_t begun_ns) {
    run = to_run;
    auto known = database.prepare("SELECT boot FROM runs WHERE id = ?", "read the samples");
    if (!known) return known.error();
    const auto row = known->bind(run).step();
    if (!row) return row.error();
    if (!*row) return damaged("run " + std::to_string(run) + " is missing");
    boot = known->text(0);
    auto rows = database.prepare(
        "SELECT number, pid, start_ticks, since_ns, owner FROM processes WHERE run = ? AND (ended_ns IS NULL "
        "OR "
        "ended_ns >= ?) ORDER BY since_ns, number",
        "read the samples");
    if (!rows) return rows.error();
    processes = std::move(*rows);
    const auto first = processes->bind(run).bind(begun_ns).step();
    if (!first) return first.error();
    process_there = *first;
    return Ok{};
}

Status SampleReader::Impl::take_processes(SampledTick& tick) {
    while (process_there && mono(processes->integer(3)) <= tick.at) {
        SampledProcess process{
            .number = processes->number(0), .since = mono(processes->integer(3)), .owner = {}};
        try {
            nlohmann::json::parse(processes->text(4)).get_to(process.owner);
        } catch (const nlohmann::json::exception& failed) {
            return damaged(std::string("a process cannot be read: ") + failed.what());
        }
        process.owner.process = {static_cast<std::uint32_t>(processes->integer(1)), processes->number(2)};
        tick.processes.push_back(std::move(process));
        const auto row = processes->step();
        if (!row) return row.error();
        process_there = *row;
    }
    return Ok{};
}

Status SampleReader::Impl::take_gauges(SampledTick& tick) {
    for (; gauges.until(run, tick.at.time_since_epoch().count());) {
        const sql::Statement& row = gauges.row();
        const auto values = decode_gauges(row.blob(4));
        if (!values) return damaged("gauges cannot be read");
        if (row.integer(0) == run)
            tick.gauges.push_back({row.number(2), mono(row.integer(1)), *values, row.integer(3) != 0});
        if (auto done = gauges.advance(); !done) return done;
    }
    return Ok{};
}

Status SampleReader::Impl::take_walks(SampledTick& tick) {
    while (walks.until(run, tick.at.time_since_epoch().count())) {
        const sql::Statement& row = walks.row();
        SampledWalk walk{row.number(2), mono(row.integer(1)), row.blob(3), std::nullopt};
        if (!row.is_null(4)) walk.surroundings = row.blob(4);
        if (row.integer(0) == run) tick.walks.push_back(std::move(walk));
        if (auto done = walks.advance(); !done) return done;
    }
    return Ok{};
}

Status SampleReader::Impl::take_ends(SampledTick& tick) {
    while (ends.until(run, tick.at.time_since_epoch().count())) {
        const sql::Statement& row = ends.row();
        if (row.integer(0) == run) tick.ends.push_back({row.number(2), mono(row.integer(1))});
        if (auto done = ends.advance(); !done) return done;
    }
    return Ok{};
}

Result<bool> SampleReader::next(SampledTick& tick) {
    Impl& my = *impl_;
    if (!my.started) {
        if (auto done = my.start(0, INT64_MIN); !done) return done.error();
    }
    if (!my.ticks.there()) return false;
    const sql::Statement& row = my.ticks.row();
    tick = SampledTick{};
    tick.run = row.number(0);
    tick.at = mono(row.integer(1));
    tick.wall = wall(row.integer(2));
    tick.blind = (row.integer(3) & kFlagBlind) != 0;
    tick.uncertain = (row.integer(3) & kFlagUncertain) != 0;
    if (row.integer(0) != my.run) {
        if (auto done = my.enter(row.integer(0), row.integer(1)); !done) return done.error();
    }
    for (const auto take : {&Impl::take_processes, &Impl::take_gauges, &Impl::take_walks, &Impl::take_ends}) {
        if (auto done = (my.*take)(tick); !done) return done.error();
    }
    if (auto done = my.ticks.advance(); !done) return done.error();
    return true;
}

const std::string& SampleReader::boot_id() const {
    return impl_->boot;
}

}  // namespace sockdog
