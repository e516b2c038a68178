// Ports and fds that run out: who holds them, who suffers, and when the end comes.
#include <gtest/gtest.h>

#include "detect/evidence.h"
#include "simulator.h"

namespace sockdog::testing {
namespace {

constexpr std::uint32_t kNetns = 4026531840U;
constexpr ProcessId kVictim{99, 5};

PortTuple tuple_to(std::uint16_t port) {
    return port_tuple(endpoint(0), endpoint(port), kNetns);
}

/// Connects that failed in the last half minute.
Shortage shortage(const Simulator& sim, ProcessId process, std::uint16_t port, std::uint64_t failures) {
    return {.process = process,
            .local = endpoint(0),
            .remote = endpoint(port),
            .netns = kNetns,
            .failures = failures,
            .first = sim.now() - 30s,
            .last = sim.now()};
}

Simulator::Script leak(Duration period) {
    return [=](Simulator& sim) {
        if (sim.every(period)) sim.exchange(sim.open(endpoint(443)));
    };
}

Simulator leaking(Duration period, Duration run, std::uint32_t ports) {
    SimOptions options;
    options.keep_alive = 5s;
    Simulator sim(options);
    sim.host().local_ports[kNetns] = ports;
    sim.run(run, leak(period));
    return sim;
}

TEST(Forecast, HoldsTheTruthForASteadyLeakLongBefore) {
    for (const Duration period : {2s, 10s, 30s}) {
        Simulator sim = leaking(period, 10min, 28232);
        ASSERT_EQ(sim.latest().size(), 1U);
        const Finding& f = sim.latest()[0];
        EXPECT_EQ(f.leak_class, LeakClass::kCloseWait) << "far from the end it is told as what it is";
        ASSERT_TRUE(f.ports && f.ports->runs_out && f.ports->runs_out->latest);
        const Duration truth = period * static_cast<Duration::rep>(28232 - f.ports->used);
        EXPECT_LE(f.ports->runs_out->earliest, truth);
        EXPECT_GE(*f.ports->runs_out->latest, truth);
        EXPECT_LE(*f.ports->runs_out->latest, truth * 4) << "an interval that says something";
    }
}

TEST(Forecast, HoldsTheTruthForArrivalsAtRandomInNineteenOfTwenty) {
    std::mt19937 random(7);
    int right = 0;
    constexpr int kTries = 400;
    for (int i = 0; i < kTries; ++i) {
        std::exponential_distribution<double> interval(0.5);
        std::vector<MonoTime> births;
        double t = 0;
        while (t < 600)
            births.push_back(MonoTime(Duration(static_cast<Duration::rep>((t += interval(random)) * 1e9))));
        const MonoTime now(600s);
        double end = 600;
        for (int n = 0; n < 2000; ++n) end += interval(random);
        const auto f = forecast(2000, std::span(births).first(count_until(births, now)), now, 180s);
        ASSERT_TRUE(f);
        const Duration truth(static_cast<Duration::rep>((end - 600) * 1e9));
        right += f->earliest <= truth && (!f->latest || truth <= *f->latest) ? 1 : 0;
    }
    EXPECT_GE(right, kTries * 19 / 20);
}

TEST(Forecast, SaysNothingOfThreeOrFewer) {
    const std::vector<MonoTime> two{MonoTime(1s), MonoTime(2s)};
    EXPECT_FALSE(forecast(100, two, MonoTime(10s), 60s));
    EXPECT_FALSE(forecast(100, {}, MonoTime(10s), 60s));
    EXPECT_FALSE(forecast(100, two, MonoTime(10s), Duration::zero()));
}

TEST(Exhaustion, TakesOverNearTheEndAndKeepsTheCause) {
    Simulator sim = leaking(2s, 10min, 330);
    ASSERT_EQ(sim.latest().size(), 1U);
    const Finding& f = sim.latest()[0];
    EXPECT_EQ(f.leak_class, LeakClass::kExhaustion);
    EXPECT_EQ(f.cause, LeakClass::kCloseWait);
    EXPECT_EQ(f.severity, Severity::kCritical);
    EXPECT_TRUE(is_leak(f));
    EXPECT_EQ(f.ports->limit, 330U);
}

TEST(Exhaustion, NamesTheVictimsOfWhoHoldsMost) {
    Simulator sim = leaking(2s, 5min, 28232);
    sim.host().tuples[tuple_to(443)] = {.used = 28232, .top = {4242, 777}, .by_top = 150};
    sim.host().shortages = {shortage(sim, kVictim, 443, 7), shortage(sim, kVictim, 80, 3)};
    sim.run(320s, leak(2s));
    ASSERT_EQ(sim.latest().size(), 1U);
    const Finding& f = sim.latest()[0];
    EXPECT_EQ(f.leak_class, LeakClass::kExhaustion);
    ASSERT_EQ(f.victims.size(), 1U);
    EXPECT_EQ(f.victims[0].process, kVictim);
    EXPECT_EQ(f.victims[0].failures, 7U);
}

TEST(Exhaustion, OfAnotherProcessIsNotBlamedOnASmallLeaker) {
    Simulator sim = leaking(2s, 5min, 28232);
    sim.host().tuples[tuple_to(443)] = {.used = 28232, .top = {1000, 1}, .by_top = 28000};
    sim.host().shortages = {shortage(sim, kVictim, 443, 7)};
    sim.run(320s, leak(2s));
    ASSERT_EQ(sim.latest().size(), 1U);
    EXPECT_EQ(sim.latest()[0].leak_class, LeakClass::kCloseWait);
    EXPECT_TRUE(sim.latest()[0].victims.empty());
}

TEST(Exhaustion, OfFdsIsForecastAndTold) {
    SimOptions options;
    options.keep_alive = 5s;
    Simulator sim(options);
    const auto program = [](Simulator& s) {
        leak(2s)(s);
        s.fds() = FdUse{s.live().size() + 4, 400};
    };
    sim.run(5min, program);
    ASSERT_EQ(sim.latest().size(), 1U);
    ASSERT_TRUE(sim.latest()[0].fds && sim.latest()[0].fds->runs_out);
    EXPECT_EQ(sim.latest()[0].leak_class, LeakClass::kCloseWait);
    const Duration truth = 2s * static_cast<Duration::rep>(400 - sim.latest()[0].fds->used);
    EXPECT_LE(sim.latest()[0].fds->runs_out->earliest, truth);
    EXPECT_GE(*sim.latest()[0].fds->runs_out->latest, truth);
    sim.run(11min, program);
    ASSERT_EQ(sim.latest().size(), 1U);
    EXPECT_EQ(sim.latest()[0].leak_class, LeakClass::kExhaustion);
}

/// A client that is busy with many connections and closes them all in time.
TEST(Exhaustion, WithoutALeakIsToldAndMendedByNoRestart) {
    Simulator sim({});
    sim.host().local_ports[kNetns] = 100;
    std::vector<std::size_t> ids;
    sim.run(60s, [&](Simulator& s) {
        if (ids.size() < 90) ids.push_back(s.open(endpoint(443)));
        for (const std::size_t id : ids) s.exchange(id);
    });
    sim.host().tuples[tuple_to(443)] = {.used = 90, .top = {4242, 777}, .by_top = 90};
    const auto sockets = sim.sockets();
    std::vector<Finding> findings;
    judge_exhaustion(sim.scene(sockets), findings);
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].leak_class, LeakClass::kExhaustion);
    EXPECT_FALSE(findings[0].cause);
    EXPECT_FALSE(is_leak(findings[0]));
}

