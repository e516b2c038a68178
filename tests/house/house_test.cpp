// The rules of the house, held against this source tree.
#include "house/house.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "command_output.h"

namespace sockdog::house {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

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

/// What a program is linked with, as readelf tells.
std::string needed_by(const std::string& program) {
    return fixtures::output_of("readelf -d " SOCKDOG_BINARY_DIR "/bin/" + program + " 2>&1").text;
}

TEST(ThisHouse, OnlyTheRelayIsLinkedWithWhatTalksToTheNetwork) {
    const std::vector<std::string> talking{"libcurl", "libnats", "libssl", "libcrypto", "httplib"};
    const std::string relay = needed_by("sockdog-relay");
    for (const std::string& library : talking)
        EXPECT_THAT(relay, HasSubstr(library)) << "this cannot be seen here";
    for (const char* program : {"sockdogd", "sockdog"}) {
        const std::string all = needed_by(program);
        EXPECT_THAT(all, HasSubstr("libbpf")) << program;
        for (const std::string& library : talking) EXPECT_THAT(all, Not(HasSubstr(library))) << program;
    }
}

TEST(ThisHouse, OnlyTheNamingHelperIsLinkedWithWhatReadsForeignElfFiles) {
    EXPECT_THAT(needed_by("sockdog-names"), HasSubstr("libdw")) << "this cannot be seen here";
    for (const char* program : {"sockdogd", "sockdog", "sockdog-relay", "sockdog-monit"})
        EXPECT_THAT(needed_by(program), Not(HasSubstr("libdw"))) << program;
    for (const char* program : {"sockdog-relay", "sockdog-monit", "sockdog-names"})
        EXPECT_THAT(needed_by(program), Not(HasSubstr("libbpf"))) << program;
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
