// The baseline: leaks that are known and do not count, each with its reason. Any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "run/leak.h"

namespace sockdog {

struct IgnoreEntry {
    std::string site;  // a glob on "file:line function" or on the function
    std::optional<RunClass> leak_class;
    std::string endpoint;              // a glob, as "127.0.0.1:*"; empty: any
    std::optional<std::uint32_t> max;  // sockets that it covers; nothing: all
    std::string reason;
    int line = 0;
    std::uint32_t used = 0;  // leaks that it took
};

struct IgnoreList {
    std::string file;
    std::vector<IgnoreEntry> entries;

    /// The entry that covers this leak, counted as used; null where none does. The first that fits and is
    /// not used up.
    const IgnoreEntry* take(const Leak& leak);
};

/// Errors name every mistake as "file:line:column: ...", one a line.
Result<IgnoreList> parse_ignores(std::string_view text, const std::string& name);
/// Of a file of at most 1 MiB.
Result<IgnoreList> load_ignores(const std::filesystem::path& file);

}  // namespace sockdog
