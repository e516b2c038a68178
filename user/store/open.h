// How a file of this room is opened: folder, private file, check, schema; a damaged file is set aside, never
// deleted. Private to the room.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "store/sqlite.h"

namespace sockdog::sql {

/// user_version counts the steps a file has seen; a file ahead of us is refused (EPROTO), not touched.
struct Schema {
    std::string name;                    // "journal", for messages
    std::span<const char* const> steps;  // SQL, oldest first; each runs once in the life of a file
    Durability durability = Durability::kEveryCommit;
    /// Read the whole file through before it is used. Without it damage shows when it is met.
    bool check = true;
    /// Last look at a damaged file, best effort: what still can be read may be carried over.
    std::function<void(const Database&)> salvage = [](const Database&) {};
    /// In the transaction that makes a new file's schema.
    std::function<Status(Database&)> on_new = [](Database&) -> Status { return Ok{}; };
};

struct Opened {
    Database database;
    std::optional<std::filesystem::path> damaged;  // where the file went that was found damaged
};

/// The parent folder is made with mode 0700 where it is missing.
Result<Opened> open_file(const std::filesystem::path& file, const Schema& schema);

}  // namespace sockdog::sql
