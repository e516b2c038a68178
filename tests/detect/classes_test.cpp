// Each class of leak beside the healthy program that looks most like it.
#include <gtest/gtest.h>

#include <deque>

#include "simulator.h"

namespace sockdog::testing {
namespace {

struct Case {
    std::string name;
    std::optional<LeakClass> expected;  // nothing: silent throughout
    Duration by;                        // found no later; or how long it is silent
    std::function<Simulator::Script()> program;
    Duration keep_alive{};
};

/// Opens one every `period`, exchanges, and does `then` with it.
Simulator::Script each(Duration period, const std::function<void(Simulator&, std::size_t)>& then) {
    return [=](Simulator& sim) {
        if (!sim.every(period)) return;
        const std::size_t id = sim.open(endpoint(443));
        sim.exchange(id);
        then(sim, id);
    };
}

/// Clients that give up after `patience`, and a server that accepts `rate` of them every second.
Simulator::Script server(Duration arrival, Duration patience, double rate) {
    struct State {
        std::deque<std::pair<std::size_t, Duration>> queue;
        std::deque<std::size_t> serving;
        double credit = 0;
        bool listening = false;
    };
    return [=, state = State{}](Simulator& sim) mutable {
        if (!state.listening) sim.listen(endpoint(80), 128);
        state.listening = true;
        for (const std::size_t id : state.serving) sim.close(id);
        state.serving.clear();
        if (sim.every(arrival)) state.queue.emplace_back(sim.arrive(endpoint(80)), sim.elapsed());
        for (const auto& [id, at] : state.queue)
            if (sim.elapsed() - at >= patience) sim.peer_closes(id);
        state.credit += rate;
        for (; state.credit >= 1 && !state.queue.empty(); state.credit -= 1) {
            sim.accept(state.queue.front().first);
            state.serving.push_back(state.queue.front().first);
            state.queue.pop_front();
        }
    };
}

/// A batch every `period`, when the one before is closed.
Simulator::Script pile_that_is_cleared(Duration period, std::size_t batch,
                                       const std::function<void(Simulator&, std::size_t)>& then) {
    return [=, pile = std::vector<std::size_t>{}](Simulator& sim) mutable {
        if (!sim.every(period)) return;
        for (const std::size_t id : pile) sim.close(id);
        pile.clear();
        for (std::size_t i = 0; i < batch; ++i) {
            pile.push_back(sim.open(endpoint(443)));
            sim.exchange(pile.back());
            then(sim, pile.back());
        }
    };
}

std::vector<Case> cases() {
    const auto reset = [](Simulator& sim, std::size_t id) { sim.peer_resets(id); };
    const auto half = [](Simulator& sim, std::size_t id) { sim.half_close(id); };
    return {
        {"ResetAndNeverClosed", LeakClass::kDeadFd, 150s, [=] { return each(5s, reset); }},
        // Keep-alive probes find the peer gone a minute after it closed: CLOSE_WAIT levels off, what is held
        // does not.
        {"CloseWaitThatTurnsDead", LeakClass::kDeadFd, 300s,
         [] {
             return [ids = std::vector<std::pair<std::size_t, Duration>>{}](Simulator& sim) mutable {
                 ids.emplace_back(sim.open(endpoint(443)), sim.elapsed());
                 sim.exchange(ids.back().first);
                 for (const auto& [id, at] : ids)
                     if (sim.elapsed() - at >= 67s) sim.peer_resets(id);
             };
         },
         5s},
        // Each client has said that it is done sending and listens on for half an hour.
        {"ServerThatStreamsToHalfClosedClients", std::nullopt, 1h,
         [] {
             return [ids = std::vector<std::size_t>{}](Simulator& sim) mutable {
                 if (ids.size() < 40 && sim.every(20s)) {
                     ids.push_back(sim.open(endpoint(80), SocketRole::kAccepted));
                     sim.exchange(ids.back());
                     sim.peer_closes(ids.back());
                 }
                 for (const std::size_t id : ids) sim.receive(id);
             };
         }},
        {"ResetPoolFoundAtItsNextLease", std::nullopt, 1h,
         [=] { return pile_that_is_cleared(120s, 12, reset); }},
        {"ShutDownAndNeverClosed", LeakClass::kHalfClosed, 150s, [=] { return each(5s, half); }},
        {"HalfClosedWhileTheAnswerComes", std::nullopt, 1h,
         [] {
             return [ids = std::vector<std::size_t>{}](Simulator& sim) mutable {
                 if (sim.every(5s)) {
                     ids.push_back(sim.open(endpoint(443)));
                     sim.exchange(ids.back());
                     sim.half_close(ids.back());
                     if (ids.size() > 24) sim.close(ids[ids.size() - 24]);  // each answer takes two minutes
                 }
                 for (const std::size_t id : ids) sim.receive(id);
             };
         }},
        {"SocketsMadeAndForgotten", LeakClass::kUnused, 200s,
         [] {
             return [](Simulator& sim) {
                 if (sim.every(4s)) sim.make_socket();
             };
         }},
        {"AFixedSetOfSocketsAtStart", std::nullopt, 1h,
         [] {
             return [](Simulator& sim) {
                 if (sim.elapsed() == Duration::zero())
                     for (int i = 0; i < 64; ++i) sim.make_socket();
             };
         }},
        {"AcceptorIsStuck", LeakClass::kBacklog, 200s, [] { return server(3s, 10s, 0); }},
        // Comes every 100 s, later than the dwell allows, and takes all there are.
        {"AcceptorThatComesNowAndThen", std::nullopt, 1h,
         [] {
             return [ids = std::deque<std::pair<std::size_t, Duration>>{}](Simulator& sim) mutable {
                 if (sim.elapsed() == Duration::zero()) sim.listen(endpoint(80), 128);
                 if (sim.every(3s)) ids.emplace_back(sim.arrive(endpoint(80)), sim.elapsed());
                 for (const auto& [id, at] : ids)
                     if (sim.elapsed() - at >= 10s) sim.peer_closes(id);
                 // The first waits are short, so that it is known before the long ones.
                 if (!sim.every(sim.elapsed() < 5min ? 50s : 100s)) return;
                 for (const auto& [id, at] : ids) sim.close(id);
                 ids.clear();
             };
         }},
        {"OverloadThatDrains", std::nullopt, 1h, [] { return server(3s, 30s, 0.2); }},
        {"ChildHoldsWhatItsParentClosed", LeakClass::kInherited, 120s,
         [] {
             return [](Simulator& sim) {
                 if (sim.elapsed() == Duration::zero())
                     for (int i = 0; i < 12; ++i) sim.inherit(endpoint(443), 17);
             };
         }},
        {"ChildOfAnInetdUsesItsOne", std::nullopt, 1h,
         [] {
             return [](Simulator& sim) {
                 if (sim.elapsed() == Duration::zero()) sim.inherit(endpoint(443), 17);
             };
         }},
        {"ParentOfTheDaemonHasEnded", std::nullopt, 1h,
         [] {
             return [](Simulator& sim) {
                 if (sim.elapsed() == Duration::zero())
                     for (int i = 0; i < 12; ++i) sim.inherit(endpoint(443), 0);
             };
         }},
        // 2 a second, the server keeps them for 30 s, the program closes when told: 60 at any time.
        {"ClientPerRequestLeftToTheServer", LeakClass::kChurn, 300s,
         [] {
             return [](Simulator& sim) {
                 std::vector<std::size_t> done;
                 for (const auto& [id, s] : sim.live())
                     if (s.state == TcpState::kCloseWait) done.push_back(id);
                 for (const std::size_t id : done) sim.close(id);
                 for (int i = 0; i < 2; ++i) sim.exchange(sim.open(endpoint(443)));
             };
         },
         30s},
        // The same stream through a pool: 60 connections, each used again and again.
        {"PoolOfTheSameSize", std::nullopt, 1h,
         [] {
             return [ids = std::vector<std::size_t>{}, next = std::size_t{0}](Simulator& sim) mutable {
                 if (ids.size() < 60) ids.push_back(sim.open(endpoint(443)));
                 for (int i = 0; i < 2; ++i) sim.exchange(ids[next++ % ids.size()]);
             };
         },
         2h},
        {"ClientPerRequestClosedAtOnce", std::nullopt, 1h,
         [] { return each(1s, [](Simulator& sim, std::size_t id) { sim.close(id); }); }},
    };
}

class Program : public ::testing::TestWithParam<Case> {};

TEST_P(Program, IsFoundInTimeAsWhatItIsOrNotAtAll) {
    SimOptions options;
    options.keep_alive = GetParam().keep_alive;
    Simulator sim(options);
    sim.run(GetParam().by, GetParam().program());
    if (!GetParam().expected) {
        EXPECT_FALSE(sim.ever_found());
        return;
    }
    EXPECT_TRUE(sim.first(*GetParam().expected)) << "not found";
    ASSERT_EQ(sim.latest().size(), 1U);
    EXPECT_EQ(to_string(sim.latest()[0].leak_class), to_string(*GetParam().expected));
    EXPECT_GT(sim.latest()[0].leaked, 0U);
}

INSTANTIATE_TEST_SUITE_P(All, Program, ::testing::ValuesIn(cases()),
                         [](const auto& c) { return c.param.name; });

TEST(Backlog, TellsHowManyTheListenerLetsWait) {
    Simulator sim({});
    sim.run(300s, server(3s, 10s, 0));
    ASSERT_EQ(sim.latest().size(), 1U);
    const Finding& f = sim.latest()[0];
    EXPECT_EQ(f.backlog_limit, 128U);
    EXPECT_EQ(f.role, SocketRole::kAccepted);
    EXPECT_EQ(f.endpoint, endpoint(80));
    EXPECT_GT(f.oldest_dwell, 4min);
}

TEST(Inherited, NamesWhoOpenedThem) {
    Simulator sim({});
    sim.run(200s, [](Simulator& s) {
        if (s.elapsed() == Duration::zero())
            for (int i = 0; i < 9; ++i) s.inherit(endpoint(443), 17);
    });
    ASSERT_EQ(sim.latest().size(), 1U);
    EXPECT_EQ(sim.latest()[0].opener_pid, 17U);
    EXPECT_EQ(sim.latest()[0].leaked, 9U);
}

TEST(Classes, OneFindingForOnePlaceAndTheClassWithMostSockets) {
    Simulator sim({});
    sim.run(400s, [](Simulator& s) {
        if (!s.every(5s)) return;
        const std::size_t a = s.open(endpoint(443));
        s.exchange(a);
        s.peer_closes(a);
        if (s.every(15s)) s.peer_resets(a);
    });
    ASSERT_EQ(sim.latest().size(), 1U);
    EXPECT_EQ(sim.latest()[0].leak_class, LeakClass::kCloseWait);
}

TEST(Classes, CloseWaitThatTurnsDeadIsFoundAsCloseWaitFirst) {
    SimOptions options;
    options.keep_alive = 5s;
    Simulator sim(options);
    std::vector<std::pair<std::size_t, Duration>> ids;
    sim.run(180s, [&](Simulator& s) {
        ids.emplace_back(s.open(endpoint(443)), s.elapsed());
        s.exchange(ids.back().first);
        for (const auto& [id, at] : ids)
            if (s.elapsed() - at >= 75s) s.peer_resets(id);
    });
    ASSERT_TRUE(sim.first(LeakClass::kCloseWait));
    EXPECT_LT(*sim.first(LeakClass::kCloseWait), 90s);
    EXPECT_EQ(sim.latest().size(), 1U);
}

TEST(Classes, ASwitchedOffClassIsSilent) {
    SimOptions options;
    options.limits.dead_fd.enabled = false;
    Simulator sim(options);
    sim.run(10min, each(5s, [](Simulator& s, std::size_t id) { s.peer_resets(id); }));
    EXPECT_FALSE(sim.ever_found());
}

}  // namespace
}  // namespace sockdog::testing
