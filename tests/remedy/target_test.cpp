#include "remedy/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "remedy/fixtures.h"

namespace sockdog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace sockdog::testing;

RemedyPolicy command_policy(std::vector<std::string> argv) {
    RemedyPolicy policy = acting_policy();
    policy.action = RemedyAction::kCommand;
    policy.command = std::move(argv);
    return policy;
}

TEST(Target, UnitNamesAreCheckedBeforeTheyGoAnywhere) {
    for (const auto* name : {"a.service", "web@blue.service", "dev-sda\\x2d1.mount", "session-2.scope"}) {
        EXPECT_TRUE(valid_unit_name(name)) << name;
    }
    const std::string long_name = std::string(250, 'a') + ".service";
    for (const std::string name : {"", ".service", "-rf.service", "a b.service", "a;b.service", "a/b.service",
                                   "a.service\n", "$(x).service", "a", "\xff.service", long_name.c_str()}) {
        EXPECT_FALSE(valid_unit_name(name)) << name;
    }
}

TEST(Target, OnlyServicesAreRestarted) {
    const RemedyPolicy policy = acting_policy();
    EXPECT_EQ(untargetable(incident_of("i1", "leaky.service"), policy), std::nullopt);
    EXPECT_EQ(untargetable(incident_of("i1", "web@blue.service"), policy), std::nullopt);
    for (const auto* unit : {"", "session-2.scope", "docker-0123.scope", "web.slice", "web.socket",
                             "web@.service", "--force.service", "a b.service"}) {
        EXPECT_NE(untargetable(incident_of("i1", unit), policy), std::nullopt) << unit;
    }
}

TEST(Target, OfAUserIsTheUnitOfHisOwnManager) {
    Incident incident = incident_of("i1", "user@1000.service");
    incident.owner.user_unit = "app.service";
    EXPECT_EQ(untargetable(incident, acting_policy()), std::nullopt);
    EXPECT_EQ(describe_target(incident, acting_policy()), "app.service of user@1000.service");
    EXPECT_EQ(unit_to_restart(incident.owner), "app.service");
    EXPECT_EQ(user_manager_uid("user@1000.service"), 1000U);
    for (const char* unit : {"user@.service", "user@x.service", "user@-1.service", "user@1000.scope",
                             "user@99999999999.service", "xuser@1000.service", ""})
        EXPECT_EQ(user_manager_uid(unit), std::nullopt) << unit;
}

TEST(Target, PlaceholdersAreFilledInsideArguments) {
    Incident incident = incident_of("i42", "web.service");
    incident.owner.container_id = std::string(64, 'a');
    const auto argv =
        expand_command(incident, command_policy({"/bin/x", "--pid={pid}", "{unit}{unit}",
                                                 "{incident}:{container}", "{other} {pid", "{}"}));
    ASSERT_TRUE(argv.ok()) << argv.error().message;
    EXPECT_THAT(*argv, ElementsAre("/bin/x", "--pid=4242", "web.serviceweb.service",
                                   "i42:" + std::string(64, 'a'), "{other} {pid", "{}"));
}

TEST(Target, TheProgramItselfIsNeverFilledIn) {
    const auto argv = expand_command(incident_of(), command_policy({"/opt/{unit}", "x"}));
    ASSERT_TRUE(argv.ok());
    EXPECT_EQ(argv->front(), "/opt/{unit}");
}

TEST(Target, AFilledInValueIsNotFilledInAgain) {
    Incident incident = incident_of("i1");
    incident.owner.unit = "a.service";
    incident.id = "i1";
    const auto argv = expand_command(incident, command_policy({"x", "{{pid}}"}));
    ASSERT_TRUE(argv.ok());
    EXPECT_EQ(argv->back(), "{4242}");
}

TEST(Target, ValuesThatAreMissingOrHostileRefuseTheCommand) {
    Incident incident = incident_of();
    incident.owner.unit.clear();
    EXPECT_THAT(expand_command(incident, command_policy({"x", "{unit}"})).error().message,
                HasSubstr("{unit}"));
    EXPECT_THAT(expand_command(incident, command_policy({"x", "{container}"})).error().message,
                HasSubstr("{container}"));
    incident.owner.unit = "--now.service";
    EXPECT_FALSE(expand_command(incident, command_policy({"x", "{unit}"})).ok());
    incident.owner.container_id = "-x";
    EXPECT_FALSE(expand_command(incident, command_policy({"x", "{container}"})).ok());
    incident.latest.process = {};
    EXPECT_FALSE(expand_command(incident, command_policy({"x", "{pid}"})).ok());
    EXPECT_TRUE(expand_command(incident, command_policy({"x", "none of them"})).ok());
}

TEST(Target, AnEmptyCommandIsRefused) {
    EXPECT_FALSE(expand_command(incident_of(), command_policy({})).ok());
    EXPECT_FALSE(expand_command(incident_of(), command_policy({""})).ok());
}

TEST(Target, IsDescribedPrintably) {
    EXPECT_EQ(describe_target(incident_of("i1", "web.service"), acting_policy()), "web.service");
    RemedyPolicy monit = acting_policy();
    monit.action = RemedyAction::kMonitRestart;
    EXPECT_EQ(describe_target(incident_of(), monit), "monit service of pid 4242");
    EXPECT_EQ(untargetable(incident_of("i1", ""), monit), std::nullopt);
    EXPECT_EQ(describe_target(incident_of(), command_policy({"/bin/x", "{pid}", "a\nb"})),
              "/bin/x 4242 a\\x0ab");
    EXPECT_EQ(describe_target(incident_of("i1", ""), command_policy({"/bin/x", "{unit}"})), "/bin/x {unit}");
}

TEST(Target, ActionsHaveTheNamesOfTheConfiguration) {
    EXPECT_EQ(to_string(RemedyAction::kNone), "none");
    EXPECT_EQ(to_string(RemedyAction::kSystemdRestart), "systemd-restart");
    EXPECT_EQ(to_string(RemedyAction::kCommand), "command");
    EXPECT_EQ(to_string(RemedyAction::kMonitRestart), "monit-restart");
}

}  // namespace
}  // namespace sockdog
