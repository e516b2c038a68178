// Programs that leak: found, in time, under the right name, with the right numbers, and for as long as it
// lasts.
#include <gtest/gtest.h>

#include <algorithm>

#include "simulator.h"

namespace sockdog::testing {
namespace {

SimOptions usual(Duration keep_alive, Duration step = 1s) {
    SimOptions options;
    options.keep_alive = keep_alive;
    options.step = step;
    return options;
}

SimOptions demo(Duration keep_alive) {
    SimOptions options;
    options.limits = demo_limits();
    options.step = 25ms;
    options.tick = options.walk = 500ms;
    options.keep_alive = keep_alive;
    return options;
}

/// A new client a request, never closed.
Simulator::Script leak(Duration period, std::uint32_t batch = 1, SocketRole role = SocketRole::kOpened) {
    return [=](Simulator& sim) {
        if (!sim.every(period)) return;
        for (std::uint32_t i = 0; i < batch; ++i) sim.exchange(sim.open(endpoint(25555), role));
    };
}

/// Healthy requests to another endpoint, closed within a step or two.
Simulator::Script beside_churn(const Simulator::Script& script) {
    return [script, last = std::size_t{0}](Simulator& sim) mutable {
        script(sim);
        if (last != 0) sim.close(last);
        last = sim.open(endpoint(443));
        sim.exchange(last);
    };
}

struct Leak {
    std::string name;
    SimOptions options;
    Simulator::Script program;
    LeakClass expected;
    Duration by;  // found no later
};

std::vector<Leak> leaks() {
    const auto close_wait = LeakClass::kCloseWait;
    const auto idle_growth = LeakClass::kIdleGrowth;
    return {
        // The 8th socket of 2 a minute gets there at 3m35s, and is stale a minute later.
        {"TwoAMinuteServerClosesAfterFiveSeconds", usual(5s), leak(30s), close_wait, 285s},
        {"OneASecond", usual(5s), leak(1s), close_wait, 85s},
        {"TenEveryFiveMinutes", usual(5s), leak(300s, 10), close_wait, 620s},
        {"ServerSideThatNeverCloses", usual(5s), leak(1s, 1, SocketRole::kAccepted), close_wait, 85s},
        {"BesideChurn", usual(5s), beside_churn(leak(10s)), close_wait, 150s},
        {"TwoAMinuteServerKeepsForTwoHours", usual(2h), leak(30s), idle_growth, 1120s},
        {"OneASecondServerKeepsForTwoHours", usual(2h), leak(1s), idle_growth, 260s},
        {"FourATickOfTwoMinutesServerNeverCloses", usual({}), leak(40s), idle_growth, 1600s},
        {"IdleBesideChurn", usual(2h), beside_churn(leak(10s)), idle_growth, 500s},
        {"DemoCloseWait", demo(500ms), leak(200ms), close_wait, 3600ms},
        {"DemoCloseWaitFast", demo(500ms), leak(50ms), close_wait, 2100ms},
        {"DemoIdle", demo({}), leak(200ms), idle_growth, 9s},
        {"DemoIdleBesideChurn", demo({}), beside_churn(leak(200ms)), idle_growth, 14s},
    };
}

class LeakingProgram : public ::testing::TestWithParam<Leak> {};

TEST_P(LeakingProgram, IsFoundInTimeAndStaysFound) {
    Simulator sim(GetParam().options);
    const auto program = GetParam().program;
    sim.run(GetParam().by, program);
    ASSERT_TRUE(sim.first(GetParam().expected));
    for (int i = 2; i <= 4; ++i) {
        sim.run(GetParam().by * i, program);
        ASSERT_EQ(sim.latest().size(), 1U) << "lost by " << format_duration(sim.elapsed());
        EXPECT_EQ(sim.latest().front().endpoint, endpoint(25555));
    }
}

TEST_P(LeakingProgram, IsFoundByAnAgentThatRestarts) {
    Simulator sim(GetParam().options);
    const auto program = GetParam().program;
    sim.run(GetParam().by, program);
    sim.restart_agent();
    sim.run(GetParam().by * 2, program);
    ASSERT_EQ(sim.latest().size(), 1U);
    EXPECT_EQ(sim.latest().front().leak_class, GetParam().expected);
}

TEST_P(LeakingProgram, IsFoundByBooksThatBeganLater) {
    Simulator sim(GetParam().options);
    const auto program = GetParam().program;
    sim.blind(true);
    sim.run(GetParam().by, program);
    sim.start_books();
    sim.blind(false);
    sim.run(GetParam().by * 3, program);
    ASSERT_EQ(sim.latest().size(), 1U);
    EXPECT_EQ(sim.latest().front().leak_class, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Table, LeakingProgram, ::testing::ValuesIn(leaks()),
                         [](const auto& program) { return program.param.name; });

TEST(CloseWait, IsFoundWithinMillisecondsOfTheDwell) {
    SimOptions options = usual(5s, 5ms);
    Simulator sim(options);
    sim.run(100s, leak(1s));
    // The eighth connection is opened at 7 s, closed by the server at 12 s, stale at 72 s.
    ASSERT_TRUE(sim.first(LeakClass::kCloseWait));
    EXPECT_LE(*sim.first(LeakClass::kCloseWait), 72s + 20ms);
    EXPECT_GE(*sim.first(LeakClass::kCloseWait), 72s);
}

TEST(CloseWait, NeedsOneWalkOnlyWhenTheSocketsTellTheirHistory) {
    Simulator sim(usual(5s));
    sim.blind(true);
    sim.run(30min, leak(30s));
    sim.blind(false);
    sim.run(30min + 6s, leak(30s));
    EXPECT_TRUE(sim.first(LeakClass::kCloseWait));
    EXPECT_EQ(sim.walks(), 1U);
}

TEST(CloseWait, StaysFoundWhileTheLeakSleepsAndTheProcessWorksOn) {
    Simulator sim(usual(5s));
    sim.run(20min, beside_churn(leak(10s)));
    ASSERT_EQ(sim.latest().size(), 1U);
    sim.run(3h, beside_churn([](Simulator&) {}));
    ASSERT_EQ(sim.latest().size(), 1U);
    EXPECT_EQ(sim.latest().front().slope_per_minute, 0.0);
}

TEST(CloseWait, EndsWhenTheProgramClosesAtLast) {
    Simulator sim(usual(5s));
    sim.run(20min, leak(10s));
    ASSERT_EQ(sim.latest().size(), 1U);
    sim.run(20min + 30s, [](Simulator& s) {
        while (!s.live().empty()) s.close(s.live().begin()->first);
    });
    EXPECT_TRUE(sim.latest().empty());
}

TEST(CloseWait, TellsTheBoshIncidentInNumbers) {
    // BOSH's health monitor behind nginx with 5 s of keep-alive, 8 requests a second.
    SimOptions options = usual(5s, 25ms);
    options.limits = demo_limits();
    options.limits.close_wait.dwell = 10s;
    options.tick = options.walk = 500ms;
    Simulator sim(options);
    struct Row {
        Duration at;
        std::uint32_t established;
        std::uint32_t close_wait;
    };
    for (const Row& row : {Row{3s, 25, 0}, Row{12s, 40, 57}, Row{24s, 40, 149}, Row{36s, 36, 245}}) {
        sim.run(row.at, leak(125ms));
        EXPECT_NEAR(sim.gauges().in(TcpState::kEstablished), row.established, 5);
        EXPECT_NEAR(sim.gauges().in(TcpState::kCloseWait), row.close_wait, 8);
    }
    ASSERT_EQ(sim.latest().size(), 1U);
    const Finding& f = sim.latest().front();
    EXPECT_EQ(f.leak_class, LeakClass::kCloseWait);
    EXPECT_EQ(f.severity, Severity::kWarning);
    EXPECT_EQ(f.process, (ProcessId{4242, 777}));
    EXPECT_EQ(f.role, SocketRole::kOpened);
    EXPECT_EQ(f.leaked, f.close_wait);
    EXPECT_NEAR(f.close_wait, 245, 8);
    EXPECT_NEAR(f.established, 40, 2);
    EXPECT_NEAR(f.slope_per_minute, 480, 10);
    EXPECT_NEAR(static_cast<double>(f.oldest_dwell.count()) / 1e9, 31, 1);
    EXPECT_EQ(f.recv_queue_median, 32U);
    EXPECT_EQ(f.recv_queue_max, 32U);
    EXPECT_EQ(f.requests_per_connection, 1.0);
    EXPECT_NEAR(static_cast<double>(f.opened_in_window), 48, 2);
    EXPECT_EQ(f.closed_in_window, 0U);
}

TEST(CloseWait, CountsNothingAsClosedThatIsOpenWhereverTheTicksFall) {
    for (const Duration tick : {400ms, 700ms, 1300ms, 1900ms}) {
        SimOptions options = demo(3s);
        options.tick = tick;
        options.walk = 300ms;
        Simulator sim(options);
        std::size_t looks = 0;
        for (Duration end = 5s; end <= 20s; end += 100ms) {
            sim.run(end, leak(125ms));
            for (const Finding& f : sim.latest()) {
                ++looks;
                EXPECT_EQ(f.closed_in_window, 0U) << format_duration(tick) << " at " << format_duration(end);
            }
        }
        EXPECT_GT(looks, 50U);
    }
}

TEST(CloseWait, CountsTheOpenedThatClosedAgain) {
    // Of ten connections one is closed after its answer.
    SimOptions options = demo(3s);
    options.tick = 700ms;
    Simulator sim(options);
    sim.run(20s, [](Simulator& s) {
        if (!s.every(125ms)) return;
        const std::size_t id = s.open(endpoint(25555));
        s.exchange(id);
        if (s.every(1250ms)) s.close(id);
    });
    ASSERT_EQ(sim.latest().size(), 1U);
    const Finding& f = sim.latest().front();
    EXPECT_NEAR(static_cast<double>(f.closed_in_window), static_cast<double>(f.opened_in_window) / 10, 1.01);
}

TEST(IdleGrowth, TellsItsEvidenceInNumbers) {
    Simulator sim(usual({}));
    sim.run(30min, leak(10s));
    ASSERT_EQ(sim.latest().size(), 1U);
    const Finding& f = sim.latest().front();
    EXPECT_EQ(f.leak_class, LeakClass::kIdleGrowth);
    EXPECT_EQ(f.established, 180U);
    EXPECT_EQ(f.idle, 180U);
    EXPECT_NEAR(f.leaked, 174, 1);  // the last minute is too young
    EXPECT_GE(f.growing_windows, 25U);
    EXPECT_EQ(f.window, 3min);
    EXPECT_EQ(f.opened_in_window, 17U + 1U);
    EXPECT_EQ(f.closed_in_window, 0U);
    EXPECT_NEAR(f.slope_per_minute, 6.0, 2.1);
    EXPECT_GT(f.oldest_dwell, 29min);
}

TEST(IdleGrowth, BecomesCloseWaitWhenTheServerBeginsToClose) {
    Simulator sim(usual(30min));
    sim.run(25min, leak(10s));
    ASSERT_EQ(sim.latest().size(), 1U);
    EXPECT_EQ(sim.latest().front().leak_class, LeakClass::kIdleGrowth);
    for (int minute = 26; minute < 60; ++minute) {
        sim.run(minute * 1min, leak(10s));
        ASSERT_EQ(sim.latest().size(), 1U) << minute;
    }
    EXPECT_EQ(sim.latest().front().leak_class, LeakClass::kCloseWait);
}

TEST(IdleGrowth, IsNotOverWhenThePortsHaveRunOut) {
    Simulator sim(usual({}));
    sim.run(20min, leak(5s));
    ASSERT_EQ(sim.latest().size(), 1U);
    sim.run(2h, [](Simulator& s) {
        if (s.every(5s)) s.connect_fails_for_want_of_ports();
    });
    EXPECT_EQ(sim.latest().size(), 1U);
}

TEST(IdleGrowth, EndsWhenTheRampLevelsOff) {
    Simulator sim(usual({}));
    sim.run(20min, leak(5s));
    ASSERT_EQ(sim.latest().size(), 1U);
    sim.run(40min, [](Simulator&) {});
    EXPECT_TRUE(sim.latest().empty());
}

TEST(Detect, SurvivesAGapInSampling) {
    Simulator sim(usual(5s));
    sim.run(60s, leak(1s));
    sim.blind(true);
    sim.run(30min, leak(1s));
    sim.blind(false);
    sim.run(31min, leak(1s));
    EXPECT_EQ(sim.latest().size(), 1U);
}

TEST(Detect, IsSilentWhereAClassIsSwitchedOff) {
    SimOptions options = usual(5s);
    options.limits.close_wait.enabled = false;
    Simulator sim(options);
    sim.run(20min, leak(1s));
    EXPECT_FALSE(sim.ever_found());
}

TEST(Detect, LeavesOutSocketsThatNobodyHolds) {
    Simulator sim(usual(5s));
    sim.run(20min, [script = leak(1s)](Simulator& s) {
        script(s);
        for (auto& [id, socket] : s.live()) (id % 2 == 0 ? socket.has_fd : socket.orphaned) = id % 2 != 0;
    });
    EXPECT_FALSE(sim.ever_found());
}

}  // namespace
}  // namespace sockdog::testing
