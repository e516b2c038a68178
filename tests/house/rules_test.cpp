// The rules themselves, on made-up houses: each must be seen to fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "house/house.h"

namespace sockdog::house {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> paths(std::string_view text) {
    std::vector<std::string> found;
    for (const Include& include : parse_includes(text)) found.push_back(include.path);
    return found;
}

/// base, owner above it, app on top; app does not use owner.
House sound_house() {
    House house;
    house.floors = {"base", "owner", "app"};
    house.rooms["base"] = {.name = "base", .deps = {}, .libs = {"Threads::Threads"}};
    house.rooms["owner"] = {.name = "owner", .deps = {"base"}, .libs = {}};
    house.rooms["app"] = {.name = "app", .deps = {"base"}, .libs = {"CLI11::CLI11"}};
    house.files = {
        {"base/text.h", "#include <string>\n#include \"base/time.h\"\n"},
        {"owner/owner.h", "#include \"base/text.h\"\n#include \"bosh.h\"\n#include <sys/stat.h>\n"},
        {"app/main.cpp", "#include <CLI/CLI.hpp>\n#include \"base/text.h\"\n"}};
    return house;
}

TEST(Includes, AreFoundHoweverTheyAreWritten) {
    EXPECT_THAT(paths("#include <a/b.h>\n  #  include\t\"c.h\"  // why\n#include\"d.h\"\n#include <e.h>"),
                ElementsAre("a/b.h", "c.h", "d.h", "e.h"));
    EXPECT_EQ(parse_includes("\n/* two\nlines */ \n#include <a.h>").at(0).line, 4U);
}

TEST(Includes, InCommentsAndOtherWordsAreNone) {
    EXPECT_THAT(paths("// #include <a.h>\n/*\n#include <b.h>\n*/\n#define include <c.h>\n"), IsEmpty());
    EXPECT_THAT(paths("const char* s = \"#include <a.h>\";\n#include\n#include <b.h\n#includes\n#"),
                IsEmpty());
    EXPECT_THAT(paths("const char* url = \"http://x\"; /*\" */\n#include <a.h>\n"), ElementsAre("a.h"));
}

TEST(RoomFile, TellsNameDepsAndLibs) {
    const RoomRules room = parse_room(
        "# sockdog_room(no DEPS no)\n"
        "sockdog_room(app DEPS base # owner\n  probe\n  LIBS PkgConfig::X CLI11::CLI11)\n"
        "sockdog_program(sockdog main.cpp)\n");
    EXPECT_EQ(room.name, "app");
    EXPECT_THAT(room.deps, ElementsAre("base", "probe"));
    EXPECT_THAT(room.libs, ElementsAre("PkgConfig::X", "CLI11::CLI11"));
    EXPECT_EQ(parse_room("").name, "");
    EXPECT_EQ(parse_room("sockdog_room(").name, "");
    EXPECT_THAT(parse_room("sockdog_room(base LIBS x)").deps, IsEmpty());
}

TEST(FloorFile, TellsTheFloorsInOrder) {
    EXPECT_THAT(parse_floors("# add_subdirectory(no)\nadd_subdirectory(base)\nadd_subdirectory( probe )\n"),
                ElementsAre("base", "probe"));
    EXPECT_THAT(parse_floors("add_subdirectory("), IsEmpty());
}

TEST(Floors, OfASoundHouseAreSound) {
    EXPECT_THAT(check_floors(sound_house()), IsEmpty());
}

TEST(Floors, RefuseAnIncludeOfARoomAbove) {
    House house = sound_house();
    house.files.push_back({"base/bad.cpp", "\n#include \"owner/owner.h\"\n"});
    EXPECT_THAT(check_floors(house),
                ElementsAre(HasSubstr("user/base/bad.cpp:2: base includes owner/owner.h")));
}

TEST(Floors, RefuseAnIncludeOfARoomThatIsNotInDeps) {
    House house = sound_house();
    house.files.push_back({"app/bad.cpp", "#include <owner/owner.h>\n"});
    EXPECT_THAT(check_floors(house), ElementsAre(HasSubstr("owner is not in its DEPS")));
}

TEST(Floors, RefuseAWayAroundTheDoor) {
    for (const char* path : {"../owner/owner.h", "base/../owner/owner.h"}) {
        House house = sound_house();
        house.files.push_back({"base/bad.h", "#include \"" + std::string(path) + "\"\n"});
        EXPECT_THAT(check_floors(house), ElementsAre(HasSubstr("past the room's door"))) << path;
    }
}

TEST(Floors, RefuseDepsThatPointUpOrNowhere) {
    House house = sound_house();
    house.rooms["base"].deps = {"owner"};
    EXPECT_THAT(check_floors(house), ElementsAre(HasSubstr("owner, which is not below base")));
    house.rooms["base"].deps = {"base"};
    EXPECT_THAT(check_floors(house), ElementsAre(HasSubstr("base, which is not below base")));
    house.rooms["base"].deps = {"cellar"};
    EXPECT_THAT(check_floors(house), ElementsAre(HasSubstr("cellar, which is no room")));
}

TEST(Floors, RefuseARoomWithoutAFloorAndAFloorWithoutARoom) {
    House house = sound_house();
    house.rooms["attic"] = {.name = "attic", .deps = {}, .libs = {}};
    house.floors.emplace_back("cellar");
    EXPECT_THAT(check_floors(house),
                ElementsAre(HasSubstr("no folder user/cellar"), HasSubstr("no add_subdirectory(attic)")));
}

TEST(Floors, RefuseARoomUnderAnotherName) {
    House house = sound_house();
    house.rooms["owner"].name = "owners";
    EXPECT_THAT(check_floors(house), ElementsAre(HasSubstr("no sockdog_room(owner)")));
}

TEST(Libraries, OfASoundHouseAreInTheirRooms) {
    EXPECT_THAT(check_libraries(sound_house()), IsEmpty());
}

struct Case {
    std::string header;
    std::vector<std::string> rooms;  // that may include it
};

TEST(Libraries, MayBeIncludedInTheirRoomsAndNowhereElse) {
    const std::vector<std::string> all = {"base",  "probe", "owner", "detect", "incident", "store", "remedy",
                                          "monit", "query", "relay", "web",    "config",   "cli",   "app"};
    const std::vector<Case> cases = {
        {"bpf/libbpf.h", {"probe"}},
        {"bpf/bpf.h", {"probe"}},
        {"sockdog.skel.h", {"probe"}},
        {"systemd/sd-bus.h", {"remedy"}},
        {"systemd/sd-event.h", {"remedy", "query", "app"}},
        {"systemd/sd-daemon.h", {"remedy", "query", "relay", "app"}},
        {"systemd/sd-journal.h", {"relay"}},
        {"curl/curl.h", {"relay", "monit"}},
        {"expat.h", {"monit"}},
        {"openssl/hmac.h", {"relay", "web"}},
        {"httplib.h", {"web"}},
        {"nats/nats.h", {"relay"}},
        {"prometheus/metric_family.h", {"web"}},
        {"sqlite3.h", {"store"}},
        {"yaml-cpp/yaml.h", {"config"}},
        {"CLI/CLI.hpp", {"cli", "app"}},
        {"ncurses.h", {"cli"}},
        {"spdlog/spdlog.h", all},
        {"nlohmann/json.hpp", all},
        {"sys/socket.h", all},
    };
    for (const Case& c : cases) {
        std::vector<std::string> allowed;
        for (const std::string& room : all) {
            House house;
            house.files = {{room + "/x.cpp", "#include <" + c.header + ">\n"}};
            const Breaches breaches = check_libraries(house);
            if (breaches.empty()) allowed.push_back(room);
            if (!breaches.empty()) {
                EXPECT_THAT(breaches, ElementsAre(HasSubstr("user/" + room + "/x.cpp:1: ")));
            }
        }
        std::vector<std::string> expected = c.rooms;
        EXPECT_THAT(allowed, testing::UnorderedElementsAreArray(expected)) << c.header;
    }
}

TEST(Libraries, MayBeLinkedInTheirRoomsAndNowhereElse) {
    for (const std::string lib :
         {"PkgConfig::LIBBPF", "sockdog_bpf", "PkgConfig::LIBSYSTEMD", "PkgConfig::LIBCURL",
          "PkgConfig::LIBCRYPTO", "PkgConfig::EXPAT", "PkgConfig::SQLITE3", "yaml-cpp", "CLI11::CLI11"}) {
        House house = sound_house();
        house.rooms["owner"].libs = {lib};
        EXPECT_THAT(check_libraries(house),
                    ElementsAre(HasSubstr("user/owner/CMakeLists.txt: links " + lib)));
    }
}

TEST(TopLevel, HoldsOnlyWhatBelongsThere) {
    EXPECT_THAT(
        check_top_level({"CMakeLists.txt", "CMakePresets.json", "bpf", "user", "tests", "config", "systemd",
                         "docs", "scripts", "README.md", "LICENSE", "LICENSES", ".git", ".clang-format",
                         "build", "build-asan", "compile_commands.json", "cmake-build-debug"}),
        IsEmpty());
    EXPECT_THAT(
        check_top_level({"src", "user", "notes.txt", "bpf2", "readme.md"}),
        ElementsAre(HasSubstr("bpf2"), HasSubstr("notes.txt"), HasSubstr("readme.md"), HasSubstr("src")));
}

class ReadHouse : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "sockdog_house_XXXXXX";
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        user_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(user_); }
    void write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories((user_ / name).parent_path());
        std::ofstream(user_ / name) << text;
    }
    std::filesystem::path user_;
};

TEST_F(ReadHouse, FindsBreachesInFilesOnDisk) {
    write("CMakeLists.txt", "add_subdirectory(base)\nadd_subdirectory(owner)\n");
    write("base/CMakeLists.txt", "sockdog_room(base)\n");
    write("base/deep/up.cpp", "#include \"owner/owner.h\"\n#include <sqlite3.h>\n");
    write("owner/CMakeLists.txt", "sockdog_room(owner DEPS base)\n");
    write("owner/owner.h", "#include \"base/text.h\"\n");
    write("owner/notes.md", "#include \"app/app.h\"\n");
    const House house = read_house(user_);
    ASSERT_EQ(house.files.size(), 2U);
    EXPECT_THAT(check_floors(house), ElementsAre(HasSubstr("user/base/deep/up.cpp:1: ")));
    EXPECT_THAT(check_libraries(house), ElementsAre(HasSubstr("user/base/deep/up.cpp:2: ")));
}

TEST_F(ReadHouse, OfNothingIsEmpty) {
    const House house = read_house(user_ / "nowhere");
    EXPECT_THAT(house.floors, IsEmpty());
    EXPECT_THAT(house.files, IsEmpty());
}

}  // namespace
}  // namespace sockdog::house
