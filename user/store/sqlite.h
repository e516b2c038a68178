// A thin RAII layer over SQLite, private to this room. Failures are Errors that say what was being done;
// errno where one fits: ENOSPC (disk full), EROFS, EBUSY, and EUCLEAN for a damaged file. One connection, one
// thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sockdog::sql {

/// The file is no SQLite file, or is one whose content contradicts itself: to be set aside.
[[nodiscard]] inline bool is_damage(const Error& error) {
    return error.code == EUCLEAN;
}

/// A prepared statement. Lives no longer than its Database.
class Statement {
  public:
    /// The next parameter, from the left. A failure to bind shows at step().
    Statement& bind(std::int64_t value);
    Statement& bind(std::uint64_t value) { return bind(static_cast<std::int64_t>(value)); }
    Statement& bind(std::string_view value);
    Statement& bind_blob(std::string_view bytes);
    Statement& bind_null();

    /// True: there is a row to read. False: done.
    Result<bool> step();
    /// To the end; rows are ignored.
    Status run();
    /// For another round with new parameters.
    void reset();

    /// Columns of the row, from 0. NULL reads as 0 and "".
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::uint64_t number(int column) const {
        return static_cast<std::uint64_t>(integer(column));
    }
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] std::string blob(int column) const;
    [[nodiscard]] bool is_null(int column) const;

  private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const noexcept;
    };
    Statement(sqlite3_stmt* statement, std::string purpose)
        : statement_(statement), purpose_(std::move(purpose)) {}
    Statement& bound(int code);

    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    std::string purpose_;
    int next_parameter_ = 1;
    int bind_code_ = 0;
};

/// What a power cut may take back: nothing that was committed, or the last commits (never the file's
/// soundness).
enum class Durability : std::uint8_t { kEveryCommit, kLater };

class Database {
  public:
    /// Opens or creates FILE (mode 0600) in WAL mode, every commit synced to the disk, locks waited for up to
    /// 5 s.
    static Result<Database> open(const std::filesystem::path& file,
                                 Durability durability = Durability::kEveryCommit);
    /// Opens FILE as it is, also while another process writes to it, and never changes it.
    static Result<Database> open_read_only(const std::filesystem::path& file);

    /// One or more statements without parameters or rows.
    Status execute(const std::string& sql, std::string_view purpose);
    Result<Statement> prepare(std::string_view sql, std::string_view purpose) const;
    /// First column of the first row; 0 without a row.
    [[nodiscard]] Result<std::int64_t> integer(std::string_view sql, std::string_view purpose) const;
    [[nodiscard]] std::uint64_t last_rowid() const;
    [[nodiscard]] std::uint64_t changes() const;
    /// EUCLEAN where `PRAGMA quick_check` finds fault.
    [[nodiscard]] Status check() const;

  private:
    struct Close {
        void operator()(sqlite3* handle) const noexcept;
    };
    explicit Database(sqlite3* handle) : handle_(handle) {}
    [[nodiscard]] Error failure(int code, std::string_view purpose) const;

    std::unique_ptr<sqlite3, Close> handle_;
};

/// BEGIN IMMEDIATE to commit(); rolled back where that is not reached or fails.
class Transaction {
  public:
    static Result<Transaction> begin(Database& database, std::string_view purpose);
    Transaction(Transaction&& other) noexcept;
    Transaction& operator=(Transaction&&) = delete;
    Transaction(const Transaction&) = delete;
    ~Transaction();
    Status commit();

  private:
    Transaction(Database& database, std::string purpose)
        : database_(&database), purpose_(std::move(purpose)) {}
    Database* database_;
    std::string purpose_;
};

}  // namespace sockdog::sql
