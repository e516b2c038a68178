#include <algorithm>
#include <array>
#include <initializer_list>

#include "house/house.h"

namespace sockdog::house {

namespace {

std::string room_of(const SourceFile& file) {
    return file.name.substr(0, file.name.find('/'));
}

std::string place(const SourceFile& file, const Include& include) {
    return "user/" + file.name + ":" + std::to_string(include.line) + ": ";
}

std::string say(std::initializer_list<std::string_view> parts) {
    std::string sentence;
    for (const std::string_view part : parts) sentence += part;
    return sentence;
}

bool contains(const std::vector<std::string>& list, const std::string& word) {
    return std::ranges::find(list, word) != list.end();
}

std::string list_of(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text.empty() ? "none" : text;
}

void check_room(const House& house, const std::string& folder, const RoomRules& room, Breaches& breaches) {
    const std::string file = "user/" + folder + "/CMakeLists.txt: ";
    const auto floor = std::ranges::find(house.floors, folder);
    if (floor == house.floors.end()) {
        breaches.push_back(
            say({"user/", folder, ": no add_subdirectory(", folder, ") in user/CMakeLists.txt"}));
        return;
    }
    if (room.name != folder) breaches.push_back(say({file, "no sockdog_room(", folder, ")"}));
    for (const std::string& dep : room.deps) {
        const auto below = std::ranges::find(house.floors, dep);
        if (below == house.floors.end())
            breaches.push_back(say({file, "DEPS names ", dep, ", which is no room"}));
        if (below != house.floors.end() && below >= floor) {
            breaches.push_back(say({file, "DEPS names ", dep, ", which is not below ", folder}));
        }
    }
}

/// Where a library's headers start, the CMake target that links it, and who may use it.
struct Library {
    std::string_view headers;  // exact, or a beginning when it ends in '/', or an end when it starts with '.'
    std::string_view target;
    std::vector<std::string> rooms;

    [[nodiscard]] bool owns(std::string_view path) const {
        if (headers.ends_with('/')) return path.starts_with(headers);
        if (headers.starts_with('.')) return path.ends_with(headers);
        return path == headers;
    }
};

/// The first that owns a header decides.
const std::vector<Library>& libraries() {
    static const std::vector<Library> kLibraries = {
        {"bpf/", "PkgConfig::LIBBPF", {"probe"}},
        {".skel.h", "sockdog_bpf", {"probe"}},
        {"elfutils/", "PkgConfig::LIBDW", {"callsite"}},
        {"dwarf.h", "", {"callsite"}},
        {"systemd/sd-bus.h", "", {"remedy"}},
        {"systemd/sd-bus-protocol.h", "", {"remedy"}},
        {"systemd/sd-bus-vtable.h", "", {"remedy"}},
        {"systemd/sd-event.h", "", {"remedy", "query", "app"}},
        {"systemd/sd-journal.h", "", {"relay"}},
        {"systemd/", "PkgConfig::LIBSYSTEMD", {"remedy", "query", "relay", "app"}},
        {"curl/", "PkgConfig::LIBCURL", {"relay", "monit"}},
        {"expat.h", "PkgConfig::EXPAT", {"monit"}},
        {"openssl/", "PkgConfig::LIBCRYPTO", {"relay", "web"}},
        {"nats/", "PkgConfig::LIBNATS", {"relay"}},
        {"prometheus/", "PkgConfig::PROMETHEUS", {"web"}},
        // An HTTP server is the network: never in the privileged process.
        {"httplib.h", "PkgConfig::HTTPLIB", {"web"}},
        {"sqlite3.h", "PkgConfig::SQLITE3", {"store"}},
        {"yaml-cpp/", "yaml-cpp", {"config"}},
        {"CLI/", "CLI11::CLI11", {"cli", "app"}},
        {"ncurses.h", "PkgConfig::NCURSES", {"cli"}},
    };
    return kLibraries;
}

}  // namespace

Breaches check_floors(const House& house) {
    Breaches breaches;
    for (const std::string& floor : house.floors) {
        if (!house.rooms.contains(floor))
            breaches.push_back(say({"user/CMakeLists.txt: no folder user/", floor}));
    }
    for (const auto& [folder, room] : house.rooms) check_room(house, folder, room, breaches);
    for (const SourceFile& file : house.files) {
        const std::string here = room_of(file);
        const auto room = house.rooms.find(here);
        for (const Include& include : parse_includes(file.text)) {
            if (include.path.starts_with("..") || include.path.find("/../") != std::string::npos) {
                breaches.push_back(
                    say({place(file, include), "includes ", include.path, " past the room's door"}));
                continue;
            }
            const std::string there = include.path.substr(0, include.path.find('/'));
            if (there == here || there == include.path || !house.rooms.contains(there)) continue;
            if (room != house.rooms.end() && contains(room->second.deps, there)) continue;
            breaches.push_back(say({place(file, include), here, " includes ", include.path, ", but ", there,
                                    " is not in its DEPS"}));
        }
    }
    return breaches;
}

Breaches check_libraries(const House& house) {
    Breaches breaches;
    for (const SourceFile& file : house.files) {
        const std::string here = room_of(file);
        for (const Include& include : parse_includes(file.text)) {
            const auto library = std::ranges::find_if(
                libraries(), [&](const Library& candidate) { return candidate.owns(include.path); });
            if (library == libraries().end() || contains(library->rooms, here)) continue;
            breaches.push_back(say({place(file, include), here, " includes ", include.path,
                                    ", which is only for: ", list_of(library->rooms)}));
        }
    }
    for (const auto& [folder, room] : house.rooms) {
        for (const std::string& lib : room.libs) {
            const auto library = std::ranges::find(libraries(), lib, &Library::target);
            if (library == libraries().end() || contains(library->rooms, folder)) continue;
            breaches.push_back(say({"user/", folder, "/CMakeLists.txt: links ", lib,
                                    ", which is only for: ", list_of(library->rooms)}));
        }
    }
    return breaches;
}

Breaches check_top_level(const std::set<std::string>& entries) {
    static constexpr std::array<std::string_view, 12> kAllowed{
        "CMakeLists.txt", "CMakePresets.json", "bpf",       "user",    "tests",   "config", "systemd",
        "docs",           "scripts",           "README.md", "LICENSE", "LICENSES"};
    Breaches breaches;
    for (const std::string& entry : entries) {
        // What .gitignore leaves out, too: a checkout that is worked in has these.
        const bool is_build = entry.starts_with("build") || entry.starts_with("cmake-build-") ||
                              entry == "compile_commands.json";
        const bool is_allowed = std::ranges::find(kAllowed, entry) != kAllowed.end();
        if (!entry.starts_with('.') && !is_build && !is_allowed) {
            breaches.push_back(say({entry, " does not belong at the top of the source tree"}));
        }
    }
    return breaches;
}

}  // namespace sockdog::house
