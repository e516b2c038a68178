#include "query/bind_socket.h"

#include <grp.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "query/socket_address.h"

namespace sockdog {
namespace {

namespace fs = std::filesystem;

std::optional<gid_t> find_group(const std::string& name) {
    std::vector<char> buffer(4096);
    group entry{};
    group* found = nullptr;
    int code = 0;
    while ((code = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found)) == ERANGE &&
           buffer.size() < (std::size_t{1} << 20U)) {
        buffer.resize(buffer.size() * 2);
    }
    if (code != 0 || found == nullptr) return std::nullopt;
    return entry.gr_gid;
}

/// With those above it, each 0755 whatever the umask: a folder that all may write to lets anybody swap the
/// socket.
Status make_folder(const fs::path& folder) {
    if (folder.empty()) return Ok{};
    const auto make = [&] {
        return ::mkdir(folder.c_str(), 0755) == 0 && ::chmod(folder.c_str(), 0755) == 0;
    };
    if (make() || errno == EEXIST) return Ok{};
    if (errno == ENOENT && folder.has_parent_path() && folder.parent_path() != folder) {
        if (auto made = make_folder(folder.parent_path()); !made) return made;
        if (make() || errno == EEXIST) return Ok{};
    }
    return Error::from_errno("make folder " + folder.string());
}

/// Ok: removed, or gone by itself. EADDRINUSE where somebody answers, EEXIST where it is no socket.
Status remove_stale(const fs::path& path, const SocketAddress& address) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) {
        if (errno == ENOENT) return Ok{};
        return Error::from_errno("stat " + path.string());
    }
    if (!S_ISSOCK(info.st_mode)) return make_error(path.string() + ": exists and is not a socket", EEXIST);
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!probe.valid()) return Error::from_errno("socket");
    if (::connect(probe.get(), address.get(), address.size()) == 0 || errno == EAGAIN) {
        return make_error(path.string() + ": another sockdogd answers there", EADDRINUSE);
    }
    if (errno != ECONNREFUSED && errno != ENOENT) return Error::from_errno("connect to " + path.string());
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        return Error::from_errno("remove stale " + path.string());
    return Ok{};
}

/// bind() creates the file: for its length only we may use it.
int bind_private(int fd, const SocketAddress& address) {
    const mode_t before = ::umask(0177);
    const int result = ::bind(fd, address.get(), address.size());
    const int code = errno;
    ::umask(before);
    errno = code;
    return result;
}

Status open_to_group(const fs::path& path, const std::string& group) {
    const auto gid = find_group(group);
    if (!gid) spdlog::info("control socket: no group {}, only root may use {}", group, path.string());
    if (::lchown(path.c_str(), static_cast<uid_t>(-1), gid.value_or(0)) != 0) {
        // Only root may give a file away; started by anybody else (a test, a developer) it is his alone. In a
        // user namespace of its own (PrivateUsers=) the group has no number: EINVAL.
        if ((errno != EPERM && errno != EINVAL) || ::geteuid() == 0)
            return Error::from_errno("chown " + path.string());
        spdlog::warn("control socket: not root, {} stays with the group of this user", path.string());
    }
    if (::chmod(path.c_str(), 0660) != 0) return Error::from_errno("chmod " + path.string());
    return Ok{};
}

}  // namespace

Result<BoundSocket> bind_control_socket(const fs::path& path, const std::string& group) {
    const auto address = SocketAddress::make(path);
    if (!address) return address.error();
    if (auto made = make_folder(path.parent_path()); !made) return made.error();
    BoundSocket bound;
    bound.fd.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!bound.fd.valid()) return Error::from_errno("socket");
    if (bind_private(bound.fd.get(), *address) != 0) {
        if (errno != EADDRINUSE) return Error::from_errno("bind " + path.string());
        if (auto removed = remove_stale(path, *address); !removed) return removed.error();
        if (bind_private(bound.fd.get(), *address) != 0) return Error::from_errno("bind " + path.string());
    }
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return Error::from_errno("stat " + path.string());
    bound.device = info.st_dev;
    bound.inode = info.st_ino;
    // Until listen() a connect() is refused, so nobody comes in under the wrong mode.
    if (auto opened = open_to_group(path, group); !opened) return opened.error();
    if (::listen(bound.fd.get(), SOMAXCONN) != 0) return Error::from_errno("listen on " + path.string());
    return bound;
}

void unbind_control_socket(const fs::path& path, const BoundSocket& bound) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return;
    if (info.st_dev == bound.device && info.st_ino == bound.inode) ::unlink(path.c_str());
}

}  // namespace sockdog
