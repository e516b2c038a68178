#include "relay/sender.h"

#include <sys/utsname.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "incident/json.h"
#include "relay/digest.h"
#include "relay/small_file.h"

namespace sockdog {
namespace {

constexpr std::size_t kMachineIdLength = 32;
constexpr std::size_t kHostIdLength = 16;
constexpr std::size_t kFileLimit = 256;

/// machine-id(5) is 32 lower-case hex digits; "uninitialized" or nothing early in a first boot.
bool is_machine_id(std::string_view text) {
    return text.size() == kMachineIdLength &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos &&
           text.find_first_not_of('0') != std::string_view::npos;
}

Result<std::string> id_in(const std::filesystem::path& file) {
    auto content = read_small_file(file, kFileLimit);
    if (!content) return content.error();
    const std::string_view text = trim(*content);
    if (!is_machine_id(text)) return make_error(file.string() + ": holds no machine id");
    return std::string(text);
}

Result<std::string> machine_id(const std::filesystem::path& file, const std::filesystem::path& own_file) {
    if (auto id = id_in(file)) return id;
    if (auto id = id_in(own_file)) return id;
    auto fresh = random_hex(kMachineIdLength / 2);
    if (!fresh) return fresh.error();
    if (auto written = write_small_file(own_file, *fresh + "\n"); !written) return written.error();
    return fresh;
}

}  // namespace

Result<Sender> read_sender(const std::filesystem::path& machine_id_file,
                           const std::filesystem::path& own_id_file) {
    const auto id = machine_id(machine_id_file, own_id_file);
    if (!id) return id.error().within("host id");
    utsname names{};
    if (uname(&names) != 0) return Error::from_errno("uname");
    // The way sd_id128_get_machine_app_specific(3) goes: the id of the machine keys a hash of who asks.
    return Sender{hmac_sha256_hex(*id, "io.sockdog.relay").substr(0, kHostIdLength),
                  json_safe(names.nodename)};
}

std::string idempotency_key(const Sender& sender, const Revision& revision) {
    return sender.host_id + "-" + std::to_string(revision.number) + "-" +
           std::to_string(revision.at.time_since_epoch().count());
}

std::optional<WallTime> revision_time(const std::string& key) {
    const std::size_t dash = key.rfind('-');
    if (dash == std::string::npos || key.find('-') == dash) return std::nullopt;
    std::int64_t milliseconds = 0;
    const char* end = key.data() + key.size();
    const auto [rest, error] = std::from_chars(key.data() + dash + 1, end, milliseconds);
    if (error != std::errc{} || rest != end) return std::nullopt;
    return WallTime(std::chrono::milliseconds(milliseconds));
}

}  // namespace sockdog
