// The incident book as a table of scripts: what is seen at which second, and what is told.
#include "incident/book.h"

#include <gtest/gtest.h>

#include <sstream>

#include "incident/json.h"

namespace sockdog {
namespace {

Now at(Duration since) {
    return {MonoTime(1000h + since),
            WallTime(1'700'000'000s + std::chrono::floor<std::chrono::milliseconds>(since))};
}

Observed seen(std::uint32_t leaked, std::uint32_t pid = 10, LeakClass leak_class = LeakClass::kCloseWait,
              const std::string& unit = "app.service") {
    Observed o;
    o.finding.leak_class = leak_class;
    o.finding.process = {pid, 100};
    o.finding.role = SocketRole::kOpened;
    o.finding.endpoint = *parse_endpoint("127.0.0.1:25555");
    o.finding.netns = 7;
    o.finding.leaked = o.finding.close_wait = leaked;
    o.finding.slope_per_minute = 2;
    o.owner.process = o.finding.process;
    o.owner.unit = unit;
    o.owner.executable = "/usr/bin/app";
    return o;
}

/// One update of a script: "60 close_wait:40" at 60 s sees 40 leaked; "gone", "blind" are flags.
struct Turn {
    int second;
    std::vector<Observed> observed;
    bool alive = true;
    bool blind = false;
};

std::string play(IncidentBook& book, const std::vector<Turn>& turns) {
    std::ostringstream told;
    for (const Turn& turn : turns) {
        const auto alive = [&](ProcessId) { return turn.alive; };
        for (const Revision& r : book.update(at(turn.second * 1s), turn.observed, alive, turn.blind)) {
            told << turn.second << ":" << to_string(r.kind) << ":" << r.incident.id << ":"
                 << r.incident.latest.leaked << " ";
        }
    }
    return told.str();
}

struct Script {
    std::string name;
    std::vector<Turn> turns;
    std::string told;
};

class Book : public ::testing::TestWithParam<Script> {};

TEST_P(Book, TellsWhatTheScriptSays) {
    IncidentBook book;
    EXPECT_EQ(play(book, GetParam().turns), GetParam().told);
}

TEST_P(Book, TellsTheSameTwice) {
    IncidentBook first;
    IncidentBook second;
    EXPECT_EQ(play(first, GetParam().turns), play(second, GetParam().turns));
}

const auto kIdle = LeakClass::kIdleGrowth;

INSTANTIATE_TEST_SUITE_P(
    Table, Book,
    ::testing::Values(
        Script{"Nothing", {{0, {}}, {10, {}}}, ""},
        Script{"OpensOnce",
               {{0, {seen(40)}}, {0, {seen(40)}}, {10, {seen(41)}}, {20, {seen(42)}}},
               "0:opened:i1:40 "},
        Script{"StaysOpenWhileTheLeakPauses",
               {{0, {seen(40)}}, {10, {}}, {299, {}}, {300, {seen(40)}}, {599, {}}},
               "0:opened:i1:40 "},
        Script{"ResolvesAfterFiveMinutes",
               {{0, {seen(40)}}, {10, {}}, {300, {}}, {310, {}}},
               "0:opened:i1:40 300:resolved:i1:40 "},
        Script{"OpensAgainUnderANewId",
               {{0, {seen(40)}}, {300, {}}, {400, {seen(40)}}},
               "0:opened:i1:40 300:resolved:i1:40 400:opened:i2:40 "},
        Script{"ResolvesSoonWhenTheProcessIsGone",
               {{0, {seen(40)}}, {5, {}, false}, {10, {}, false}},
               "0:opened:i1:40 10:resolved:i1:40 "},
        Script{"GoesOnWhenTheRestartedServiceLeaksAgain",
               {{0, {seen(40)}}, {5, {}, false}, {8, {seen(40, 11)}}},
               "0:opened:i1:40 "},
        Script{"GrowsByAQuarterAtMostEveryTenMinutes",
               {{0, {seen(40)}},
                {300, {seen(400)}},
                {600, {seen(49)}},
                {601, {seen(50)}},
                {700, {seen(100)}},
                {1201, {seen(100)}}},
               "0:opened:i1:40 601:grew:i1:50 1201:grew:i1:100 "},
        Script{"EscalatesOnce",
               {{0, {seen(40)}}, {10, {seen(500)}}, {20, {seen(501)}}, {30, {seen(40)}}, {40, {seen(600)}}},
               "0:opened:i1:40 10:escalated:i1:500 "},
        Script{"OpensCriticalWithoutEscalating", {{0, {seen(700)}}, {10, {seen(701)}}}, "0:opened:i1:700 "},
        Script{"NeverResolvesWhileBlind",
               {{0, {seen(40)}}, {400, {}, true, true}, {4000, {}, false, true}},
               "0:opened:i1:40 "},
        Script{"DoesNotCountBlindTimeAsAbsence",
               {{0, {seen(40)}}, {100, {}}, {1000, {}, true, true}, {1199, {}}, {1200, {}}},
               "0:opened:i1:40 1200:resolved:i1:40 "},
        Script{"AddsUpTheWorkersOfOneUnit",
               {{0, {seen(40, 10), seen(60, 11)}}, {10, {seen(41, 10), seen(62, 11)}}},
               "0:opened:i1:100 "},
        Script{"KeepsUnitsApart",
               {{0, {seen(40), seen(60, 11, LeakClass::kCloseWait, "b.service")}}},
               "0:opened:i1:40 0:opened:i2:60 "},
        Script{"StaysOneWhenTheClassTurns",
               {{0, {seen(180, 10, kIdle)}}, {60, {seen(8)}}, {70, {seen(180, 10, kIdle)}}, {80, {seen(9)}}},
               "0:opened:i1:180 60:grew:i1:8 "}),
    [](const auto& script) { return script.param.name; });

TEST(IncidentBook, NamesTheWorstOffenderWhateverTheOrder) {
    for (const bool swapped : {false, true}) {
        IncidentBook book;
        std::vector<Observed> observed{seen(40, 10), seen(60, 11)};
        if (swapped) std::swap(observed[0], observed[1]);
        const auto told = book.update(at(0s), observed, [](ProcessId) { return true; });
        ASSERT_EQ(told.size(), 1U);
        EXPECT_EQ(told[0].incident.latest.process.pid, 11U);
        EXPECT_EQ(told[0].incident.owner.process.pid, 11U);
        EXPECT_EQ(told[0].incident.latest.leaked, 100U);
        EXPECT_EQ(told[0].incident.latest.slope_per_minute, 4.0);
        EXPECT_EQ(told[0].number, 0U);
    }
}

TEST(IncidentBook, KeepsFirstAndWorstBesideTheLatest) {
    IncidentBook book;
    play(book, {{0, {seen(40, 10, kIdle)}}, {10, {seen(90)}}, {20, {seen(60)}}});
    const Incident* const incident = book.find("i1");
    ASSERT_NE(incident, nullptr);
    EXPECT_EQ(incident->first.leaked, 40U);
    EXPECT_EQ(incident->first.leak_class, kIdle);
    EXPECT_EQ(incident->worst.leaked, 90U);
    EXPECT_EQ(incident->latest.leaked, 60U);
    EXPECT_EQ(incident->updated_at, at(20s).wall);
    EXPECT_EQ(book.find("i2"), nullptr);
}

TEST(IncidentBook, SaysWhyItWasResolved) {
    IncidentBook book;
    book.update(at(0s), std::vector{seen(40)}, [](ProcessId) { return true; });
    auto told = book.update(at(300s), {}, [](ProcessId) { return true; });
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].incident.resolve_reason, "below the limits for " + format_duration(5min));
    EXPECT_EQ(told[0].incident.resolved_at, at(300s).wall);
    book.update(at(310s), std::vector{seen(40)}, [](ProcessId) { return true; });
    told = book.update(at(320s), {}, [](ProcessId) { return false; });
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].incident.resolve_reason, "process ended");
}

