#include "base/proc_root.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <optional>

#include "base/text.h"
#include "base/unique_fd.h"

namespace sockdog {

namespace {

constexpr std::size_t kMaxBytes = 1U << 20U;

Result<std::string> read_file(const std::filesystem::path& file) {
    // O_NONBLOCK: some files of /proc wait for news; O_NOCTTY: a tree given by a test may hold anything.
    const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return Error::from_errno("open " + file.string());
    // The size that stat(2) tells for files of /proc is 0: read until the end.
    std::string content;
    std::array<char, 4096> block;
    while (content.size() < kMaxBytes) {
        const ssize_t got =
            ::read(fd.get(), block.data(), std::min(block.size(), kMaxBytes - content.size()));
        if (got < 0) {
            if (errno == EINTR) continue;
            return Error::from_errno("read " + file.string());
        }
        if (got == 0) break;
        content.append(block.data(), static_cast<std::size_t>(got));
    }
    return content;
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// A field of stat from the third on. comm is field 2 and may hold anything but NUL, also ") R 1 (": only the
/// last ')' ends it, for no field after it has one.
std::optional<std::uint64_t> field_of(std::string_view stat, int wanted) {
    const std::size_t comm_end = stat.rfind(')');
    if (comm_end == std::string_view::npos) return std::nullopt;
    std::string_view rest = stat.substr(comm_end + 1);
    for (int field = 3;; ++field) {
        const std::size_t first = rest.find_first_not_of(" \n");
        if (first == std::string_view::npos) return std::nullopt;
        rest.remove_prefix(first);
        const std::size_t length = std::min(rest.find_first_of(" \n"), rest.size());
        if (field == wanted) return parse_number<std::uint64_t>(rest.substr(0, length));
        rest.remove_prefix(length);
    }
}

constexpr int kParentField = 4;
constexpr int kStartTimeField = 22;

}  // namespace

Result<std::string> ProcRoot::read(std::uint32_t pid, std::string_view name) const {
    return read_file(root_ / std::to_string(pid) / name);
}

Result<std::string> ProcRoot::read_link(std::uint32_t pid, std::string_view name) const {
    const std::filesystem::path link = root_ / std::to_string(pid) / name;
    std::array<char, PATH_MAX + 1> target;
    const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
    if (size < 0) return Error::from_errno("readlink " + link.string());
    if (static_cast<std::size_t>(size) == target.size()) {
        return Error::from_errno("readlink " + link.string(), ENAMETOOLONG);
    }
    return std::string(target.data(), static_cast<std::size_t>(size));
}

Result<std::string> ProcRoot::read_global(std::string_view name) const {
    return read_file(root_ / name);
}

Result<std::string> ProcRoot::executable(std::uint32_t pid) const {
    constexpr std::string_view kDeleted = " (deleted)";
    auto path = read_link(pid, "exe");
    if (path && path->ends_with(kDeleted)) path->resize(path->size() - kDeleted.size());
    return path;
}

Result<std::uint32_t> ProcRoot::parent(std::uint32_t pid) const {
    const auto stat = read(pid, "stat");
    if (!stat) return stat.error();
    const auto parent = field_of(*stat, kParentField);
    if (!parent || *parent > UINT32_MAX)
        return make_error("process " + std::to_string(pid) + ": no parent in its stat", EPROTO);
    return static_cast<std::uint32_t>(*parent);
}

std::uint64_t ProcRoot::fd_limit(std::uint32_t pid) const {
    const auto limits = read(pid, "limits");
    if (!limits) return 0;
    constexpr std::string_view kLine = "Max open files";
    const std::size_t start = limits->find(kLine);
    if (start == std::string::npos) return 0;
    const std::string_view rest = trim(std::string_view(*limits).substr(start + kLine.size(), 60));
    return parse_number<std::uint64_t>(rest.substr(0, rest.find_first_of(" \t"))).value_or(0);
}

Result<std::uint64_t> ProcRoot::count_fds(std::uint32_t pid) const {
    constexpr std::uint64_t kMost = 1U << 22;
    const std::filesystem::path folder = root_ / std::to_string(pid) / "fd";
    struct stat status {};
    if (stat(folder.c_str(), &status) != 0) return Error::from_errno("look at " + folder.string());
    struct statfs system {};
    const bool is_proc = statfs(folder.c_str(), &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
    if (is_proc && status.st_size > 0) return static_cast<std::uint64_t>(status.st_size);
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error);
    std::uint64_t count = 0;
    for (; !error && entry != std::filesystem::directory_iterator() && count < kMost; entry.increment(error))
        ++count;
    if (error) return Error::from_errno("list " + folder.string(), error.value());
    return count;
}

std::vector<std::uint32_t> ProcRoot::pids() const {
    std::vector<std::uint32_t> pids;
    std::error_code error;
    std::filesystem::directory_iterator entry(root_, error);
    while (!error && entry != std::filesystem::directory_iterator{}) {
        const std::string name = entry->path().filename().string();
        const auto pid = parse_number<std::uint32_t>(name);
        if (pid && *pid != 0 && name.front() != '0') pids.push_back(*pid);
        entry.increment(error);
    }
    std::ranges::sort(pids);
    return pids;
}

Result<ProcessId> ProcRoot::identify(std::uint32_t pid) const {
    auto stat = read(pid, "stat");
    if (!stat) return stat.error().within("identify process " + std::to_string(pid));
    const auto start_ticks = field_of(stat.value(), kStartTimeField);
    if (!start_ticks) {
        return make_error("identify process " + std::to_string(pid) + ": no start time in its stat", EPROTO);
    }
    return ProcessId{pid, *start_ticks};
}

bool ProcRoot::is_alive(ProcessId process) const {
    if (!process.known()) return false;
    const auto now = identify(process.pid);
    return now && *now == process;
}

}  // namespace sockdog
