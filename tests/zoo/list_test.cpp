// zoo.json and the folder of the animals agree.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "zoo/animal.h"

namespace sockdog::zoo {
namespace {

/// The first words of a program: "Leaks", "Healthy" or "Churns".
std::string confession(const std::filesystem::path& source) {
    std::ifstream in(source);
    std::string line;
    std::getline(in, line);
    const std::size_t from = line.find_first_not_of("/#\" ");
    return from == std::string::npos ? "" : line.substr(from, line.find(':') - from);
}

TEST(List, NamesEachAnimalOnceAndEveryProgramOfTheFolder) {
    const Zoo zoo = load_zoo();
    std::set<std::string> names, sources;
    for (const Animal& animal : zoo.animals) {
        EXPECT_TRUE(names.insert(animal.name).second) << animal.name;
        sources.insert(animal.source);
    }
    for (const auto& file : std::filesystem::directory_iterator(zoo.folder / "animals")) {
        if (file.path().extension() == ".h") continue;
        EXPECT_EQ(sources.erase(file.path().filename()), 1U) << file.path();
    }
    EXPECT_TRUE(sources.empty()) << *sources.begin();
}

TEST(List, SaysOfEachWhatItsProgramSaysOfItself) {
    const Zoo zoo = load_zoo();
    for (const Animal& animal : zoo.animals) {
        const std::string expected = animal.healthy()          ? "Healthy"
                                     : animal.truth == "churn" ? "Churns"
                                                               : "Leaks";
        EXPECT_EQ(confession(zoo.folder / "animals" / animal.source), expected) << animal.name;
    }
}

TEST(List, SaysWhatALanguageIsMissing) {
    EXPECT_EQ(missing_for({.needs = {"/bin/sh"}, .check = {}, .build = {}, .run = {}}), std::nullopt);
    EXPECT_EQ(missing_for({.needs = {"/bin/sh", "/nowhere/perl"}, .check = {}, .build = {}, .run = {}}),
              "needs /nowhere/perl");
    EXPECT_EQ(
        missing_for({.needs = {"/bin/sh"}, .check = {"/bin/sh", "-c", "exit 0"}, .build = {}, .run = {}}),
        std::nullopt);
    EXPECT_EQ(
        missing_for({.needs = {"/bin/sh"}, .check = {"/bin/sh", "-c", "exit 1"}, .build = {}, .run = {}}),
        "fails: /bin/sh -c exit 1");
}

}  // namespace
}  // namespace sockdog::zoo
