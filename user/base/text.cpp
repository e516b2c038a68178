#include "base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace sockdog {

namespace {

/// Edit distance where swapping two neighbours is one edit, as people's fingers do (optimal string
/// alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        before_last.swap(last);
        last.swap(row);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substituted = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, substituted});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before_last[j - 2] + 1);
            }
        }
    }
    return row[b.size()];
}

struct Unit {
    std::string_view name;
    std::int64_t nanoseconds;
};
/// From the largest down; a sum must name them in this order, so "1m30m" is seen as the slip it is.
constexpr std::array<Unit, 5> kUnits{{{"d", 86'400'000'000'000},
                                      {"h", 3'600'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"s", 1'000'000'000},
                                      {"ms", 1'000'000}}};

Error bad_duration(std::string_view text, std::string_view why) {
    constexpr std::size_t kShown = 64;  // a whole file pasted into a duration need not be repeated
    return make_error("\"" + printable(text.substr(0, kShown)) + "\" is not a duration: " + std::string(why));
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Length of the well-formed UTF-8 sequence at the front of `text` (Unicode table 3-7), 0 where there is
/// none.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80) return 0;
    }
    const unsigned second = byte(1);
    if (lead == 0xe0 && second < 0xa0) return 0;  // overlong
    if (lead == 0xed && second > 0x9f) return 0;  // surrogates
    if (lead == 0xf0 && second < 0x90) return 0;  // overlong
    if (lead == 0xf4 && second > 0x8f) return 0;  // above U+10FFFF
    return length;
}

std::uint32_t decode_utf8(std::string_view sequence) {
    static constexpr std::array<std::uint32_t, 5> kLeadMask{0, 0x7f, 0x1f, 0x0f, 0x07};
    std::uint32_t code = static_cast<unsigned char>(sequence[0]) & kLeadMask.at(sequence.size());
    for (const char c : sequence.substr(1)) code = (code << 6) | (static_cast<unsigned char>(c) & 0x3fU);
    return code;
}

/// Code points that steer a terminal or hide and reorder what stands around them: C0 and C1 controls,
/// zero-width and bidirectional marks, line and paragraph separators, the byte order mark.
bool is_unprintable(std::uint32_t code) {
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff;
}

void append_escaped(std::string& out, std::string_view bytes) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += "\\x";
        out += kHex[byte >> 4U];
        out += kHex[byte & 0xfU];
    }
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
    const std::size_t limit = 1 + word.size() / 3;
    const std::string* best = nullptr;
    std::size_t best_distance = limit + 1;
    for (const std::string& candidate : candidates) {
        const std::size_t longer = std::max(word.size(), candidate.size());
        const std::size_t shorter = std::min(word.size(), candidate.size());
        if (longer - shorter >= best_distance) continue;  // the distance is at least that
        const std::size_t distance = edit_distance(word, candidate);
        // Replacing every letter is no likeness: "a" is not a slip for "b".
        if (distance < best_distance && distance < longer) {
            best = &candidate;
            best_distance = distance;
        }
    }
    if (best == nullptr) return std::nullopt;
    return *best;
}

Result<Duration> parse_duration(std::string_view text) {
    if (text.empty()) return bad_duration(text, "it is empty; use for example 30s, 5m or 1h30m");
    std::int64_t total = 0;
    std::size_t next_unit = 0;
    for (std::string_view rest = text; !rest.empty();) {
        if (!is_digit(rest.front())) return bad_duration(text, "use for example 30s, 5m or 1h30m");
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
        if (error != std::errc{}) return bad_duration(text, "the number is too large");
        rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));

        const auto letters = static_cast<std::size_t>(std::ranges::find_if(rest, is_digit) - rest.begin());
        const std::string_view name = rest.substr(0, letters);
        if (name.empty()) return bad_duration(text, "the unit is missing (ms, s, m, h or d)");
        const auto* const unit = std::ranges::find(kUnits, name, &Unit::name);
        if (unit == kUnits.end()) return bad_duration(text, "units are ms, s, m, h and d");
        const auto index = static_cast<std::size_t>(unit - kUnits.begin());
        if (index < next_unit) return bad_duration(text, "name each unit once, the largest first");
        next_unit = index + 1;
        rest.remove_prefix(letters);

        std::int64_t part = 0;
        if (__builtin_mul_overflow(number, unit->nanoseconds, &part) ||
            __builtin_add_overflow(total, part, &total)) {
            return bad_duration(text, "it is longer than 292 years");
        }
    }
    return Duration{total};
}

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const std::string_view bytes = text.substr(0, std::max<std::size_t>(length, 1));
        if (length == 0 || is_unprintable(decode_utf8(bytes))) {
            append_escaped(out, bytes);
        } else {
            out += bytes;
        }
        text.remove_prefix(bytes.size());
    }
    return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> pieces;
    while (true) {
        const std::size_t at = text.find(separator);
        pieces.emplace_back(text.substr(0, at));
        if (at == std::string_view::npos) return pieces;
        text.remove_prefix(at + 1);
    }
}

std::string_view trim(std::string_view text) {
    static constexpr std::string_view kSpace = " \t\r\n\v\f";
    const std::size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string_view base_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

std::string hex_of(std::uint64_t number) {
    std::array<char, 16> digits;
    return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr};
}

std::string hex_of(std::span<const unsigned char> bytes) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const unsigned char byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 0xf];
    }
    return text;
}

}  // namespace sockdog
