#include "callsite/process_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <string>

#include "base/text.h"

namespace sockdog {
namespace {

/// Looked at before it is opened: to open a device can have effects, and a FIFO can wait.
Result<UniqueFd> open_if_regular(const UniqueFd& path_fd, std::string_view name) {
    struct stat status {};
    if (fstat(path_fd.get(), &status) != 0) return Error::from_errno("look at " + std::string(name));
    if (!S_ISREG(status.st_mode)) return make_error(std::string(name) + ": no regular file", ELOOP);
    const std::string self = "/proc/self/fd/" + std::to_string(path_fd.get());
    UniqueFd fd(::open(self.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return Error::from_errno("open " + std::string(name));
    return fd;
}

bool is_same_file(const UniqueFd& fd, const Mapping& mapping) {
    struct stat status {};
    return fstat(fd.get(), &status) == 0 && status.st_ino == mapping.inode;
}

}  // namespace

Result<UniqueFd> open_regular(const std::string& path) {
    const UniqueFd path_fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!path_fd) return Error::from_errno("open " + path);
    return open_if_regular(path_fd, path);
}

Result<UniqueFd> open_in_root(const ProcRoot& proc, ProcessId process, std::string_view path) {
    const std::string root = (proc.path() / std::to_string(process.pid) / "root").string();
    const UniqueFd root_fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root_fd) return Error::from_errno("open " + root);
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;  // Linux 5.6
    const std::string name(path);
    const UniqueFd path_fd(
        static_cast<int>(syscall(SYS_openat2, root_fd.get(), name.c_str(), &how, sizeof how)));
    if (!path_fd) return Error::from_errno("open " + root + name);
    return open_if_regular(path_fd, name);
}

Result<UniqueFd> open_mapped_file(const ProcRoot& proc, ProcessId process, const Mapping& mapping) {
    const std::string link = (proc.path() / std::to_string(process.pid) / "map_files" /
                              (hex_of(mapping.start) + "-" + hex_of(mapping.end)))
                                 .string();
    auto mapped = open_regular(link);
    if (mapped) return mapped;
    if (mapping.deleted) return mapped.error();
    auto named = open_in_root(proc, process, mapping.path);
    if (named && !is_same_file(*named, mapping))
        return make_error(mapping.path + ": replaced since it was mapped", ESTALE);
    return named;
}

bool FileBytes::read(std::uint64_t address, void* into, std::size_t bytes) {
    if (bytes > left_ || address > static_cast<std::uint64_t>(INT64_MAX)) return false;
    left_ -= bytes;
    auto* to = static_cast<char*>(into);
    while (bytes > 0) {
        const ssize_t got = pread(fd_, to, bytes, static_cast<off_t>(address));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        to += got;
        address += static_cast<std::uint64_t>(got);
        bytes -= static_cast<std::size_t>(got);
    }
    return true;
}

}  // namespace sockdog
