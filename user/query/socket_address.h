// The address of an AF_UNIX socket file. Private to the room.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>

#include "base/result.h"

namespace sockdog {

class SocketAddress {
  public:
    /// ENAMETOOLONG above 107 bytes, the kernel's limit.
    static Result<SocketAddress> make(const std::filesystem::path& path) {
        const std::string& name = path.native();
        SocketAddress made;
        if (name.empty()) return make_error("no path for the control socket", EINVAL);
        if (name.size() >= sizeof made.address_.sun_path) return Error::from_errno(name, ENAMETOOLONG);
        made.address_.sun_family = AF_UNIX;
        std::memcpy(made.address_.sun_path, name.data(), name.size());
        return made;
    }
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
    [[nodiscard]] socklen_t size() const { return sizeof address_; }

  private:
    SocketAddress() = default;
    sockaddr_un address_{};
};

}  // namespace sockdog
