#include "remedy/sock_diag.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstring>
#include <string>

#include "probe/namespaces.h"

namespace sockdog {
namespace {

// As large as the kernel makes a part of a dump (NLMSG_GOODSIZE is 8 KiB, a dump asks for up to 32 KiB).
constexpr std::size_t kLargestPart = 32768;
// Far above the ports of any host; a dump that goes on beyond it is not one of sockets.
constexpr std::size_t kMostSockets = std::size_t{1} << 22;

struct Request {
    nlmsghdr header{};
    inet_diag_req_v2 body{};
};

std::vector<std::byte> encode(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
                              const inet_diag_req_v2& body) {
    Request request;
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = type;
    request.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    request.header.nlmsg_seq = sequence;
    request.body = body;
    std::vector<std::byte> bytes(sizeof request);
    std::memcpy(bytes.data(), &request, sizeof request);
    return bytes;
}

Endpoint endpoint(std::uint8_t family, const __be32 (&address)[4], __be16 port) {
    Endpoint result;
    result.family = family;
    std::memcpy(result.address.data(), address, family == AF_INET ? 4 : 16);
    result.port = ntohs(port);
    return result;
}

DiagSocket socket_of(const inet_diag_msg& message) {
    DiagSocket socket;
    socket.family = message.idiag_family;
    socket.local = endpoint(socket.family, message.id.idiag_src, message.id.idiag_sport);
    socket.remote = endpoint(socket.family, message.id.idiag_dst, message.id.idiag_dport);
    if (message.idiag_state < kTcpStateCount) socket.state = static_cast<TcpState>(message.idiag_state);
    socket.recv_queue_bytes = message.idiag_rqueue;
    socket.inode = message.idiag_inode;
    socket.id = message.id;
    return socket;
}

/// The contents of a message as a plain struct; nothing where there are too few bytes.
template <typename T>
std::optional<T> body_of(std::span<const std::byte> message) {
    if (message.size() < NLMSG_HDRLEN + sizeof(T)) return std::nullopt;
    T body;
    std::memcpy(&body, message.data() + NLMSG_HDRLEN, sizeof body);
    return body;
}

/// False where the message is cut short.
bool take(std::span<const std::byte> message, std::uint16_t type, DiagPart& part) {
    if (type == NLMSG_DONE) {  // its body is 0 or a negative errno
        const auto result = body_of<int>(message);
        part.end = result && *result < 0 ? -*result : 0;
        return true;
    }
    if (type == NLMSG_ERROR) {
        const auto error = body_of<nlmsgerr>(message);
        if (error) part.end = -error->error;
        return error.has_value();
    }
    if (type != SOCK_DIAG_BY_FAMILY) return true;
    const auto found = body_of<inet_diag_msg>(message);
    if (found && (found->idiag_family == AF_INET || found->idiag_family == AF_INET6))
        part.sockets.push_back(socket_of(*found));
    return found.has_value();
}

Result<UniqueFd> open_here() {
    UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (!fd) return Error::from_errno("open a sock_diag socket");
    timeval patience{};
    patience.tv_sec = SockDiag::kPatience / 1s;
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
        return Error::from_errno("set the time limit of sock_diag");
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    // Connected, so that only the kernel is heard.
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) != 0)
        return Error::from_errno("speak to sock_diag");
    return fd;
}

}  // namespace

std::uint64_t DiagSocket::cookie() const {
    return std::uint64_t{id.idiag_cookie[1]} << 32U | id.idiag_cookie[0];
}

std::vector<std::byte> encode_close_wait_dump(std::uint8_t family, std::uint32_t sequence) {
    inet_diag_req_v2 body{};
    body.sdiag_family = family;
    body.sdiag_protocol = IPPROTO_TCP;
    body.idiag_states = 1U << static_cast<unsigned>(TcpState::kCloseWait);
    return encode(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, sequence, body);
}

std::vector<std::byte> encode_destroy(const DiagSocket& socket, std::uint32_t sequence) {
    inet_diag_req_v2 body{};
    body.sdiag_family = socket.family;
    body.sdiag_protocol = IPPROTO_TCP;
    body.idiag_states = 1U << static_cast<unsigned>(TcpState::kCloseWait);
    body.id = socket.id;
    return encode(SOCK_DESTROY, NLM_F_ACK, sequence, body);
}

Result<DiagPart> decode_diag(std::span<const std::byte> datagram, std::uint32_t sequence) {
    const Error broken = make_error("the answer of sock_diag makes no sense", EBADMSG);
    DiagPart part;
    while (!datagram.empty() && !part.end) {
        nlmsghdr header{};
        if (datagram.size() < sizeof header) return broken;
        std::memcpy(&header, datagram.data(), sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) return broken;
        if (header.nlmsg_seq == sequence && !take(datagram.first(header.nlmsg_len), header.nlmsg_type, part))
            return broken;
        datagram = datagram.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), datagram.size()));
    }
    return part;
}

Result<SockDiag> SockDiag::open(const UniqueFd& netns) {
    std::optional<Result<UniqueFd>> fd;
    if (!netns) {
        fd = open_here();
    } else if (!inside_namespace(netns, [&] { fd = open_here(); })) {
        return make_error("the network namespace cannot be entered; that needs root (CAP_SYS_ADMIN)", EPERM);
    }
    if (!*fd) return fd->error();
    return SockDiag(std::move(*fd).value());
}

Result<std::vector<DiagSocket>> SockDiag::exchange(std::span<const std::byte> request) {
    if (::send(fd_.get(), request.data(), request.size(), 0) < 0) return Error::from_errno("ask sock_diag");
    buffer_.resize(kLargestPart);
    std::vector<DiagSocket> sockets;
    while (sockets.size() < kMostSockets) {
        const ssize_t size = ::recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return Error::from_errno("read the answer of sock_diag");
        if (static_cast<std::size_t>(size) > buffer_.size())
            return make_error("the answer of sock_diag is too long", EMSGSIZE);
        auto part = decode_diag(std::span(buffer_).first(static_cast<std::size_t>(size)), sequence_);
        if (!part) return part.error();
        sockets.insert(sockets.end(), part->sockets.begin(), part->sockets.end());
        if (!part->end) continue;
        if (*part->end != 0) return Error::from_errno("sock_diag", *part->end);
        return sockets;
    }
    return make_error("sock_diag names sockets without end", EOVERFLOW);
}

Result<std::vector<DiagSocket>> SockDiag::close_wait() {
    std::vector<DiagSocket> all;
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
        auto some = exchange(encode_close_wait_dump(family, ++sequence_));
        if (!some) return some.error().within("list the sockets in CLOSE_WAIT");
        all.insert(all.end(), some->begin(), some->end());
    }
    return all;
}

Status SockDiag::destroy(const DiagSocket& socket) {
    auto done = exchange(encode_destroy(socket, ++sequence_));
    if (!done) return done.error();
    return Ok{};
}

}  // namespace sockdog
