#include "callsite/mappings.h"

#include <algorithm>
#include <charconv>

namespace sockdog {
namespace {

constexpr std::size_t kMostMappings = 65536;
constexpr std::string_view kDeleted = " (deleted)";

/// Takes a number off the front, and the one character that has to follow it.
std::optional<std::uint64_t> take_number(std::string_view& text, int base, char after) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (error != std::errc{} || end == text.data() + text.size() || *end != after) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    return number;
}

/// A line end in a path is written as "\012", as in all files of /proc.
std::string unescape(std::string_view path) {
    constexpr std::string_view kLineEnd = "\\012";
    std::string plain;
    for (std::size_t at = 0; at < path.size();) {
        const bool is_end = path.substr(at).starts_with(kLineEnd);
        plain += is_end ? '\n' : path[at];
        at += is_end ? kLineEnd.size() : 1;
    }
    return plain;
}

std::optional<Mapping> parse_line(std::string_view line) {
    Mapping mapping;
    const auto start = take_number(line, 16, '-');
    const auto end = start ? take_number(line, 16, ' ') : std::nullopt;
    if (!end || *start >= *end || line.size() < 5 || line[4] != ' ') return std::nullopt;
    mapping.readable = line[0] == 'r';
    mapping.executable = line[2] == 'x';
    line.remove_prefix(5);
    const auto offset = take_number(line, 16, ' ');
    const auto major = offset ? take_number(line, 16, ':') : std::nullopt;
    const auto minor = major ? take_number(line, 16, ' ') : std::nullopt;
    if (!minor) return std::nullopt;
    const std::size_t digits = std::min(line.find(' '), line.size());
    if (std::from_chars(line.data(), line.data() + digits, mapping.inode).ec != std::errc{})
        return std::nullopt;
    line.remove_prefix(digits);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (line.ends_with(kDeleted)) {
        mapping.deleted = true;
        line.remove_suffix(kDeleted.size());
    }
    mapping.start = *start;
    mapping.end = *end;
    mapping.offset = *offset;
    mapping.device = *major << 32 | *minor;
    mapping.path = unescape(line);
    return mapping;
}

}  // namespace

std::vector<Mapping> parse_mappings(std::string_view maps) {
    std::vector<Mapping> mappings;
    while (!maps.empty() && mappings.size() < kMostMappings) {
        const std::size_t end = std::min(maps.find('\n'), maps.size());
        if (auto mapping = parse_line(maps.substr(0, end))) mappings.push_back(std::move(*mapping));
        maps.remove_prefix(std::min(end + 1, maps.size()));
    }
    return mappings;
}

const Mapping* find_mapping(const std::vector<Mapping>& mappings, std::uint64_t address) {
    const auto found = std::ranges::find_if(
        mappings, [&](const Mapping& mapping) { return address >= mapping.start && address < mapping.end; });
    return found == mappings.end() ? nullptr : &*found;
}

}  // namespace sockdog
