#include "remedy/monit_settings.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "base/unique_fd.h"

namespace sockdog {
namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kUnix = "unix:";

bool is_port(std::string_view text) {
    unsigned port = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
    return code == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

/// "localhost" is no name to look up: curl since 7.78 takes it for the loopback addresses, as RFC 6761 says.
bool is_loopback(std::string_view host) {
    if (host == "localhost" || host == "[::1]") return true;
    in_addr address{};
    // Four decimal parts only: not "127.1", which others read differently.
    if (::inet_pton(AF_INET, std::string(host).c_str(), &address) != 1) return false;
    return (ntohl(address.s_addr) >> 24) == 127;
}

bool has_control_bytes(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

bool is_monit_url(std::string_view text) {
    if (has_control_bytes(text)) return false;
    if (text.starts_with(kUnix)) {
        const auto path = text.substr(kUnix.size());
        return path.starts_with('/') && path.size() < sizeof(sockaddr_un::sun_path);
    }
    if (!text.starts_with(kHttp)) return false;
    const auto authority = text.substr(kHttp.size());
    const auto colon = authority.rfind(':');
    return colon != std::string_view::npos && is_loopback(authority.substr(0, colon)) &&
           is_port(authority.substr(colon + 1));
}

bool is_world_readable(const std::filesystem::path& file) {
    struct stat info {};
    return ::stat(file.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0;
}

Result<MonitCredentials> read_monit_credentials(const std::filesystem::path& file) {
    if (file.empty()) return MonitCredentials{};
    const auto what = "credentials_file " + printable(file.string());
    // Not blocking: a pipe in place of the file would otherwise wait for a writer.
    const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return Error::from_errno("open " + what);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return Error::from_errno("stat " + what);
    if (!S_ISREG(info.st_mode)) return make_error(what + " is no regular file", EINVAL);
    if ((info.st_mode & (S_IROTH | S_IWOTH)) != 0)
        return make_error(what + " can be read or written by everybody; chmod 0600", EPERM);
    std::array<char, 1025> buffer{};
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0) return Error::from_errno("read " + what);
    std::string_view text(buffer.data(), static_cast<std::size_t>(n));
    if (text.size() == buffer.size()) return make_error(what + " is longer than 1 KiB", EFBIG);
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || has_control_bytes(text))
        return make_error(what + " is not one line \"user:password\"", EINVAL);
    return MonitCredentials{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

}  // namespace sockdog
