// The detectors are pure: programs made at random, looked at twice, from a copy, and with their sockets in
// any order.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "simulator.h"

namespace sockdog::testing {
namespace {

/// Does something different to each of five endpoints, whatever the seed says.
Simulator::Script anything(unsigned seed) {
    struct Habit {
        Duration period;
        unsigned batch;
        unsigned does;
        std::vector<std::size_t> ids;
    };
    std::mt19937 random(seed);
    std::vector<Habit> habits;
    for (int i = 0; i < 5; ++i)
        habits.push_back({std::chrono::seconds(1 + random() % 20),
                          1 + unsigned(random() % 3),
                          unsigned(random() % 8),
                          {}});
    return [=](Simulator& sim) mutable {
        for (std::size_t i = 0; i < habits.size(); ++i) {
            Habit& habit = habits[i];
            if (!sim.every(habit.period)) continue;
            const auto port = static_cast<std::uint16_t>(8000 + i);
            for (unsigned n = 0; n < habit.batch; ++n) {
                const std::size_t id = habit.does == 4   ? sim.make_socket()
                                       : habit.does == 5 ? sim.inherit(endpoint(port), 17)
                                       : habit.does == 6 ? sim.arrive(endpoint(port))
                                                         : sim.open(endpoint(port));
                if (habit.does < 4) sim.exchange(id, 1 + unsigned(sim.random()() % 4));
                habit.ids.push_back(id);
            }
            const std::size_t one = habit.ids[sim.random()() % habit.ids.size()];
            if (habit.does == 1) sim.peer_resets(one);
            if (habit.does == 2) sim.half_close(one);
            if (habit.does == 3 || habit.does == 7) sim.close(one);
            if (habit.does == 6) sim.peer_closes(one);
        }
    };
}

class AnyProgram : public ::testing::TestWithParam<unsigned> {};

TEST_P(AnyProgram, GivesTheSameFindingsForTheSameHistory) {
    SimOptions options;
    options.keep_alive = GetParam() % 3 == 0 ? Duration::zero() : Duration(7s * (GetParam() % 5 + 1));
    Simulator sim(options);
    sim.host().local_ports[4026531840U] = 2000;
    sim.fds() = FdUse{500, 1024};
    const auto program = anything(GetParam());
    std::size_t found = 0;
    for (int minute = 2; minute <= 14; minute += 3) {
        sim.run(minute * 1min, [&](Simulator& s) { program(s); });
        auto sockets = sim.sockets();
        const Verdict first = detect(sim.scene(sockets));
        found += first.findings.size();

        const ProcessHistory copy = sim.history();
        Scene from_copy = sim.scene(sockets);
        from_copy.history = &copy;
        EXPECT_EQ(detect(from_copy).findings, first.findings);
        for (int i = 0; i < 5; ++i) {
            std::shuffle(sockets.begin(), sockets.end(), sim.random());
            const Verdict again = detect(sim.scene(sockets));
            EXPECT_EQ(again.findings, first.findings);
            EXPECT_EQ(again.look_again, first.look_again);
        }
    }
    RecordProperty("findings", static_cast<int>(found));
}

INSTANTIATE_TEST_SUITE_P(Seeds, AnyProgram, ::testing::Range(0U, 40U));

TEST(AnyProgram, OfSomeSeedLeaksInEveryClassButExhaustionAndChurn) {
    std::set<LeakClass> seen;
    for (unsigned seed = 0; seed < 40; ++seed) {
        Simulator sim(
            {.limits = {}, .step = 1s, .tick = 5s, .walk = 10s, .keep_alive = Duration(7s * (seed % 3))});
        const auto program = anything(seed);
        sim.run(14min, [&](Simulator& s) { program(s); });
        for (const LeakClass leak_class : kLeakClasses)
            if (sim.first(leak_class)) seen.insert(leak_class);
    }
    for (const LeakClass leak_class : kLeakClasses) {
        if (leak_class == LeakClass::kExhaustion || leak_class == LeakClass::kChurn) continue;
        EXPECT_TRUE(seen.contains(leak_class))
            << to_string(leak_class) << ": the programs at random are too tame";
    }
}

}  // namespace
}  // namespace sockdog::testing
