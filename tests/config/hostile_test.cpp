// Files that want to take the memory or the time of their reader. Each must end soon, with a message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.h"

namespace sockdog::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::SizeIs;

std::string repeated(std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

TEST(HostileConfig, DeepNestingEndsAtABound) {
    for (const std::string_view open : {"[", "{", "? ", "- "}) {
        const auto told = complaints(repeated(open, 100'000));
        EXPECT_THAT(told, Contains(HasSubstr("nested too deeply"))) << open;
    }
}

TEST(HostileConfig, AliasesThatMultiplyEndAtABound) {
    std::string yaml =
        "books: &l0 {max_sockets: 2048}\nremedies: &l1 {<<: [" + repeated("*l0,", 300) + "]}\n";
    for (int level = 2; level < 6; ++level) {
        const auto below = "*l" + std::to_string(level - 1) + ",";
        yaml += "k" + std::to_string(level) + ": &l" + std::to_string(level) + " {<<: [" +
                repeated(below, 300) + "]}\n";
    }
    yaml += "defaults: {<<: *l5}\n";
    EXPECT_THAT(complaints(yaml), Contains(HasSubstr("aliases and lists unfold to too many values")));
}

TEST(HostileConfig, AListOfAliasesEndsAtABound) {
    const auto told =
        complaints("policies:\n- &p {name: a, match: {unit: x}}\n" + repeated("- *p\n", 50'000));
    EXPECT_THAT(told, Contains(HasSubstr("too many policies; allowed are 1000")));
}

TEST(HostileConfig, AThousandMistakesAreToldInAHundredLines) {
    std::string yaml;
    for (int i = 0; i < 20'000; ++i) yaml += "key" + std::to_string(i) + ": 1\n";
    const auto told = complaints(yaml);
    EXPECT_THAT(told, SizeIs(101));
    EXPECT_EQ(told.back(), "and at least 900 more");
}

TEST(HostileConfig, LongValuesAreCutAndBytesShownAsTheyAre) {
    const auto told = complaints("tick: \"" + repeated("x", 500'000) + "\"\nlog_level: \xff\xfe\n");
    ASSERT_THAT(told, SizeIs(2));
    EXPECT_LT(told[0].size(), 250U);
    EXPECT_THAT(told[1], HasSubstr("log_level is \"\\xff\\xfe\""));
}

TEST(HostileConfig, NamesOfFilesCannotForgeLines) {
    const auto config = parse_config("tik: 1\n", "a\nb:1:1: fine");
    ASSERT_FALSE(config.ok());
    EXPECT_THAT(config.error().message, HasSubstr("a\\x0ab:1:1: fine:1:1: unknown key"));
}

TEST(HostileConfig, EveryBeginningOfAGoodFileIsReadOrRefused) {
    const std::string yaml =
        read_source("config/sockdog.yaml").substr(0, 1500) +
        "\ntick: &t 5s\npolicies: [{name: \"a\\x41\", match: {unit: 'b*'}}]\nstate_dir: |\n  /x\n";
    for (std::size_t length = 0; length < yaml.size(); ++length) {
        const auto config = parse_config(yaml.substr(0, length), "t");
        if (config.ok()) continue;
        EXPECT_THAT(config.error().message, HasSubstr("t:")) << length;
    }
}

}  // namespace
}  // namespace sockdog::test
