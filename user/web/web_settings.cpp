#include "web/web_settings.h"

#include <arpa/inet.h>

#include <charconv>

namespace sockdog {

std::optional<ListenAddress> parse_listen(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) return std::nullopt;
    ListenAddress address;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, address.port);
    if (error != std::errc{} || stop != end || address.port < 1 || address.port > 65535) return std::nullopt;
    address.host = text.substr(0, colon);
    in_addr four{};
    if (::inet_pton(AF_INET, address.host.c_str(), &four) == 1) {
        address.loopback = (ntohl(four.s_addr) >> 24) == 127;
        return address;
    }
    if (!address.host.starts_with('[') || !address.host.ends_with(']')) return std::nullopt;
    address.host = address.host.substr(1, address.host.size() - 2);
    in6_addr six{};
    if (::inet_pton(AF_INET6, address.host.c_str(), &six) != 1) return std::nullopt;
    address.loopback = IN6_IS_ADDR_LOOPBACK(&six);
    return address;
}

std::optional<std::string> unsafe_because(const WebSettings& settings) {
    if (settings.tls_certificate.empty() != settings.tls_key.empty())
        return "tls_certificate and tls_key belong together";
    const auto address = parse_listen(settings.listen);
    if (!address || address->loopback) return std::nullopt;
    if (settings.tls_certificate.empty() || settings.users_file.empty())
        return "listen is no loopback address, and who may read what runs on this host and whom it talks to "
               "must then "
               "be said: it needs tls_certificate, tls_key and users_file";
    return std::nullopt;
}

}  // namespace sockdog