/// 2 a second for 30 s are 60: more than there are ports, though they are not all taken yet.
TEST(Exhaustion, OfChurnWhosePlateauIsHigherThanTheLimit) {
    Simulator sim({});
    sim.host().local_ports[kNetns] = 50;
    Finding churn;
    churn.leak_class = LeakClass::kChurn;
    churn.process = {4242, 777};
    churn.endpoint = endpoint(443);
    churn.netns = kNetns;
    churn.window = 3min;
    churn.opened_in_window = 360;
    churn.plateau_age = 30s;
    sim.run(35s, [](Simulator& s) {
        if (s.live().size() < 35) s.exchange(s.open(endpoint(443)));
    });
    const auto sockets = sim.sockets();
    std::vector<Finding> findings{churn};
    judge_exhaustion(sim.scene(sockets), findings);
    EXPECT_EQ(findings.at(0).leak_class, LeakClass::kExhaustion);
    EXPECT_EQ(findings[0].cause, LeakClass::kChurn);
    EXPECT_FALSE(is_leak(findings[0]));

    sim.host().local_ports[kNetns] = 500;
    findings = {churn};
    judge_exhaustion(sim.scene(sockets), findings);
    EXPECT_EQ(findings.at(0).leak_class, LeakClass::kChurn);
}

TEST(Exhaustion, ByTimeWaitIsToldOfWhoFailedMost) {
    Simulator sim({});
    sim.host().local_ports[kNetns] = 28232;
    sim.host().shortages = {shortage(sim, ProcessId{4242, 777}, 443, 12)};
    std::vector<Finding> findings;
    judge_exhaustion(sim.scene({}), findings);
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].failures, 12U);
    EXPECT_FALSE(is_leak(findings[0]));
}

TEST(Ports, AreCountedForEachTupleOverAllProcesses) {
    std::vector<SocketRecord> sockets;
    const auto add = [&](ProcessId owner, SocketRole role, TcpState state, std::uint16_t to,
                         std::uint8_t from = 1) {
        SocketRecord s;
        s.owner = owner;
        s.role = role;
        s.state = state;
        s.netns = kNetns;
        s.local = endpoint(static_cast<std::uint16_t>(40000 + sockets.size()), from);
        s.remote = endpoint(to);
        sockets.push_back(s);
    };
    const ProcessId a{1, 1};
    const ProcessId b{2, 2};
    for (int i = 0; i < 3; ++i) add(a, SocketRole::kOpened, TcpState::kEstablished, 443);
    add(b, SocketRole::kOpened, TcpState::kCloseWait, 443);
    add(b, SocketRole::kOpened, TcpState::kClose, 443);           // its port is given back
    add(b, SocketRole::kAccepted, TcpState::kEstablished, 443);   // has the listener's
    add(b, SocketRole::kOpened, TcpState::kEstablished, 443, 2);  // from another address
    const auto uses = count_ports(sockets);
    ASSERT_EQ(uses.size(), 2U);
    const PortUse& use = uses.at(tuple_to(443));
    EXPECT_EQ(use.used, 4U);
    EXPECT_EQ(use.top, a);
    EXPECT_EQ(use.by_top, 3U);
}

TEST(Ports, NearALimitByTheGaugesAlone) {
    Gauges g;
    g.sockets[1] = 900;
    g.accepted = 900;
    EXPECT_TRUE(may_exhaust(g, 1024, 28232, 0.8)) << "fds, whoever opened them";
    EXPECT_FALSE(may_exhaust(g, 0, 1000, 0.8)) << "accepted ones take no ports";
    g.opened = 900;
    EXPECT_TRUE(may_exhaust(g, 0, 1000, 0.8));
    g.opened = g.accepted = 0;
    EXPECT_TRUE(may_exhaust(g, 0, 1000, 0.8)) << "older than the books: may be";
    EXPECT_FALSE(may_exhaust(g, 0, 0, 0.8));
}

}  // namespace
}  // namespace sockdog::testing
