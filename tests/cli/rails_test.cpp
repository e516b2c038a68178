// Every guard rail: that it holds, and that `sockdog explain` says so. The real engine in a world that the
// test arranges, its reports and reasons told as a story.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/explain.h"
#include "cli/scenes.h"
#include "remedy/fake_actuator.h"

namespace sockdog {
namespace {

using ::testing::HasSubstr;
using namespace sockdog::testing;

struct Rail {
    std::string name;
    std::function<void(World&)> arrange;  // up to the moment, 10 min, when the leak would be acted on
    std::string explained;                // in the story, after "name: "
    Duration when = 10min;
    std::size_t acted_before = 0;
};

/// Without the line breaks of a terminal.
std::string unwrapped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        const bool space = c == ' ' || c == '\n';
        if (!space || !out.ends_with(' ')) out += space ? ' ' : c;
    }
    return out;
}

/// What explain makes of it: reports as the journal has them, and why nothing is done now.
std::string story_of(const World& world, const std::string& id) {
    ExplainView view = scenes::leak_story();
    Incident incident;
    for (const auto& [open, policy] : world.open)
        if (open.id == id) incident = open;
    for (const auto& [of, report] : world.told)
        if (of == id) incident.remedies.push_back(report);
    view.incidents = {incident};
    view.notes.clear();
    if (const auto why = world.engine->why_not(id)) view.notes.push_back("No remedy now: " + *why);
    return unwrapped(render_explanation(view, {}, scenes::now(), scenes::plain()));
}

RemedyPolicy& policy(World& world) {
    return world.open.front().second;
}
Incident& incident(World& world) {
    return world.open.front().first;
}

void fail_at(World& world, Duration when) {
    world.tick(when);
    ASSERT_FALSE(world.starts.empty());
    world.starts.back().done(make_error("it did not work"));
    world.tick(when + 5s);
}

const std::vector<Rail>& rails() {
    static const std::vector<Rail> kRails = {
        {"policy", [](World& w) { policy(w).action = RemedyAction::kNone; }, "the policy names no action"},
        {"no leak", [](World& w) { incident(w).latest.leak_class = LeakClass::kChurn; }, "in use or bounded"},
        {"protected",
         [](World& w) {
             RemedySettings settings;
             settings.protected_units = {"leaky*"};
             w.engine->set_settings(settings);
         },
         "leaky.service is on the list of protected units"},
        {"target",
         [](World& w) {
             policy(w).action = RemedyAction::kCommand;
             policy(w).command = {"/bin/x", "{container}"};
         },
         "which this process does not have"},
        {"gave up",
         [](World& w) {
             policy(w).cooldown = 1min;
             fail_at(w, 10min);
             fail_at(w, 20min);
         },
         "2 failed tries", 60min, 2},
        {"hold", [](World& w) { w.engine->hold("migration"); }, "(migration)"},
        {"boot",
         [](World& w) {
             RemedySettings settings;
             settings.after_boot = 101h;  // the clock of these tests begins at 100 h
             w.engine->set_settings(settings);
         },
         "the host has been up for"},
        {"uncertain", [](World& w) { w.uncertain = true; }, "events were lost"},
        {"min_leaked", [](World& w) { policy(w).min_leaked = 58; }, "57 sockets leaked now"},
        {"sustained", [](World& w) { policy(w).sustained = 11min; }, "the policy acts after 11m"},
        {"cooldown", [](World& w) { fail_at(w, 10min); }, "was last acted on", 15min, 1},
        {"budget",
         [](World& w) {
             policy(w).cooldown = 1s;
             policy(w).budget = 1;
             fail_at(w, 10min);
         },
         "the policy allows 1", 15min, 1},
        {"identity", [](World& w) { w.processes.clear(); }, "not the process any more that leaked"},
    };
    return kRails;
}

TEST(Rails, EachHoldsAndIsExplained) {
    scenes::use_zone();
    for (const Rail& rail : rails()) {
        SCOPED_TRACE(rail.name);
        World world;
        world.add(incident_of());
        rail.arrange(world);
        world.tick(rail.when);
        EXPECT_EQ(world.starts.size(), rail.acted_before) << "nothing was done";
        const std::string story = story_of(world, "i1");
        EXPECT_THAT(story, HasSubstr("No remedy now: " + rail.name + ": "));
        EXPECT_THAT(story, HasSubstr(rail.explained));
        // Without it, it would have been acted on.
        World free;
        free.add(incident_of());
        free.tick(10min);
        EXPECT_EQ(free.starts.size(), 1U);
    }
}

TEST(Rails, OneAtATimeIsExplained) {
    scenes::use_zone();
    World world;
    world.add(incident_of("i1", owner_of("large.service", 100), 400));
    world.add(incident_of("i2", owner_of("small.service", 200), 40));
    world.tick(10min);
    EXPECT_EQ(world.starts.size(), 1U);
    EXPECT_THAT(story_of(world, "i2"),
                HasSubstr("No remedy now: busy: the remedy of incident i1 is under way"));
    EXPECT_THAT(story_of(world, "i2"), HasSubstr("held back: busy: "));
}

TEST(Rails, ADryRunIsExplained) {
    scenes::use_zone();
    World world;
    world.add(incident_of());
    policy(world).dry_run = true;
    world.tick(10min);
    EXPECT_TRUE(world.starts.empty());
    EXPECT_THAT(story_of(world, "i1"), HasSubstr("would have acted (dry run): would act now"));
}

TEST(Rails, AReleaseIsExplainedAtOnce) {
    scenes::use_zone();
    World world;
    world.add(incident_of());
    world.engine->hold("migration");
    world.tick(10min);
    EXPECT_THAT(story_of(world, "i1"), HasSubstr("No remedy now: hold"));
    world.engine->release();
    EXPECT_THAT(story_of(world, "i1"), ::testing::Not(HasSubstr("No remedy now")))
        << "before the next tick, too";
}

}  // namespace
}  // namespace sockdog
