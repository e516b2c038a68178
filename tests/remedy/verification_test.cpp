#include "remedy/verification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "remedy/fixtures.h"

namespace sockdog {
namespace {

using ::testing::HasSubstr;
using namespace sockdog::testing;

constexpr ProcessId kOld{4242, 777};
constexpr ProcessId kNew{4300, 888};
constexpr auto kRestart = RemedyAction::kSystemdRestart;
constexpr auto kCommand = RemedyAction::kCommand;
constexpr auto kMonit = RemedyAction::kMonitRestart;

/// What is seen from `from` on, every 5 s, until the next line begins or the verdict falls.
struct Seen {
    Duration from;
    std::optional<ProcessId> process;
    std::uint32_t leaked = 0;
    bool old_alive = false;
    bool uncertain = false;
};

struct Case {
    std::string name;
    RemedyAction action;
    std::vector<Seen> seen;
    bool succeeded;
    Duration after;  // of the verdict
    std::string says;
};

TEST(Verification, JudgesByTheBooks) {
    const std::vector<Case> cases = {
        {"replaced and quiet", kRestart, {{0s, kNew}}, true, 2min, "pid 4300 took the place of pid 4242"},
        {"replaced late", kRestart, {{0s, {}}, {30s, kNew}}, true, 2min, "took the place"},
        {"kept its pid", kRestart, {{0s, kOld, 0, true}}, false, 10s, "kept its pid"},
        {"kept its pid, by the books alone", kRestart, {{0s, kOld}}, false, 10s, "pid 4242 still runs"},
        {"another process of the unit is seen, the old one lives",
         kRestart,
         {{0s, kNew, 0, true}},
         false,
         10s,
         "kept its pid"},
        {"old findings of the first moments do not count",
         kRestart,
         {{0s, kOld, 57, true}, {10s, kNew}},
         true,
         2min,
         ""},
        {"leaks again",
         kRestart,
         {{0s, kNew}, {60s, kNew, 3}},
         false,
         60s,
         "pid 4300 leaks again: 3 sockets"},
        {"leaks again at the last moment",
         kRestart,
         {{0s, kNew}, {115s, kNew, 1}},
         false,
         115s,
         "leaks again"},
        {"does not come back", kRestart, {{0s, {}}}, false, 2min, "did not come back"},
        {"comes back and dies", kRestart, {{0s, kNew}, {60s, {}}}, false, 2min, "did not come back"},
        {"uncertain for a while",
         kRestart,
         {{0s, kNew}, {30s, kNew, 0, false, true}, {60s, kNew}},
         true,
         175s,
         ""},
        {"uncertain all the time", kRestart, {{0s, kNew, 0, false, true}}, false, 6min, "not known"},
        {"what leaks in uncertain books is not held against it",
         kRestart,
         {{0s, kNew, 9, false, true}, {60s, kNew}},
         true,
         175s,
         ""},
        {"a command that restarts later",
         kCommand,
         {{0s, kOld, 57, true}, {60s, kNew}},
         true,
         175s,
         "took the place"},
        {"a command that restarts nothing", kCommand, {{0s, kOld, 57, true}}, false, 2min, "kept its pid"},
        {"a command after which it leaks",
         kCommand,
         {{0s, kOld, 57, true}, {60s, kNew, 2}},
         false,
         60s,
         "leaks again"},
        {"monit restarts later", kMonit, {{0s, kOld, 57, true}, {30s, kNew}}, true, 145s, "took the place"},
        {"monit restarts nothing", kMonit, {{0s, kOld, 57, true}}, false, 2min, "kept its pid"},
        {"monit does not start it again", kMonit, {{0s, {}}}, false, 2min, "did not come back"},
        {"a command that ends it", kCommand, {{0s, {}}}, true, 2min, "no process took its place"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        Verification verification(c.action, kOld, 2min, at(0s).mono);
        std::optional<Verification::Outcome> outcome;
        Duration when = 0s;
        for (std::size_t i = 0; !outcome && when <= 1h; when += 5s) {
            while (i + 1 < c.seen.size() && c.seen[i + 1].from <= when) ++i;
            const Seen& seen = c.seen[i];
            outcome = verification.observe(at(when).mono, {seen.process, seen.leaked}, seen.old_alive,
                                           seen.uncertain);
        }
        ASSERT_TRUE(outcome.has_value());
        EXPECT_EQ(outcome->succeeded, c.succeeded) << outcome->sentence;
        EXPECT_EQ(format_duration(when - 5s), format_duration(c.after)) << outcome->sentence;
        EXPECT_THAT(outcome->sentence, HasSubstr(c.says));
    }
}

TEST(Verification, AWindowOfNothingIsOverAtOnce) {
    Verification verification(kRestart, kOld, 0s, at(0s).mono);
    const auto outcome = verification.observe(at(0s).mono, {kNew, 0}, false, false);
    ASSERT_TRUE(outcome.has_value());
    EXPECT_TRUE(outcome->succeeded);
}

}  // namespace
}  // namespace sockdog
