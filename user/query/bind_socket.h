// The socket file: made so that nobody reaches it before its mode and group are right, and never taken from a
// living daemon. Private to the room. Loop thread, at start-up only (umask is the whole process's).
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace sockdog {

struct BoundSocket {
    UniqueFd fd;
    dev_t device = 0;  // of the file, to remove no other's
    ino_t inode = 0;
};

Result<BoundSocket> bind_control_socket(const std::filesystem::path& path, const std::string& group);

/// Removes the file if it is still the one that was bound.
void unbind_control_socket(const std::filesystem::path& path, const BoundSocket& bound);

}  // namespace sockdog
