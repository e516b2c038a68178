// The judge: what it lets pass and what it does not.
#include "zoo/judge.h"

#include <gtest/gtest.h>

namespace sockdog::zoo {
namespace {

constexpr std::uint32_t kItself = 10, kChild = 11, kHabitatPid = 20, kStranger = 30;

Kin kin_of(const ProcessId& process) {
    if (process.pid == kItself) return {"leaky", true};
    if (process.pid == kChild) return {"leaky", false};
    if (process.pid == kHabitatPid) return {kHabitat, true};
    return {};
}

Animal leaky(const std::string& truth = "close_wait") {
    Animal animal;
    animal.name = "leaky";
    animal.truth = truth;
    animal.role = "opened";
    animal.sockets = 5;
    return animal;
}

std::map<std::string, Stay> stays(int sockets = 9, int connections = 0, const std::string& trouble = "") {
    Stay stay;
    stay.trouble = trouble;
    stay.port = 80;
    stay.alive = trouble.empty();
    stay.sockets = sockets;
    stay.connections = connections;
    return {{"leaky", stay}};
}

nlohmann::json revision(const std::string& id, const std::string& class_name, std::uint32_t pid = kItself,
                        const std::string& role = "opened", const std::string& endpoint = "127.0.0.1:80") {
    const nlohmann::json finding = {
        {"class", class_name}, {"role", role}, {"endpoint", endpoint}, {"process", {{"pid", pid}}}};
    return {{"incident", {{"id", id}, {"latest", finding}, {"opened_at", "1970-01-01T00:00:12.000Z"}}}};
}

Judgement judged(const Animal& animal, const std::vector<nlohmann::json>& revisions,
                 const std::map<std::string, Stay>& how = stays()) {
    return judge({animal}, how, revisions, kin_of).animals.at("leaky");
}

TEST(Judge, IsContentWithTheRightClassRoleEndpointAndOffender) {
    const Judgement judgement = judged(leaky(), {revision("i1", "close_wait")});
    EXPECT_TRUE(judgement.faults.empty());
    EXPECT_EQ(judgement.found, "close_wait");
    EXPECT_DOUBLE_EQ(judgement.seconds, 12);
}

TEST(Judge, TakesTheLastClassOfAnIncidentThatChangedIt) {
    const std::vector<nlohmann::json> revisions = {revision("i1", "idle_growth"),
                                                   revision("i1", "close_wait")};
    EXPECT_TRUE(judged(leaky(), revisions).faults.empty());
    EXPECT_EQ(judged(leaky(), revisions).told.at(0).classes, "idle_growth, close_wait");
    EXPECT_FALSE(judged(leaky("idle_growth"), revisions).faults.empty());
}

TEST(Judge, LetsAnIncidentTurnOnlyIntoWhatItMay) {
    Animal animal = leaky();
    animal.becomes = "dead_fd";
    EXPECT_TRUE(judged(animal, {revision("i1", "close_wait")}).faults.empty());
    EXPECT_TRUE(judged(animal, {revision("i1", "close_wait"), revision("i1", "dead_fd")}).faults.empty());
    EXPECT_FALSE(judged(animal, {revision("i1", "dead_fd")}).faults.empty());
    EXPECT_FALSE(judged(animal, {revision("i1", "close_wait"), revision("i1", "unused")}).faults.empty());
}

TEST(Judge, FindsFaultWithEachThingThatIsNotRight) {
    const std::vector<std::vector<nlohmann::json>> cases = {
        {},
        {revision("i1", "dead_fd")},
        {revision("i1", "close_wait", kChild)},
        {revision("i1", "close_wait", kHabitatPid)},
        {revision("i1", "close_wait", kStranger)},
        {revision("i1", "close_wait", kItself, "accepted")},
        {revision("i1", "close_wait", kItself, "opened", "127.0.0.1:81")},
        {revision("i1", "close_wait"), revision("i2", "dead_fd")},
        {revision("i1", "close_wait"), revision("i2", "close_wait")},
    };
    for (const auto& revisions : cases)
        EXPECT_EQ(judged(leaky(), revisions).faults.size(), 1U) << nlohmann::json(revisions).dump();
}

TEST(Judge, DoesNotTakeAnAnimalThatIdledOrEndedForOneThatLivedAsItShould) {
    const std::vector<nlohmann::json> revisions = {revision("i1", "close_wait")};
    EXPECT_EQ(judged(leaky(), revisions, stays(4)).faults.size(), 1U);
    EXPECT_EQ(judged(leaky(), revisions, stays(9, 0, "ended early")).faults.size(), 1U);
    Animal healthy = leaky("healthy");
    healthy.sockets = 0;
    healthy.connections = 5;
    EXPECT_EQ(judged(healthy, {}, stays(0, 4)).faults.size(), 1U);
    EXPECT_TRUE(judged(healthy, {}, stays(0, 5)).faults.empty());
}

TEST(Judge, LooksForAChildWhereAChildHolds) {
    Animal animal = leaky("inherited");
    animal.child = true;
    EXPECT_TRUE(judged(animal, {revision("i1", "inherited", kChild)}).faults.empty());
    EXPECT_FALSE(judged(animal, {revision("i1", "inherited", kItself)}).faults.empty());
}

TEST(Judge, TellsBystandersFromStrangers) {
    const Verdict verdict =
        judge({leaky()}, stays(),
              {revision("i1", "close_wait", kHabitatPid), revision("i2", "dead_fd", kStranger)}, kin_of);
    ASSERT_EQ(verdict.bystanders.size(), 1U);
    EXPECT_EQ(verdict.bystanders[0].kin.name, kHabitat);
    ASSERT_EQ(verdict.strangers.size(), 1U);
    EXPECT_EQ(verdict.strangers[0].class_name, "dead_fd");
}

TEST(Judge, ForgivesNothingThatIsToldAboutAHealthyOne) {
    Animal healthy = leaky("healthy");
    EXPECT_TRUE(judged(healthy, {}).faults.empty());
    EXPECT_FALSE(judged(healthy, {revision("i1", "churn")}).faults.empty());
}

}  // namespace
}  // namespace sockdog::zoo
