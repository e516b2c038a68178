// Programs that look like a leak and are none: not one finding, ever, at any moment of the run.
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>

#include "simulator.h"

namespace sockdog::testing {
namespace {

struct Healthy {
    std::string name;
    SimOptions options;
    Duration lasts;
    std::function<Simulator::Script()> program;  // a fresh script with its own state
};

SimOptions usual(Duration keep_alive = {}) {
    SimOptions options;
    options.keep_alive = keep_alive;
    return options;
}

SimOptions demo(Duration keep_alive = {}) {
    SimOptions options;
    options.limits = demo_limits();
    options.step = 25ms;
    options.tick = options.walk = 500ms;
    options.keep_alive = keep_alive;
    return options;
}

/// Leases from a last-in-first-out pool: closes what it finds closed by the peer, opens what it lacks, puts
/// all back.
class Pool {
  public:
    explicit Pool(std::uint16_t port) : port_(port) {}
    void lease(Simulator& sim, std::size_t concurrency) {
        std::vector<std::size_t> leased;
        while (leased.size() < concurrency) {
            std::size_t id = 0;
            if (!idle_.empty()) {
                id = idle_.back();
                idle_.pop_back();
                if (sim.is_closed_by_peer(id)) {
                    sim.close(id);
                    id = 0;
                }
            }
            if (id == 0) id = sim.open(endpoint(port_));
            sim.exchange(id);
            leased.push_back(id);
        }
        idle_.insert(idle_.end(), leased.begin(), leased.end());
    }

