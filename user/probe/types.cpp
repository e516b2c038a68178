#include "probe/types.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <numeric>

namespace sockdog {
namespace {

constexpr std::array<std::string_view, kTcpStateCount> kStateNames = {
    "UNKNOWN",   "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
    "TIME_WAIT", "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING"};
constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_v4_mapped(const Endpoint& endpoint) {
    return endpoint.family == AF_INET6 &&
           std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), endpoint.address.begin());
}

}  // namespace

std::string_view to_string(TcpState state) {
    const auto index = static_cast<std::size_t>(state);
    return index < kStateNames.size() ? kStateNames[index] : kStateNames[0];
}

std::optional<TcpState> tcp_state_from(std::string_view name) {
    const auto* found = std::find(kStateNames.begin(), kStateNames.end(), name);
    if (found == kStateNames.end()) return std::nullopt;
    return static_cast<TcpState>(found - kStateNames.begin());
}

std::string_view to_string(SocketRole role) {
    switch (role) {
        case SocketRole::kOpened:
            return "opened";
        case SocketRole::kAccepted:
            return "accepted";
        case SocketRole::kListening:
            return "listening";
        case SocketRole::kUnknown:
            break;
    }
    return "unknown";
}

std::string_view to_string(Attribution attribution) {
    switch (attribution) {
        case Attribution::kCaller:
            return "caller";
        case Attribution::kListener:
            return "listener";
        case Attribution::kHolder:
            return "holder";
        case Attribution::kMoved:
            return "moved";
        case Attribution::kInherited:
            return "inherited";
        case Attribution::kNone:
            break;
    }
    return "none";
}

std::string_view to_string(SyscallFailures when) {
    switch (when) {
        case SyscallFailures::kNever:
            return "never";
        case SyscallFailures::kSuspects:
            return "suspects";
        case SyscallFailures::kAlways:
            return "always";
    }
    return "unknown";
}

std::string_view to_string(KeepBooks how) {
    switch (how) {
        case KeepBooks::kNever:
            return "never";
        case KeepBooks::kRestart:
            return "restart";
        case KeepBooks::kAlways:
            return "always";
    }
    return "unknown";
}

std::uint32_t Gauges::total() const {
    return std::accumulate(sockets.begin(), sockets.end(), 0U);
}

std::string Endpoint::to_string() const {
    char text[INET6_ADDRSTRLEN] = "";
    const std::string port_text = port ? std::to_string(port) : "*";
    const bool wildcard =
        std::all_of(address.begin(), address.end(), [](std::uint8_t byte) { return byte == 0; });
    if (family == 0 || wildcard) return "*:" + port_text;
    if (family == AF_INET || is_v4_mapped(*this)) {
        const std::uint8_t* bytes = family == AF_INET ? address.data() : address.data() + 12;
        inet_ntop(AF_INET, bytes, text, sizeof text);
        return std::string(text) + ":" + port_text;
    }
    inet_ntop(AF_INET6, address.data(), text, sizeof text);
    return "[" + std::string(text) + "]:" + port_text;
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    Endpoint endpoint;
    if (port != "*") {
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
        if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;
    }
    if (host == "*") return endpoint;
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
        endpoint.family = AF_INET6;
    } else {
        endpoint.family = AF_INET;
    }
    if (inet_pton(endpoint.family, std::string(host).c_str(), endpoint.address.data()) != 1)
        return std::nullopt;
    return endpoint;
}

}  // namespace sockdog
