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

/// The candidate nearest to `word` by edit distance, for "did you mean"; nothing where none is near (distance > 1 + len/3).
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

/// "500ms", "10s", "5m", "2h", "7d", also sums as "1h30m"; a bare number is refused. Never negative.
Result<Duration> parse_duration(std::string_view text);

/// Printable copy for terminals and logs: control bytes and invalid UTF-8 become \xNN. Hostile process names pass through here.
std::string printable(std::string_view text);

std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);

}  // namespace sockdog