  private:
    std::uint16_t port_;
    std::vector<std::size_t> idle_;
};

Simulator::Script pool_with_bursts(Duration period, std::vector<std::size_t> concurrency) {
    return [pool = std::make_shared<Pool>(443), period, concurrency,
            turn = std::size_t{0}](Simulator& sim) mutable {
        if (!sim.every(period)) return;
        pool->lease(sim, concurrency[std::min(turn, concurrency.size() - 1)]);
        ++turn;
    };
}

/// N threads with a client each; every turn the next one works, closing what the server has closed meanwhile.
Simulator::Script thread_clients(std::size_t threads, Duration period) {
    return [ids = std::vector<std::size_t>(threads), turn = std::size_t{0}, period](Simulator& sim) mutable {
        if (!sim.every(period)) return;
        auto& id = ids[turn++ % ids.size()];
        if (id == 0 || !sim.is_open(id) || sim.is_closed_by_peer(id)) {
            sim.close(id);
            id = sim.open(endpoint(8080));
        }
        sim.exchange(id);
    };
}

Simulator::Script burst(std::size_t n, Duration at) {
    return [n, at, done = false](Simulator& sim) mutable {
        if (done || sim.elapsed() < at) return;
        for (std::size_t i = 0; i < n; ++i) sim.exchange(sim.open(endpoint(80)));
        done = true;
    };
}

/// Opens one connection a `period` until there are `n`. Every `use` the next tenth of them is used; 0: never
/// again.
Simulator::Script ramp(std::size_t n, Duration period, Duration use) {
    return [n, period, use, ids = std::vector<std::size_t>{}, next = std::size_t{0}](Simulator& sim) mutable {
        if (ids.size() < n && sim.every(period)) {
            ids.push_back(sim.open(endpoint(5222)));
            sim.exchange(ids.back());
        }
        if (use == Duration::zero() || ids.empty() || !sim.every(use)) return;
        for (std::size_t i = 0; i <= ids.size() / 10; ++i) sim.exchange(ids[next = (next + 1) % ids.size()]);
    };
}

/// A connection a request, closed after `life`, whoever closed first.
Simulator::Script churn(Duration period, Duration life, SocketRole role = SocketRole::kOpened) {
    using Item = std::pair<Duration, std::size_t>;
    return [period, life, role, open = std::deque<Item>{}](Simulator& sim) mutable {
        if (sim.every(period)) {
            open.emplace_back(sim.elapsed(), sim.open(endpoint(9000), role));
            sim.exchange(open.back().second);
        }
        while (!open.empty() && sim.elapsed() - open.front().first >= life) {
            sim.close(open.front().second);
            open.pop_front();
        }
    };
}

/// Leaks until a collector lets go of all, again and again, a little more or less each time.
Simulator::Script sawtooth(Duration period, Duration collect) {
    return [period, collect, ids = std::vector<std::size_t>{}, next = collect](Simulator& sim) mutable {
        if (sim.every(period)) {
            ids.push_back(sim.open(endpoint(7000)));
            sim.exchange(ids.back());
        }
        if (sim.elapsed() < next) return;
        for (const std::size_t id : ids) sim.close(id);
        ids.clear();
        next = sim.elapsed() + collect * (80 + sim.random()() % 40) / 100;
    };
}

/// Connections that speak now and then: long poll, web sockets, message brokers.
Simulator::Script chatter(std::size_t n, Duration joins, Duration speaks) {
    return [n, joins, speaks, ids = std::vector<std::pair<std::size_t, Duration>>{}](Simulator& sim) mutable {
        if (ids.size() < n && sim.every(joins)) ids.emplace_back(sim.open(endpoint(6000)), sim.elapsed());
        for (auto& [id, last] : ids) {
            if (sim.elapsed() - last < speaks) continue;
            sim.exchange(id);
            last = sim.elapsed();
        }
    };
}

Simulator::Script server_of_silent_clients(Duration period) {
    return [period](Simulator& sim) {
        if (sim.every(period)) sim.exchange(sim.open(endpoint(25555), SocketRole::kAccepted));
    };
}

Simulator::Script both(Simulator::Script a, Simulator::Script b) {
    return [a = std::move(a), b = std::move(b)](Simulator& sim) {
        a(sim);
        b(sim);
    };
}

std::vector<Healthy> healthy_programs() {
    return {
        {"SharedClientWithThreeBetweenTicks", usual(5s), 40min, [] { return pool_with_bursts(30s, {3}); }},
        {"PoolFoundClosedByTheServerAndNeverUsedAgain", usual(75s), 25min, [] { return burst(40, 10s); }},
        {"PoolReapedAtTheNextLease", usual(75s), 40min, [] { return pool_with_bursts(300s, {20}); }},
        {"PoolOfOneBurstThenOneCallerATick", usual(5s), 40min,
         [] {
             return pool_with_bursts(30s, {20, 1});
         }},
        {"PoolOfNestedBursts", usual(5s), 40min,
         [] {
             return pool_with_bursts(60s, {30, 12, 9, 6, 3, 12, 3, 9, 1, 6, 2, 5, 12, 4});
         }},
        {"PoolOfBurstsThatGrowToItsLimit", usual(5s), 40min,
         [] {
             return pool_with_bursts(60s, {1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 4, 20, 2});
         }},
        {"ThreadsWithAClientEach", usual(5s), 40min, [] { return thread_clients(8, 20s); }},
        {"BusyPoolOfHundred", usual(75s), 25min,
         [] {
             return pool_with_bursts(1s, {100, 60, 80, 100});
         }},
        {"RampThatLevelsOffInUse", usual(), 25min, [] { return ramp(400, 2s, 5s); }},
        {"RampThatLevelsOffWithinTheWindows", usual(), 40min, [] { return ramp(200, 1s, 0s); }},
        {"BurstOfThousandKept", usual(), 25min, [] { return burst(300, 60s); }},
        {"LongPollOfHundredsJoiningForAnHour", usual(), 40min, [] { return chatter(200, 6s, 30s); }},
        {"AgentPerRequestLeftToTheServer", usual(), 25min, [] { return churn(1s, 75s); }},
        {"ServerThatTakesHalfAMinuteToClose", usual(1s), 25min,
         [] { return churn(1s, 31s, SocketRole::kAccepted); }},
        {"CollectedEveryFortySeconds", usual(), 40min, [] { return sawtooth(1s, 40s); }},
        {"CollectedEveryFortySecondsAfterTheServerClosed", usual(3s), 40min,
         [] { return sawtooth(1s, 40s); }},
        {"ServerOfOneLeakingClient", usual(), 40min, [] { return server_of_silent_clients(1s); }},
        {"PoolBesideChurn", usual(5s), 90min,
         [] {
             return both(pool_with_bursts(60s, {30, 12, 9, 6, 12, 3, 9, 1}), churn(1s, 3s));
         }},
        {"DemoPoolReapedAtTheNextLease", demo(700ms), 60s, [] { return pool_with_bursts(3s, {20}); }},
        {"DemoPoolOfNestedBursts", demo(500ms), 120s,
         [] {
             return pool_with_bursts(2s, {30, 12, 9, 6, 3, 12, 3, 9, 1, 6, 2, 5, 12, 4});
         }},
        {"DemoThreeBetweenTicks", demo(500ms), 120s, [] { return pool_with_bursts(2s, {3}); }},
        {"DemoBurst", demo(1s), 60s, [] { return burst(50, 2s); }},
        {"DemoBurstKept", demo(), 60s, [] { return burst(50, 2s); }},
        {"DemoRamp", demo(), 60s, [] { return ramp(100, 100ms, 50ms); }},
        {"DemoChatter", demo(), 60s, [] { return chatter(100, 200ms, 500ms); }},
        {"DemoChurn", demo(), 60s, [] { return churn(100ms, 1500ms); }},
        {"DemoSawtooth", demo(), 120s, [] { return sawtooth(100ms, 3s); }},
        {"DemoServerOfOneLeakingClient", demo(), 60s, [] { return server_of_silent_clients(100ms); }},
    };
}

class HealthyProgram : public ::testing::TestWithParam<Healthy> {};

TEST_P(HealthyProgram, IsNeverCalledALeak) {
    Simulator sim(GetParam().options);
    const auto script = GetParam().program();
    sim.run(GetParam().lasts, [&](Simulator& s) { script(s); });
    for (const LeakClass leak_class : kLeakClasses) {
        const auto found = sim.first(leak_class);
        EXPECT_FALSE(found) << to_string(leak_class) << " at " << format_duration(found.value_or(0s));
    }
}

TEST_P(HealthyProgram, IsNoLeakToAnAgentThatStartsInTheMiddle) {
    Simulator sim(GetParam().options);
    const auto script = GetParam().program();
    sim.blind(true);
    sim.run(GetParam().lasts / 2, script);
    sim.start_books();
    sim.blind(false);
    sim.run(GetParam().lasts, script);
    EXPECT_FALSE(sim.ever_found());
}

/// Nothing is sampled for a while, again and again: what was not seen is neither absence nor growth.
TEST_P(HealthyProgram, IsNoLeakWhereSamplesAreMissing) {
    for (unsigned seed = 0; seed < 4; ++seed) {
        Simulator sim(GetParam().options);
        const auto script = GetParam().program();
        std::mt19937 random(seed);
        Duration end{};
        while (end < GetParam().lasts) {
            end += GetParam().lasts / (4 + random() % 30);
            sim.blind(random() % 2 == 0);
            sim.run(end, [&](Simulator& s) { script(s); });
        }
        EXPECT_FALSE(sim.ever_found()) << "seed " << seed;
    }
}

/// The host stands still and wakes up much later, as a virtual machine does: everything is old and idle at
/// once.
TEST_P(HealthyProgram, IsNoLeakToAClockThatJumps) {
    for (const Duration jump : {Duration(90s), Duration(1h), Duration(48h)}) {
        Simulator sim(GetParam().options);
        const auto script = GetParam().program();
        for (int part = 1; part <= 5; ++part) {
            sim.run(GetParam().lasts * part / 5 + jump * (part - 1), [&](Simulator& s) { script(s); });
            sim.jump(jump);
        }
        EXPECT_FALSE(sim.ever_found()) << format_duration(jump);
    }
}

INSTANTIATE_TEST_SUITE_P(Table, HealthyProgram, ::testing::ValuesIn(healthy_programs()),
                         [](const auto& program) { return program.param.name; });

TEST(Host, AtRestIsNotWalked) {
    Simulator sim(usual());
    sim.run(20min, burst(100, 0s));
    const std::size_t before = sim.walks();
    sim.run(1h, [](Simulator&) {});
    EXPECT_EQ(sim.walks(), before);
}

}  // namespace
}  // namespace sockdog::testing
