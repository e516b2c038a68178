#include "cli/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "cli/scenes.h"

namespace sockdog {
namespace {

struct Case {
    std::string name;
    std::function<void(StatusView&)> change;
    CheckState state;
    std::string says;
};

const std::vector<Case>& cases() {
    static const std::vector<Case> kCases{
        {"quiet", [](StatusView&) {}, CheckState::kOk,
         "SOCKDOG OK - no open incident, 812 sockets of 31 processes watched |"},
        {"warning", [](StatusView& s) { s.open_incidents = 2; }, CheckState::kWarning,
         "SOCKDOG WARNING - 2 open incidents |"},
        {"critical", [](StatusView& s) { s.open_incidents = 1, s.critical_incidents = 1; },
         CheckState::kCritical, "SOCKDOG CRITICAL - 1 critical incident |"},
        {"both", [](StatusView& s) { s.open_incidents = 3, s.critical_incidents = 1; }, CheckState::kCritical,
         "1 critical incident, 2 open incidents |"},
        {"hold", [](StatusView& s) { s.held = "migration | now\nplease"; }, CheckState::kWarning,
         "WARNING - remedies on hold: migration / now\\x0aplease |"},
        {"hold without reason", [](StatusView& s) { s.held = ""; }, CheckState::kWarning, "remedies on hold"},
        {"config", [](StatusView& s) { s.config_error = "sockdog.yaml:3:1: unknown key\nand more"; },
         CheckState::kWarning, "configuration not accepted: sockdog.yaml:3:1: unknown key |"},
        {"books full", [](StatusView& s) { s.sockets = 250000; }, CheckState::kWarning,
         "raise books.max_sockets"},
        {"processes full", [](StatusView& s) { s.processes = 16000; }, CheckState::kWarning,
         "raise books.max_processes"},
        {"no capacity told", [](StatusView& s) { s.max_sockets = 0; }, CheckState::kOk, "OK"},
        {"repairs are no losses", [](StatusView& s) { s.losses.drift_corrected = 9; }, CheckState::kOk,
         "losses=0c"},
        {"critical beats hold",
         [](StatusView& s) {
             s.open_incidents = s.critical_incidents = 1;
             s.held = "why";
         },
         CheckState::kCritical, "1 critical incident, remedies on hold: why |"},
    };
    return kCases;
}

TEST(Check, JudgesEachTrouble) {
    for (const Case& c : cases()) {
        StatusView status = scenes::status();
        c.change(status);
        const CheckResult result = check_status(status, std::nullopt);
        EXPECT_EQ(result.state, c.state) << c.name;
        EXPECT_NE(result.line.find(c.says), std::string::npos) << c.name << ": " << result.line;
    }
}

TEST(Check, PrintsOneLineWithWellFormedPerformanceData) {
    const std::string datum = "[a-z_]+=[0-9]+(c|B|s)?(;[0-9]*){0,4}";
    const auto perfdata = testing::MatchesRegex(datum + "( " + datum + ")*\n");
    for (const Case& c : cases()) {
        StatusView status = scenes::status();
        c.change(status);
        const std::string line = check_status(status, std::nullopt).line;
        EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << c.name;
        ASSERT_EQ(std::count(line.begin(), line.end(), '|'), 1) << c.name << ": " << line;
        EXPECT_THAT(line.substr(line.find('|') + 2), perfdata);
    }
    const std::string line = check_status(scenes::status(), std::nullopt).line;
    EXPECT_NE(line.find("sockets=812;235929;;0;262144"), std::string::npos) << line;
    EXPECT_NE(line.find("incidents=0;0;;0 critical_incidents=0;;0;0"), std::string::npos) << line;
    EXPECT_NE(line.find("memory=12582912B"), std::string::npos) << line;
}

TEST(Check, WarnsOfLossesOnlyWhileTheyGrow) {
    StatusView before = scenes::status();
    before.losses.record_refused = 5;
    StatusView after = before;
    const CheckResult still = check_status(before, after);
    EXPECT_EQ(still.state, CheckState::kOk);
    EXPECT_NE(still.line.find("5 losses, not growing"), std::string::npos) << still.line;
    after.losses.record_refused = 6;
    const CheckResult grown = check_status(before, after);
    EXPECT_EQ(grown.state, CheckState::kWarning);
    EXPECT_NE(grown.line.find("losses grow (5 to 6)"), std::string::npos) << grown.line;
}

TEST(Check, IsUnknownWithoutAnAnswer) {
    const CheckResult result = check_unknown("no daemon | here\nat all");
    EXPECT_EQ(static_cast<int>(result.state), 3);
    EXPECT_EQ(result.line, "SOCKDOG UNKNOWN - no daemon / here\\x0aat all\n");
}

}  // namespace
}  // namespace sockdog
