#include "store/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/unique_fd.h"

namespace sockdog::sql {
namespace {

constexpr int kBusyTimeoutMs = 5000;  // a person's `sqlite3` on the file; our own writers never meet

/// The errno that says the same as SQLite's code; `system` is the errno SQLite last met itself.
int errno_of(int code, int system) {
    switch (code & 0xff) {
        case SQLITE_FULL:
            return ENOSPC;
        case SQLITE_READONLY:
            return EROFS;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return EBUSY;
        case SQLITE_NOTADB:
        case SQLITE_CORRUPT:
            return EUCLEAN;
        case SQLITE_PERM:
        case SQLITE_AUTH:
            return EACCES;
        case SQLITE_NOMEM:
            return ENOMEM;
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
            return system != 0 ? system : EIO;
        default:
            return EINVAL;
    }
}

Error failure_of(sqlite3* handle, int code, std::string_view purpose) {
    const int extended = handle != nullptr ? sqlite3_extended_errcode(handle) : code;
    const int system = handle != nullptr ? sqlite3_system_errno(handle) : 0;
    std::string message = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
    const int primary = code & 0xff;
    const bool system_matters = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN;
    if (system_matters && system != 0) message += std::string(" (") + std::strerror(system) + ")";
    const bool same = (extended & 0xff) == primary;
    return make_error(std::string(purpose) + ": " + message, errno_of(same ? extended : code, system));
}

/// SQLite would create the file with the umask's mode. Made here with 0600, and never through a descriptor on
/// a file that is already open elsewhere in the process: closing that would drop SQLite's own POSIX locks.
Status create_private(const std::filesystem::path& file) {
    const UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (fd.valid()) {
        const UniqueFd folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (folder.valid()) ::fsync(folder.get());  // the name, too, must outlive a power cut
        return Ok{};
    }
    if (errno != EEXIST) return Error::from_errno("create " + file.string());
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) return Error::from_errno("stat " + file.string());
    if (!S_ISREG(info.st_mode)) return make_error(file.string() + ": not a regular file", EINVAL);
    if ((info.st_mode & 077) != 0 && ::chmod(file.c_str(), 0600) != 0) {
        return Error::from_errno("chmod 0600 " + file.string());
    }
    return Ok{};
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
    sqlite3_finalize(statement);
}

Statement& Statement::bound(int code) {
    ++next_parameter_;
    if (bind_code_ == SQLITE_OK) bind_code_ = code;
    return *this;
}

Statement& Statement::bind(std::int64_t value) {
    return bound(sqlite3_bind_int64(statement_.get(), next_parameter_, value));
}

Statement& Statement::bind(std::string_view value) {
    // An empty view may have no data; SQLite takes a null pointer for NULL.
    const char* data = value.data() != nullptr ? value.data() : "";
    return bound(sqlite3_bind_text64(statement_.get(), next_parameter_, data, value.size(), SQLITE_TRANSIENT,
                                     SQLITE_UTF8));
}

Statement& Statement::bind_blob(std::string_view bytes) {
    const char* data = bytes.data() != nullptr ? bytes.data() : "";
    return bound(
        sqlite3_bind_blob64(statement_.get(), next_parameter_, data, bytes.size(), SQLITE_TRANSIENT));
}

Statement& Statement::bind_null() {
    return bound(sqlite3_bind_null(statement_.get(), next_parameter_));
}

Result<bool> Statement::step() {
    sqlite3* handle = sqlite3_db_handle(statement_.get());
    if (bind_code_ != SQLITE_OK) return failure_of(handle, bind_code_, purpose_);
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return failure_of(handle, code, purpose_);
}

Status Statement::run() {
    while (true) {
        const auto row = step();
        if (!row) return row.error();
        if (!*row) return Ok{};
    }
}

void Statement::reset() {
    sqlite3_reset(statement_.get());  // repeats the error of the last step(), which was told there
    sqlite3_clear_bindings(statement_.get());
    next_parameter_ = 1;
    bind_code_ = SQLITE_OK;
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    if (data == nullptr) return {};
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::string Statement::blob(int column) const {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
    if (data == nullptr) return {};
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Database::Close::operator()(sqlite3* handle) const noexcept {
    sqlite3_close_v2(handle);
}

Error Database::failure(int code, std::string_view purpose) const {
    return failure_of(handle_.get(), code, purpose);
}

Result<Database> Database::open(const std::filesystem::path& file, Durability durability) {
    if (auto created = create_private(file); !created) return created.error();
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(
        file.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    Database database(handle);
    if (code != SQLITE_OK) return database.failure(code, "open " + file.string());
    sqlite3_busy_timeout(handle, kBusyTimeoutMs);
    // FULL: in WAL mode anything less lets a power cut take back what a commit promised. The size limit gives
    // the disk back after a burst made the log long.
    auto set_up = database.execute(
        std::string("PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 4194304; PRAGMA synchronous = ") +
            (durability == Durability::kEveryCommit ? "FULL;" : "NORMAL;"),
        "open " + file.string());
    if (!set_up) return set_up.error();
    return database;
}

namespace {

/// "file:" URI: what SQLite would take for a part of the query is escaped.
std::string uri_of(const std::filesystem::path& file, std::string_view query) {
    std::string uri = "file:";
    for (const char c : std::filesystem::absolute(file).string()) {
        constexpr std::string_view kHex = "0123456789ABCDEF";
        const auto byte = static_cast<unsigned char>(c);
        if (c != '?' && c != '#' && c != '%') {
            uri += c;
            continue;
        }
        uri += '%';
        uri += kHex[byte >> 4];
        uri += kHex[byte & 15];
    }
    return uri.append(query);
}

}  // namespace

Result<Database> Database::open_read_only(const std::filesystem::path& file) {
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) return Error::from_errno("open " + file.string());
    if (!S_ISREG(info.st_mode)) return make_error("open " + file.string() + ": not a regular file", EINVAL);
    if (::access(file.c_str(), R_OK) != 0) return Error::from_errno("open " + file.string());
    // A file without a log has no writer. Only so it can be read where no log may be made: in a folder of
    // somebody else's.
    const bool alone = !std::filesystem::exists(file.string() + "-wal");
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(
        uri_of(file, alone ? "?immutable=1" : "").c_str(), &handle,
        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    Database database(handle);
    if (code != SQLITE_OK) return database.failure(code, "open " + file.string());
    sqlite3_busy_timeout(handle, kBusyTimeoutMs);
    return database;
}

Status Database::execute(const std::string& sql, std::string_view purpose) {
    const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return failure(code, purpose);
    return Ok{};
}

Result<Statement> Database::prepare(std::string_view sql, std::string_view purpose) const {
    sqlite3_stmt* statement = nullptr;
    const int code =
        sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
    if (code != SQLITE_OK) return failure(code, purpose);
    return Statement(statement, std::string(purpose));
}

Result<std::int64_t> Database::integer(std::string_view sql, std::string_view purpose) const {
    auto statement = prepare(sql, purpose);
    if (!statement) return statement.error();
    const auto row = statement->step();
    if (!row) return row.error();
    return *row ? statement->integer(0) : 0;
}

std::uint64_t Database::last_rowid() const {
    return static_cast<std::uint64_t>(sqlite3_last_insert_rowid(handle_.get()));
}

std::uint64_t Database::changes() const {
    return static_cast<std::uint64_t>(sqlite3_changes64(handle_.get()));
}

Status Database::check() const {
    auto statement = prepare("PRAGMA quick_check(1)", "check the file");
    if (!statement) return statement.error();
    const auto row = statement->step();
    if (!row) return row.error();
    std::string verdict = *row ? statement->text(0) : "no answer";
    if (verdict == "ok") return Ok{};
    std::replace(verdict.begin(), verdict.end(), '\n', ' ');
    return make_error("check the file: " + verdict, EUCLEAN);
}

Result<Transaction> Transaction::begin(Database& database, std::string_view purpose) {
    auto begun = database.execute("BEGIN IMMEDIATE", purpose);
    if (!begun) return begun.error();
    return Transaction(database, std::string(purpose));
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)), purpose_(std::move(other.purpose_)) {}

Transaction::~Transaction() {
    // Fails harmlessly where SQLite rolled back by itself (disk full).
    if (database_ != nullptr) (void)database_->execute("ROLLBACK", purpose_).ok();
}

Status Transaction::commit() {
    auto committed = database_->execute("COMMIT", purpose_);
    if (committed) database_ = nullptr;
    return committed;
}

}  // namespace sockdog::sql
