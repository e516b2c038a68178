// Texts of the configuration as values: nothing where the text is not one. Pure (but user_id, which asks the
// user database). The expects_* functions put the allowed values into words, for messages and documentation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace sockdog {

std::optional<bool> parse_flag(std::string_view text);
/// Decimal digits only.
std::optional<std::uint64_t> parse_count(std::string_view text);
/// A count of bytes: "262144", "256KiB", "4MiB", "1GiB".
std::optional<std::uint64_t> parse_bytes(std::string_view text);
std::optional<double> parse_fraction(std::string_view text);
/// A uid, or the uid of a user of this host.
std::optional<std::uint32_t> parse_user(const std::string& text);

bool is_absolute_path(std::string_view text);
/// Names of policies and receivers: they become metric labels, file names and arguments.
bool is_name(std::string_view text);
inline constexpr const char* kNameExpected =
    "a name of up to 64 letters, digits, dots, dashes and underscores";
/// http or https, with a host, without blanks and control bytes.
bool is_web_url(std::string_view text);

std::string expects_count(std::uint64_t low, std::uint64_t high);
std::string expects_bytes(std::uint64_t low, std::uint64_t high);
/// The same without the power of two.
std::string expects_size(std::uint64_t low, std::uint64_t high);
std::string expects_duration(Duration low, Duration high);

}  // namespace sockdog
