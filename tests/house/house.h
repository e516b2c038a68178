// The rules of the house as pure functions: what they are given they judge, and say every breach in a
// sentence. The tests give them the source tree, and made-up trees in which each rule is broken.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sockdog::house {

struct Include {
    std::size_t line = 0;
    std::string path;  // without quotes or brackets
};
/// The #include lines of C++ text, those in comments left out.
std::vector<Include> parse_includes(std::string_view text);

/// A room's call of sockdog_room() in its CMakeLists.txt.
struct RoomRules {
    std::string name;
    std::vector<std::string> deps;
    std::vector<std::string> libs;
};
RoomRules parse_room(std::string_view cmake);
/// The arguments of add_subdirectory(), in order: the floors from the ground up.
std::vector<std::string> parse_floors(std::string_view cmake);

struct SourceFile {
    std::string name;  // "owner/owner.cpp"
    std::string text;
};

struct House {
    std::vector<std::string> floors;
    std::map<std::string, RoomRules> rooms;  // by folder
    std::vector<SourceFile> files;
};
/// Reads user/ of the source tree; a folder that cannot be read yields no files.
House read_house(const std::filesystem::path& user);

using Breaches = std::vector<std::string>;

/// Each room is on a floor of its own, depends on lower ones only, and includes no room but those it depends
/// on.
Breaches check_floors(const House& house);
/// Each third-party library is included and linked only in the rooms that may.
Breaches check_libraries(const House& house);
/// `entries`: the names at the top of the source tree.
Breaches check_top_level(const std::set<std::string>& entries);

}  // namespace sockdog::house
