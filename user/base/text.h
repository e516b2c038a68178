// Small text tools that several rooms share. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace sockdog {

/// The candidate nearest to `word` by edit distance, for "did you mean"; nothing where none is near (distance
/// > 1 + len/3).
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

/// "500ms", "10s", "5m", "2h", "7d", also sums as "1h30m" (largest unit first, each once); a bare number is
/// refused. Never negative; more than a Duration holds is an error.
Result<Duration> parse_duration(std::string_view text);

/// Printable copy for terminals and logs: control bytes and invalid UTF-8 become \xNN, and so do the code
/// points that move, hide or reorder text (C1, bidi marks, zero width). Hostile process names pass through
/// here. A backslash stays as it is: systemd's own names hold "\x2d" and operators copy them.
std::string printable(std::string_view text);

/// Every piece, empty ones included: n separators give n + 1 pieces, "" gives one empty piece.
std::vector<std::string> split(std::string_view text, char separator);
/// Without spaces, tabs and line ends at both ends; a view into `text`.
std::string_view trim(std::string_view text);
/// What follows the last slash, all of it without one; a view into `path`.
std::string_view base_name(std::string_view path);
/// Lower case, without leading zeros or "0x".
std::string hex_of(std::uint64_t number);
/// Two digits a byte.
std::string hex_of(std::span<const unsigned char> bytes);

}  // namespace sockdog
