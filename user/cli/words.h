// Small pieces of English and their widths on a terminal. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "cli/style.h"

namespace sockdog {

/// Terminal columns that valid UTF-8 takes: combining marks 0, East Asian wide and emoji 2, the rest 1.
std::size_t display_width(std::string_view text);
/// At most `width` columns of `text`, the last one an ellipsis where something was cut off.
std::string clip(std::string_view text, std::size_t width, bool utf8);
/// Words of `text` on lines of at most `width` columns, each line but the first behind `indent` spaces. Ends
/// without newline.
std::string wrap(std::string_view text, std::size_t width, std::size_t indent);

/// "1 connection", "57 connections".
std::string count_of(std::uint64_t count, std::string_view noun);
/// "11.8 MiB".
std::string format_bytes(std::uint64_t bytes);
/// "12.0", for rates; never "-0.0".
std::string format_rate(double per_minute);
/// "2026-11-22 20:12:05 CET": local time with its zone.
std::string format_local(WallTime t);
/// "20:12:05.123", for streams.
std::string format_clock(WallTime t);

/// A duration from foreign JSON or arithmetic; out of range becomes the nearest that format_duration can
/// show.
Duration seconds_of(double seconds);
/// From `start` to `end`, never negative; clamped like seconds_of, since foreign times may be millennia
/// apart.
Duration between(WallTime start, WallTime end);
/// Time since `then`, never negative.
Duration since(WallTime then, const Now& now);
Duration since(MonoTime then, const Now& now);
/// format_duration of what is known, "-" otherwise.
std::string format_since(const std::optional<MonoTime>& then, const Now& now);

}  // namespace sockdog