TEST(IncidentBook, FollowsTheHysteresisOfThePolicy) {
    IncidentBook book;
    Observed o = seen(40);
    o.hysteresis = Hysteresis{.resolve_after = 20s, .gone_after = 1s, .repeat = 10s, .critical_leaked = 50};
    EXPECT_EQ(play(book, {{0, {o}}}), "0:opened:i1:40 ");
    o.finding.leaked = 50;
    EXPECT_EQ(play(book, {{1, {o}}, {21, {}}}), "1:escalated:i1:50 21:resolved:i1:50 ");
}

std::vector<Incident> through_journal(const IncidentBook& book) {
    const nlohmann::json j = book.open_incidents();
    return nlohmann::json::parse(j.dump()).get<std::vector<Incident>>();
}

TEST(IncidentBook, TakesUpAnOpenIncidentAfterARestart) {
    IncidentBook before;
    Observed hostile = seen(40);
    hostile.owner.unit = "a\xff\n|b.service";
    play(before, {{0, {hostile}}});
    IncidentBook after;
    after.restore(through_journal(before), 2);
    EXPECT_EQ(play(after, {{1000, {hostile}}, {1001, {hostile}}}), "");
    ASSERT_EQ(after.open_incidents().size(), 1U);
    EXPECT_EQ(after.open_incidents()[0].opened_at, at(0s).wall);
    EXPECT_EQ(play(after, {{1010, {hostile, seen(50)}}}), "1010:opened:i2:50 ");
}

TEST(IncidentBook, CountsTheHysteresisOfARestoredIncidentFromTheRestart) {
    IncidentBook before;
    play(before, {{0, {seen(40)}}});
    IncidentBook after;
    after.restore(through_journal(before), 2);
    EXPECT_EQ(play(after, {{9000, {}}, {9299, {}}, {9300, {}}}), "9300:resolved:i1:40 ");
}

TEST(IncidentBook, NeverGivesAnIdTwiceWhateverTheJournalSays) {
    IncidentBook before;
    play(before, {{0, {seen(40)}}});
    auto open = through_journal(before);
    open[0].id = "i41";
    IncidentBook after;
    after.restore(open, 0);
    EXPECT_EQ(play(after, {{0, {seen(60, 11, LeakClass::kCloseWait, "b.service")}}}), "0:opened:i42:60 ");
}

