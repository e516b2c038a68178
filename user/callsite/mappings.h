// The files that a process has mapped into its memory: /proc/PID/maps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sockdog {

struct Mapping {
    std::uint64_t start = 0;
    std::uint64_t end = 0;     // half open
    std::uint64_t offset = 0;  // in the file
    std::uint64_t device = 0;  // major << 32 | minor
    std::uint64_t inode = 0;
    bool readable = false;
    bool executable = false;
    bool deleted = false;  // the file was removed or replaced
    std::string path;      // as the process sees it; "[vdso]"; empty: memory without a file

    [[nodiscard]] bool is_file() const { return inode != 0 && path.starts_with('/'); }
    bool operator==(const Mapping&) const = default;
};

/// Lines that are not understood are left out, and so are those past the first 65,536.
std::vector<Mapping> parse_mappings(std::string_view maps);
/// Nothing where no file or other memory is.
const Mapping* find_mapping(const std::vector<Mapping>& mappings, std::uint64_t address);
}  // namespace sockdog
