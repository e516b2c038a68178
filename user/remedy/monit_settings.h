// Where monit is, and what it wants to hear before it obeys. Any thread; reads the file of the credentials.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace sockdog {

struct MonitSettings {
    // monit's own default port; BOSH's stemcells have 2822.
    std::string url = "http://127.0.0.1:2812";
    std::string credentials_file;  // "user:password", one line; empty: none
    // Of all requests of one action: on loopback an answer takes milliseconds, and a firewall that drops
    // never answers.
    Duration timeout = 5s;
};

/// http:// with 127.x.y.z, [::1] or localhost and a port, or unix: with an absolute path; nothing behind.
bool is_monit_url(std::string_view text);
inline constexpr const char* kMonitUrlExpected =
    "http://127.0.0.1:PORT (or another loopback address), or unix:/PATH of a socket";

/// False also where it cannot be told, as when there is no such file.
bool is_world_readable(const std::filesystem::path& file);

struct MonitCredentials {
    std::string user;
    std::string password;
};
/// Both empty without a file. Refuses a file that everybody may read or write, and one that is not one line
/// with a colon.
Result<MonitCredentials> read_monit_credentials(const std::filesystem::path& file);

}  // namespace sockdog
