#include "config/scalars.h"

#include <pwd.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <vector>

namespace sockdog {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t bytes;
};
constexpr std::array<Unit, 4> kUnits{{{"GiB", 1U << 30}, {"MiB", 1U << 20}, {"KiB", 1U << 10}, {"", 1}}};

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

template <typename Number>
std::optional<Number> parse_whole(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string bytes_text(std::uint64_t bytes) {
    for (const Unit& unit : kUnits) {
        if (bytes % unit.bytes == 0) return std::to_string(bytes / unit.bytes) + std::string(unit.name);
    }
    return std::to_string(bytes);
}

// One unit, as the file has it: "5m" rather than format_duration's "5m00s".
std::string duration_text(Duration duration) {
    struct Step {
        std::string_view unit;
        Duration length;
    };
    constexpr std::array<Step, 4> kSteps{{{"d", 24h}, {"h", 1h}, {"m", 1min}, {"s", 1s}}};
    for (const Step& step : kSteps) {
        if (duration % step.length == Duration::zero()) {
            return std::to_string(duration / step.length) + std::string(step.unit);
        }
    }
    return std::to_string(duration / 1ms) + "ms";
}

}  // namespace

std::optional<bool> parse_flag(std::string_view text) {
    for (const auto* word : {"true", "yes", "on"}) {
        if (equals_ignoring_case(text, word)) return true;
    }
    for (const auto* word : {"false", "no", "off"}) {
        if (equals_ignoring_case(text, word)) return false;
    }
    return std::nullopt;
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
    return parse_whole<std::uint64_t>(text);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    for (const Unit& unit : kUnits) {
        if (!text.ends_with(unit.name)) continue;
        const auto number = parse_count(text.substr(0, text.size() - unit.name.size()));
        if (!number || *number > std::numeric_limits<std::uint64_t>::max() / unit.bytes) return std::nullopt;
        return *number * unit.bytes;
    }
    return std::nullopt;
}

std::optional<double> parse_fraction(std::string_view text) {
    return parse_whole<double>(text);
}

std::optional<std::uint32_t> parse_user(const std::string& text) {
    if (const auto number = parse_whole<std::uint32_t>(text)) {
        // (uid_t)-1 means "no user" to the kernel.
        return *number == std::numeric_limits<std::uint32_t>::max() ? std::nullopt : number;
    }
    const long hint = ::sysconf(_SC_GETPW_R_SIZE_MAX);
    std::vector<char> buffer(hint > 0 ? static_cast<std::size_t>(hint) : 16384);
    passwd entry{};
    passwd* found = nullptr;
    // Directory services may hold long entries: grow, but not for ever.
    while (::getpwnam_r(text.c_str(), &entry, buffer.data(), buffer.size(), &found) == ERANGE) {
        if (buffer.size() > (1U << 20)) return std::nullopt;
        buffer.resize(buffer.size() * 2);
    }
    if (found == nullptr) return std::nullopt;
    return found->pw_uid;
}

bool is_absolute_path(std::string_view text) {
    constexpr std::size_t kPathMax = 4095;  // PATH_MAX less the NUL
    return text.starts_with('/') && text.size() <= kPathMax;
}

bool is_name(std::string_view text) {
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    constexpr std::size_t kLongest = 64;
    return !text.empty() && text.size() <= kLongest && text.find_first_not_of(kAllowed) == std::string::npos;
}

bool is_web_url(std::string_view text) {
    const auto scheme_end = text.find("://");
    if (scheme_end == std::string_view::npos) return false;
    const auto scheme = text.substr(0, scheme_end);
    if (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https")) return false;
    const auto rest = text.substr(scheme_end + 3);
    const auto host = rest.substr(0, rest.find_first_of("/?#"));
    const bool clean = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    return clean && !host.empty() && host.front() != ':' && host.back() != '@';
}

std::string expects_count(std::uint64_t low, std::uint64_t high) {
    return "a whole number from " + std::to_string(low) + " to " + std::to_string(high);
}

std::string expects_bytes(std::uint64_t low, std::uint64_t high) {
    return "a power of two from " + bytes_text(low) + " to " + bytes_text(high) + " (bytes, KiB, MiB or GiB)";
}

std::string expects_size(std::uint64_t low, std::uint64_t high) {
    return "a size from " + bytes_text(low) + " to " + bytes_text(high) + " (bytes, KiB, MiB or GiB)";
}

std::string expects_duration(Duration low, Duration high) {
    return "a duration from " + duration_text(low) + " to " + duration_text(high) +
           ", as 500ms, 10s, 5m, 2h or 7d";
}

}  // namespace sockdog
