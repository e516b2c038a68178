// The outbox's connection, and what its two halves share. Private to the room.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "store/millis.h"
#include "store/open.h"
#include "store/outbox.h"

namespace sockdog {

/// What has happened to an item; as in the table.
enum class State : std::uint8_t { kPending = 0, kDead = 1, kEnded = 2 };

struct Outbox::Impl {
    explicit Impl(sql::Opened opened)
        : database(std::move(opened.database)), damaged(std::move(opened.damaged)) {}

    Status insert(std::span<const OutboxItem> items);
    Status insert_one(sql::Statement& statement, const OutboxItem& item, State state = State::kPending);
    Status insert_end(sql::Statement& statement, const OutboxItem& item);
    Result<bool> exists(std::string_view what, const OutboxItem& of);
    Status keep(std::span<const LastRevision> last);
    Status forget_held(const OutboxItem& item);
    Status make_room();
    Result<std::uint64_t> used_bytes();
    Status run(std::string_view sql, std::string_view purpose,
               const std::function<void(sql::Statement&)>& bind = {});
    Status set_cursor(std::uint64_t cursor);
    /// Runs `update` on one pending item, then drops the oldest ended items above the number kept.
    Status end_attempt(sql::Statement& update, std::uint64_t sequence, std::string_view purpose);
    Status trim_ended(std::string_view purpose);

    sql::Database database;
    std::optional<std::filesystem::path> damaged;
    std::uint64_t max_bytes = kOutboxBytes;
    std::uint64_t dropped = 0;
};

}  // namespace sockdog
