// Netlink's sock_diag, as far as destroying takes it: the TCP sockets in CLOSE_WAIT of one network namespace,
// and the end of one of them by its tuple and cookie. The messages are linux/inet_diag.h's. Blocks for as
// long as the kernel takes, at most kPatience a message; one thread.
#pragma once

#include <linux/inet_diag.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "probe/types.h"

namespace sockdog {

/// A socket as the kernel tells it.
struct DiagSocket {
    Endpoint local;
    Endpoint remote;
    TcpState state = TcpState::kUnknown;
    std::uint32_t recv_queue_bytes = 0;  // an unread FIN counts as 1
    std::uint64_t inode = 0;             // of its file; 0: nobody has accepted it
    std::uint8_t family = 0;             // the table it was found in
    inet_diag_sockid id{};               // tuple and cookie as they came, for naming exactly this one

    [[nodiscard]] std::uint64_t cookie() const;
};

/// What one datagram of the kernel holds of the answer to `sequence`.
struct DiagPart {
    std::vector<DiagSocket> sockets;
    std::optional<int> end;  // an errno: the answer is complete; 0: and all went well
};

/// All TCP sockets in CLOSE_WAIT of one family.
std::vector<std::byte> encode_close_wait_dump(std::uint8_t family, std::uint32_t sequence);
/// SOCK_DESTROY of exactly this socket: the kernel answers ENOENT where tuple or cookie are another's.
std::vector<std::byte> encode_destroy(const DiagSocket& socket, std::uint32_t sequence);
/// EBADMSG where the bytes are no netlink message; other sequences' messages are skipped.
Result<DiagPart> decode_diag(std::span<const std::byte> datagram, std::uint32_t sequence);

class SockDiag {
  public:
    static constexpr Duration kPatience = 10s;

    /// Of the namespace `netns`, invalid: our own. Entering needs CAP_SYS_ADMIN, and is over when this
    /// returns: a netlink socket stays in the namespace that it was made in.
    static Result<SockDiag> open(const UniqueFd& netns);

    /// Both families. ENOENT: the kernel has no tcp_diag.
    Result<std::vector<DiagSocket>> close_wait();
    /// ENOENT: it is gone. EPERM: needs CAP_NET_ADMIN. EOPNOTSUPP: no CONFIG_INET_DIAG_DESTROY.
    Status destroy(const DiagSocket& socket);

  private:
    explicit SockDiag(UniqueFd fd) : fd_(std::move(fd)) {}
    Result<std::vector<DiagSocket>> exchange(std::span<const std::byte> request);

    UniqueFd fd_;
    std::uint32_t sequence_ = 0;
    std::vector<std::byte> buffer_;
};

}  // namespace sockdog
