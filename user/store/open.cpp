#include "store/open.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <chrono>
#include <ctime>

namespace sockdog::sql {
namespace {

namespace fs = std::filesystem;

Status make_folder(const fs::path& folder) {
    if (folder.empty()) return Ok{};
    std::error_code failed;
    if (fs::is_directory(folder, failed)) return Ok{};
    if (folder.has_parent_path() && folder != folder.root_path()) {
        fs::create_directories(folder.parent_path(), failed);
        if (failed) return Error::from_errno("make folder " + folder.parent_path().string(), failed.value());
    }
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
        return Error::from_errno("make folder " + folder.string());
    }
    return Ok{};
}

Status migrate(Database& database, const Schema& schema) {
    const auto version = database.integer("PRAGMA user_version", "read the schema's version");
    if (!version) return version.error();
    const auto known = static_cast<std::int64_t>(schema.steps.size());
    if (*version == known) return Ok{};
    if (*version > known) {
        return make_error("written by a newer sockdog (schema " + std::to_string(*version) +
                              ", this one knows " + std::to_string(known) +
                              "); upgrade sockdog or move the file away",
                          EPROTO);
    }
    auto transaction = Transaction::begin(database, "upgrade the schema");
    if (!transaction) return transaction.error();
    for (auto step = *version; step < known; ++step) {
        const std::string purpose = "upgrade the schema to " + std::to_string(step + 1);
        if (auto done = database.execute(schema.steps[static_cast<std::size_t>(step)], purpose); !done)
            return done;
    }
    if (*version == 0) {
        if (auto done = schema.on_new(database); !done) return done;
    }
    // PRAGMA takes no parameters; the number is our own.
    auto stamped =
        database.execute("PRAGMA user_version = " + std::to_string(known), "stamp the schema's version");
    if (!stamped) return stamped;
    return transaction->commit();
}

/// `salvage` runs on a file that opens as a database and yet fails its check.
Result<Database> open_sound(const fs::path& file, const Schema& schema, bool salvage) {
    auto database = Database::open(file, schema.durability);
    if (!database) return database;
    Status sound = schema.check ? database->check() : Status(Ok{});
    if (sound) sound = migrate(*database, schema);
    if (!sound) {
        if (salvage && is_damage(sound.error())) schema.salvage(*database);
        return sound.error().within(file.string());
    }
    return database;
}

std::string damaged_suffix(int attempt) {
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    char text[64];
    const std::size_t length = std::strftime(text, sizeof text, ".damaged-%Y%m%dT%H%M%SZ", &utc);
    return std::string(text, length) + (attempt == 0 ? "" : "." + std::to_string(attempt));
}

/// Moves FILE away together with its log: a log left behind would be played into the new file.
Result<fs::path> set_aside(const fs::path& file) {
    fs::path target;
    std::error_code ignored;
    for (int attempt = 0; attempt < 100; ++attempt) {
        target = file.string() + damaged_suffix(attempt);
        if (!fs::exists(target, ignored)) break;
    }
    for (const char* part : {"-wal", "-shm", ""}) {
        const fs::path from = file.string() + part;
        const fs::path to = target.string() + part;
        if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) {
            return Error::from_errno("rename " + from.string() + " to " + to.string());
        }
    }
    return target;
}

}  // namespace

Result<Opened> open_file(const fs::path& file, const Schema& schema) {
    const std::string what = "open the " + schema.name;
    if (auto made = make_folder(file.parent_path()); !made) return made.error().within(what);
    auto database = open_sound(file, schema, true);
    if (database) return Opened{std::move(database).value(), std::nullopt};
    if (!is_damage(database.error())) return database.error().within(what);

    const Error damage = database.error();
    auto target = set_aside(file);
    if (!target) return target.error().within(what + " (damaged: " + damage.message + ")");
    spdlog::warn("the {} is damaged ({}): kept as {}, a new one begins", schema.name, damage.message,
                 target->string());
    auto fresh = open_sound(file, schema, false);
    if (!fresh) return fresh.error().within(what);
    return Opened{std::move(fresh).value(), std::move(target).value()};
}

}  // namespace sockdog::sql
