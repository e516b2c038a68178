// Where the relay can be asked by HTTP, and by whom. Plain struct.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace sockdog {

struct WebSettings {
    std::string listen = "127.0.0.1:9743";  // address and port; empty: not at all
    std::string tls_certificate = {};       // PEM files, both or none
    std::string tls_key = {};
    std::string users_file = {};       // see PasswordFile; empty: everybody who reaches the port
    std::uint32_t max_services = 200;  // told apart in metrics
};

struct ListenAddress {
    std::string host;  // without brackets
    int port = 0;
    bool loopback = false;
};
/// "127.0.0.1:9743", "[::1]:9743", "0.0.0.0:9743".
std::optional<ListenAddress> parse_listen(const std::string& text);

/// Beyond loopback TLS and users are required: processes, units and peers are nobody's business. In words.
std::optional<std::string> unsafe_because(const WebSettings& settings);

}  // namespace sockdog
