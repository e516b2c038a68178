#include "cli/words.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>

#include <spdlog/fmt/fmt.h>

#include "base/text.h"

namespace sockdog {
namespace {

struct Range {
    char32_t first;
    char32_t last;
};

/// The blocks that terminals draw two columns wide; rare ones are left out (a table may then be a column
/// off).
constexpr std::array<Range, 9> kWide{{{0x1100, 0x115F},
                                      {0x2E80, 0xA4CF},
                                      {0xAC00, 0xD7A3},
                                      {0xF900, 0xFAFF},
                                      {0xFE30, 0xFE6F},
                                      {0xFF00, 0xFF60},
                                      {0xFFE0, 0xFFE6},
                                      {0x1F300, 0x1FAFF},
                                      {0x20000, 0x3FFFD}}};
constexpr std::array<Range, 4> kZero{
    {{0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}}};

template <std::size_t N>
bool within(const std::array<Range, N>& ranges, char32_t c) {
    return std::any_of(ranges.begin(), ranges.end(), [c](Range r) { return c >= r.first && c <= r.last; });
}

/// Bytes of the character that starts at `text[at]`, at least 1 whatever the bytes are.
std::size_t sequence_length(std::string_view text, std::size_t at) {
    std::size_t end = at + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) ++end;
    return end - at;
}

std::size_t character_width(std::string_view bytes) {
    const auto lead = static_cast<unsigned char>(bytes[0]);
    if (lead < 0x80) return 1;
    char32_t code = lead & (0x7FU >> bytes.size());
    for (std::size_t i = 1; i < bytes.size() && i < 4; ++i)
        code = code << 6 | (static_cast<unsigned char>(bytes[i]) & 0x3FU);
    if (within(kZero, code)) return 0;
    return within(kWide, code) ? 2 : 1;
}

std::tm local_time(WallTime t) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(t);
    const std::time_t value = seconds.time_since_epoch().count();
    std::tm parts{};
    ::localtime_r(&value, &parts);
    return parts;
}

}  // namespace

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = sequence_length(text, at);
        width += character_width(text.substr(at, length));
        at += length;
    }
    return width;
}

std::string clip(std::string_view text, std::size_t width, bool utf8) {
    if (text.size() <= width || display_width(text) <= width) return std::string(text);
    if (width == 0) return {};
    std::size_t used = 0;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t length = sequence_length(text, at);
        const std::size_t columns = character_width(text.substr(at, length));
        if (used + columns > width - 1) break;
        used += columns;
        at += length;
    }
    return std::string(text.substr(0, at)) + (utf8 ? "…" : "~");
}

std::string wrap(std::string_view text, std::size_t width, std::size_t indent) {
    std::string out;
    std::size_t column = indent;
    for (const std::string& word : split(text, ' ')) {
        if (word.empty()) continue;
        const std::size_t columns = display_width(word);
        if (!out.empty() && column + 1 + columns > width) {
            out += '\n' + std::string(indent, ' ');
            column = indent;
        } else if (!out.empty()) {
            out += ' ';
            ++column;
        }
        out += word;
        column += columns;
    }
    return out;
}

std::string count_of(std::uint64_t count, std::string_view noun) {
    std::string out = std::to_string(count) + ' ' + std::string(noun);
    if (count == 1) return out;
    return out + (noun.ends_with("ss") ? "es" : "s");
}

std::string format_bytes(std::uint64_t bytes) {
    constexpr std::array<const char*, 4> kUnits{"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) return std::to_string(bytes) + " B";
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < kUnits.size()) {
        value /= 1024;
        ++unit;
    }
    return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string format_rate(double per_minute) {
    if (!std::isfinite(per_minute) || std::abs(per_minute) < 0.05) return "0.0";
    return fmt::format("{:.1f}", per_minute);
}

std::string format_local(WallTime t) {
    const std::tm parts = local_time(t);
    std::array<char, 96> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S %Z", &parts)};
}

std::string format_clock(WallTime t) {
    const auto milliseconds = (t - std::chrono::floor<std::chrono::seconds>(t)).count();
    const std::tm parts = local_time(t);
    return fmt::format("{:02}:{:02}:{:02}.{:03}", parts.tm_hour, parts.tm_min, parts.tm_sec, milliseconds);
}

Duration seconds_of(double seconds) {
    constexpr double kLongest = 4e9;  // 126 years; well inside 64 bits of nanoseconds
    if (!(seconds > 0)) return Duration::zero();
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(seconds, kLongest)));
}

Duration between(WallTime start, WallTime end) {
    if (end <= start) return Duration::zero();
    return seconds_of(std::chrono::duration<double>(end - start).count());
}

Duration since(WallTime then, const Now& now) {
    return between(then, now.wall);
}

Duration since(MonoTime then, const Now& now) {
    return then >= now.mono ? Duration::zero() : now.mono - std::max(then, MonoTime{});
}

std::string format_since(const std::optional<MonoTime>& then, const Now& now) {
    return then ? format_duration(since(*then, now)) : "-";
}

}  // namespace sockdog
