// The rules of the house, held against this source tree.
#include "house/house.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace sockdog::house {
namespace {

using testing::IsEmpty;
using testing::IsSupersetOf;

std::string list(const Breaches& breaches) {
    std::string text;
    for (const std::string& breach : breaches) text += "\n  " + breach;
    return text;
}

const House& this_house() {
    static const House house = read_house(std::filesystem::path(SOCKDOG_SOURCE_DIR) / "user");
    return house;
}

TEST(ThisHouse, WasReadAsItStands) {
    EXPECT_THAT(this_house().floors, IsSupersetOf({"base", "probe", "owner", "app"}));
    EXPECT_EQ(this_house().floors.front(), "base");
    EXPECT_EQ(this_house().rooms.at("owner").deps, std::vector<std::string>{"base"});
    const auto& files = this_house().files;
    const auto owner =
        std::ranges::find(files, std::string("owner/owner.h"), [](const SourceFile& f) { return f.name; });
    ASSERT_NE(owner, files.end());
    std::vector<std::string> paths;
    for (const Include& include : parse_includes(owner->text)) paths.push_back(include.path);
    EXPECT_THAT(paths, IsSupersetOf({"cstdint", "base/process_id.h"}));
}

TEST(ThisHouse, IncludesOnlyDownwards) {
    const Breaches breaches = check_floors(this_house());
    EXPECT_THAT(breaches, IsEmpty()) << list(breaches);
}

TEST(ThisHouse, KeepsEachLibraryInItsRoom) {
    const Breaches breaches = check_libraries(this_house());
    EXPECT_THAT(breaches, IsEmpty()) << list(breaches);
}

TEST(ThisHouse, HasNothingAtItsTopThatDoesNotBelongThere) {
    std::set<std::string> entries;
    for (const auto& entry : std::filesystem::directory_iterator(SOCKDOG_SOURCE_DIR)) {
        // A build folder is known by its cache, whatever its name.
        if (!std::filesystem::exists(entry.path() / "CMakeCache.txt")) {
            entries.insert(entry.path().filename().string());
        }
    }
    EXPECT_THAT(entries, IsSupersetOf({"CMakeLists.txt", "user", "tests"}));
    const Breaches breaches = check_top_level(entries);
    EXPECT_THAT(breaches, IsEmpty()) << list(breaches);
}

}  // namespace
}  // namespace sockdog::house
