#include "callsite/perf_map.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "callsite/process_file.h"

namespace sockdog {
namespace {

constexpr std::size_t kMostEntries = 1'000'000;
constexpr std::size_t kMostMapBytes = 64U << 20;
constexpr std::size_t kMostSymbolBytes = 1024;

/// As perf's documentation has it, or with the "0x" that the JVM puts in front.
std::optional<std::uint64_t> take_hex(std::string_view& line) {
    if (line.starts_with("0x")) line.remove_prefix(2);
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number, 16);
    if (error != std::errc{} || end == line.data() + line.size() || *end != ' ') return std::nullopt;
    line.remove_prefix(static_cast<std::size_t>(end - line.data()) + 1);
    return number;
}

/// Of NSpid, the innermost namespace is last.
std::string own_pid(const ProcRoot& proc, ProcessId process) {
    const auto status = proc.read(process.pid, "status");
    if (!status) return std::to_string(process.pid);
    for (const std::string& line : split(*status, '\n'))
        if (line.starts_with("NSpid:")) return line.substr(line.find_last_of(" \t") + 1);
    return std::to_string(process.pid);
}

}  // namespace

PerfMap PerfMap::parse(std::string_view text) {
    PerfMap map;
    while (!text.empty() && map.entries_.size() < kMostEntries) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const auto start = take_hex(line);
        const auto bytes = start ? take_hex(line) : std::nullopt;
        if (!bytes || line.empty() || *bytes == 0) continue;
        map.entries_.push_back({*start, *bytes, std::string(line.substr(0, kMostSymbolBytes))});
    }
    std::ranges::stable_sort(map.entries_, {}, &Entry::start);
    return map;
}

std::string_view PerfMap::find(std::uint64_t address) const {
    const auto after = std::ranges::upper_bound(entries_, address, {}, &Entry::start);
    if (after == entries_.begin()) return {};
    const Entry& entry = *std::prev(after);
    return address - entry.start < entry.bytes ? std::string_view(entry.name) : std::string_view();
}

Result<UniqueFd> open_perf_map(const ProcRoot& proc, ProcessId process) {
    return open_in_root(proc, process, "/tmp/perf-" + own_pid(proc, process) + ".map");
}

PerfMap read_perf_map(const ProcRoot& proc, ProcessId process) {
    const auto fd = open_perf_map(proc, process);
    if (!fd) return {};
    std::string text;
    char block[65536];
    while (text.size() < kMostMapBytes) {
        const ssize_t got = ::read(fd->get(), block, sizeof block);
        if (got <= 0) break;
        text.append(block, static_cast<std::size_t>(got));
    }
    return PerfMap::parse(text);
}

}  // namespace sockdog
