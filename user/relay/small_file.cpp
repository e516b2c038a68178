#include "relay/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/unique_fd.h"

namespace sockdog {

Result<std::string> read_small_file(const std::filesystem::path& file, std::size_t limit_bytes) {
    const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return Error::from_errno("open " + file.string());
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return Error::from_errno("stat " + file.string());
    if (!S_ISREG(info.st_mode)) return make_error(file.string() + ": not a regular file", EINVAL);

    std::string content(limit_bytes + 1, '\0');
    std::size_t size = 0;
    while (size < content.size()) {
        const ssize_t got = ::read(fd.get(), content.data() + size, content.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Error::from_errno("read " + file.string());
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > limit_bytes) {
        return make_error(file.string() + ": larger than " + std::to_string(limit_bytes) + " bytes", EFBIG);
    }
    content.resize(size);
    return content;
}

Status write_small_file(const std::filesystem::path& file, std::string_view content) {
    const std::string temporary = file.string() + ".new";
    UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return Error::from_errno("create " + temporary);
    while (!content.empty()) {
        const ssize_t put = ::write(fd.get(), content.data(), content.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return Error::from_errno("write " + temporary);
        content.remove_prefix(static_cast<std::size_t>(put));
    }
    if (::fsync(fd.get()) != 0) return Error::from_errno("fsync " + temporary);
    if (std::rename(temporary.c_str(), file.c_str()) != 0)
        return Error::from_errno("rename to " + file.string());
    return Ok{};
}

}  // namespace sockdog
