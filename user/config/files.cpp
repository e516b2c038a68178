#include "config/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/unique_fd.h"

namespace sockdog {
namespace {

// Each is opened at every reload; a folder with more is a mistake, as a link to /usr/share.
constexpr std::size_t kMaxDropIns = 256;

Status check_file(int fd) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) return Error::from_errno("stat");
    if (S_ISDIR(info.st_mode)) return make_error("it is a folder", EISDIR);
    // A link to /dev/null masks a file, as with systemd.
    if (S_ISCHR(info.st_mode)) return Ok{};
    if (!S_ISREG(info.st_mode)) return make_error("it is no regular file", EINVAL);
    // The file can name commands that root runs.
    if ((info.st_mode & S_IWOTH) != 0) {
        return make_error("everybody may write to it, and it decides what root runs; chmod o-w", EPERM);
    }
    return Ok{};
}

Result<std::string> read_all(int fd) {
    std::string content;
    std::array<char, 16384> chunk{};
    while (content.size() <= kMaxConfigBytes) {
        const ssize_t got = ::read(fd, chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Error::from_errno("read");
        if (got == 0) return content;
        content.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return make_error("it is larger than 1 MiB", EFBIG);
}

}  // namespace

Result<std::string> read_config_file(const std::filesystem::path& file) {
    // Not blocking: a pipe in place of the file would otherwise wait for a writer.
    const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return Error::from_errno("cannot be opened");
    if (const auto status = check_file(fd.get()); !status.ok()) {
        return status.error().within("cannot be used");
    }
    auto content = read_all(fd.get());
    if (!content.ok()) return content.error().within("cannot be read");
    return content;
}

std::filesystem::path drop_in_folder(const std::filesystem::path& file) {
    return file.parent_path() / (file.stem().string() + ".d");
}

Result<std::vector<std::filesystem::path>> drop_ins(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> found;
    std::error_code code;
    std::filesystem::directory_iterator entries(folder, code);
    if (code == std::errc::no_such_file_or_directory) return found;
    for (; !code && entries != std::filesystem::directory_iterator(); entries.increment(code)) {
        const auto& path = entries->path();
        const auto extension = path.extension();
        if (path.filename().string().starts_with('.')) continue;
        if (extension == ".yaml" || extension == ".yml") found.push_back(path);
        if (found.size() > kMaxDropIns) {
            return make_error("more than " + std::to_string(kMaxDropIns) + " drop-ins");
        }
    }
    if (code) return make_error("cannot be listed: " + code.message(), code.value());
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace sockdog