TEST(IncidentBook, LetsGoOfASecondRestoredIncidentOfTheSameKey) {
    IncidentBook before;
    play(before, {{0, {seen(40)}}});
    auto open = through_journal(before);
    open.push_back(open[0]);
    open[1].id = "i2";
    IncidentBook after;
    after.restore(open, 3);
    EXPECT_EQ(play(after, {{0, {seen(40)}}, {300, {seen(40)}}}), "300:resolved:i2:40 ");
}

TEST(IncidentBook, TellsEachClassThatALeakTurnsIntoOnce) {
    IncidentBook book;
    const auto dead = LeakClass::kDeadFd;
    EXPECT_EQ(
        play(book, {{0, {seen(40)}}, {1, {seen(40, 10, dead)}}, {2, {seen(40)}}, {3, {seen(40, 10, dead)}}}),
        "0:opened:i1:40 1:grew:i1:40 ");
    IncidentBook after;
    after.restore(through_journal(book), 2);
    EXPECT_EQ(play(after, {{4, {seen(40)}}, {5, {seen(40, 10, dead)}}}), "") << "also not after a restart";
}

TEST(IncidentBook, TellsOnceWhenOthersBeginToSuffer) {
    IncidentBook book;
    Observed with_victim = seen(40);
    with_victim.finding.victims.push_back(
        {.process = {99, 5}, .name = "", .failures = 1, .first = {}, .last = {}});
    Observed with_two = with_victim;
    with_two.finding.victims.push_back(with_victim.finding.victims[0]);
    EXPECT_EQ(
        play(book, {{0, {seen(40)}}, {1, {with_victim}}, {2, {with_two}}, {3, {seen(40)}}, {4, {with_two}}}),
        "0:opened:i1:40 1:grew:i1:40 ");
}

TEST(IncidentBook, NeverCallsChurnCriticalForItsCount) {
    IncidentBook book;
    play(book, {{0, {seen(5000, 10, LeakClass::kChurn)}}, {700, {seen(9000, 10, LeakClass::kChurn)}}});
    EXPECT_EQ(book.find("i1")->latest.severity, Severity::kWarning);
    play(book, {{800, {seen(9000, 10, LeakClass::kIdleGrowth)}}});
    EXPECT_EQ(book.find("i1")->latest.severity, Severity::kCritical);
}

TEST(IncidentBook, EscalatesWhenTheRemedyGivesUp) {
    IncidentBook book;
    play(book, {{0, {seen(40)}}});
    RemedyReport report;
    report.outcome = RemedyOutcome::kStarted;
    auto told = book.add_remedy(at(1s), "i1", report);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->kind, RevisionKind::kRemedied);
    report.outcome = RemedyOutcome::kGaveUp;
    told = book.add_remedy(at(2s), "i1", report);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->kind, RevisionKind::kEscalated);
    EXPECT_EQ(told->incident.latest.severity, Severity::kCritical);
    EXPECT_EQ(told->incident.remedies.size(), 2U);
    told = book.add_remedy(at(3s), "i1", report);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->kind, RevisionKind::kRemedied);
    EXPECT_EQ(play(book, {{4, {seen(41)}}}), "");
    EXPECT_EQ(book.find("i1")->latest.severity, Severity::kCritical);
    EXPECT_FALSE(book.add_remedy(at(5s), "i9", report));
}

TEST(IncidentBook, EscalatesWhereAPersonIsNeeded) {
    IncidentBook book;
    play(book, {{0, {seen(40)}}});
    RemedyReport report;
    report.outcome = RemedyOutcome::kHeld;
    EXPECT_EQ(book.add_remedy(at(1s), "i1", report)->kind, RevisionKind::kRemedied);
    report.needs_person = true;
    EXPECT_EQ(book.add_remedy(at(2s), "i1", report)->kind, RevisionKind::kEscalated);
    EXPECT_EQ(book.add_remedy(at(3s), "i1", report)->kind, RevisionKind::kRemedied);
}

TEST(IncidentBook, KeepsTheLastThirtyTwoRemedies) {
    IncidentBook book;
    play(book, {{0, {seen(40)}}});
    RemedyReport report;
    for (report.attempt = 1; report.attempt <= 40; ++report.attempt) book.add_remedy(at(1s), "i1", report);
    const auto& remedies = book.find("i1")->remedies;
    ASSERT_EQ(remedies.size(), 32U);
    EXPECT_EQ(remedies.front().attempt, 9U);
    EXPECT_EQ(remedies.back().attempt, 40U);
}

TEST(IncidentBook, KeepsStrangersWithoutANameApart) {
    IncidentBook book;
    Observed a = seen(40, 10, LeakClass::kCloseWait, "");
    Observed b = seen(40, 11, LeakClass::kCloseWait, "");
    a.owner.executable = b.owner.executable = "";
    EXPECT_EQ(play(book, {{0, {a, b}}}), "0:opened:i1:40 0:opened:i2:40 ");
}

}  // namespace
}  // namespace sockdog
