// Which policy is for which process.
#include <gtest/gtest.h>

#include "support.h"

namespace sockdog::test {
namespace {

Owner web() {
    Owner owner;
    owner.executable = "/opt/web/bin/server";
    owner.command_line = "/opt/web/bin/server --role=frontend -v";
    owner.uid = 33;
    owner.cgroup = "/system.slice/web-1.service";
    owner.unit = "web-1.service";
    owner.container_id = "3f2a9c0000000000000000000000000000000000000000000000000000000001";
    return owner;
}

struct Case {
    const char* match;
    bool expected;
};

class PolicyMatching : public testing::TestWithParam<Case> {};

TEST_P(PolicyMatching, IsAsWritten) {
    const auto config = parsed(std::string("policies: [{name: a, match: {") + GetParam().match + "}}]");
    ASSERT_EQ(config.policies.size(), 1U);
    EXPECT_EQ(matches(config.policies[0].match, web()), GetParam().expected) << GetParam().match;
}

INSTANTIATE_TEST_SUITE_P(
    Table, PolicyMatching,
    testing::Values(Case{"unit: web-1.service", true}, Case{"unit: \"web-*\"", true},
                    Case{"unit: \"web-[2-9]*\"", false}, Case{"unit: web", false},
                    Case{"unit: \"WEB-*\"", false}, Case{"executable: \"/opt/*/server\"", true},
                    Case{"executable: \"*\"", true}, Case{"executable: server", false},
                    Case{"command_line: \"*--role=frontend*\"", true},
                    Case{"command_line: \"*--role=backend*\"", false}, Case{"uid: 33", true},
                    Case{"uid: root", false}, Case{"cgroup: \"/system.slice/*\"", true},
                    Case{"cgroup: \"/user.slice/*\"", false}, Case{"container: 3f2a9c", true},
                    Case{"container: 2a9c", false}, Case{"container: \"*0001\"", true},
                    Case{"unit: \"web-*\", uid: 33", true}, Case{"unit: \"web-*\", uid: 34", false}));

TEST(PolicyMatch, AnUnknownFieldMatchesNoPatternButTheOneForEverything) {
    Owner unknown;
    PolicyMatch match;
    match.container = "3f";
    EXPECT_FALSE(matches(match, unknown));
    match.container = "*";
    EXPECT_FALSE(matches(match, unknown)) << "\"*\" means any container, and this is none";
    PolicyMatch all;
    all.executable = "*";
    EXPECT_TRUE(matches(all, unknown));
}

TEST(PolicyMatch, HostileCommandLinesNeitherHangNorEscape) {
    Owner owner;
    owner.command_line = std::string(1 << 20, 'a') + "\xff\n*[";
    PolicyMatch match;
    match.command_line = "*a*a*a*a*a*a*a*a*b";
    EXPECT_FALSE(matches(match, owner));
    match.command_line = "[";
    EXPECT_FALSE(matches(match, owner));
    owner.command_line = "x\xff\n";
    match.command_line = "x??";
    EXPECT_TRUE(matches(match, owner));
}

TEST(PolicyFor, TheFirstThatMatchesHoldsElseTheDefaults) {
    const auto config = parsed(R"(
policies:
  - {name: frontend, match: {command_line: "*frontend*"}}
  - {name: any-web, match: {unit: "web-*"}, ignore: true}
)");
    EXPECT_EQ(policy_for(config, web()).name, "frontend");
    Owner other = web();
    other.command_line = "backend";
    EXPECT_EQ(policy_for(config, other).name, "any-web");
    other.unit = "db.service";
    EXPECT_EQ(policy_for(config, other).name, "default");
    EXPECT_EQ(&policy_for(config, other), &config.defaults);
}

}  // namespace
}  // namespace sockdog::test
