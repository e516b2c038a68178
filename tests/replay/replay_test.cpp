// Recorded and replayed: what the watch concluded is what the replay concludes, and nothing comes of gaps.
#include "replay/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "recorded.h"
#include "replay/backtest.h"

namespace sockdog::testing {
namespace {

struct Replayed {
    std::vector<Told> told;
    std::size_t ticks = 0;
};

Replayed replay(const std::filesystem::path& file, const Config& config) {
    Replayed result;
    auto reader = SampleReader::open(file);
    EXPECT_TRUE(reader.ok()) << reader.error().message;
    if (!reader) return result;
    Replay replay(config);
    SampledTick tick;
    while (true) {
        const auto more = reader->next(tick);
        EXPECT_TRUE(more.ok()) << more.error().message;
        if (!more || !*more) return result;
        ++result.ticks;
        const auto look = replay.look(tick, reader->boot_id());
        EXPECT_TRUE(look.ok()) << look.error().message;
        if (!look) return result;
        if (!look->observed.empty()) result.told.push_back({look->now.wall, in_words(look->observed)});
    }
}

Result<Backtest> backtest_of(const std::filesystem::path& file, const Config& config,
                             std::optional<WallTime> since = {}) {
    auto reader = SampleReader::open(file);
    if (!reader) return reader.error();
    return backtest(config, *reader, since);
}

/// Two connections a minute that are never closed; the peer closes them after `peer`.
Simulator::Script leaks_every(Duration period, Duration peer) {
    return [=, opened = std::map<std::size_t, Duration>()](Simulator& s) mutable {
        if (s.every(period)) {
            const std::size_t id = s.open(endpoint(25555));
            s.exchange(id, 2);
            opened[id] = s.elapsed();
        }
        if (peer == Duration::zero()) return;
        for (const auto& [id, at] : opened)
            if (s.elapsed() - at >= peer) s.peer_closes(id);
    };
}

/// Busy: a pool that is used all the time, beside connections that come and go.
Simulator::Script works(std::size_t pool) {
    return [=, ids = std::vector<std::size_t>()](Simulator& s) mutable {
        while (ids.size() < pool) ids.push_back(s.open(endpoint(5432)));
        for (const std::size_t id : ids)
            if (s.random()() % 3 == 0) s.exchange(id);
        const std::size_t brief = s.open(endpoint(80));
        s.exchange(brief);
        s.close(brief);
    };
}

Simulator::Script both(const Simulator::Script& a, const Simulator::Script& b) {
    return [a, b](Simulator& s) {
        a(s);
        b(s);
    };
}

struct Case {
    const char* name;
    Simulator::Script (*script)();
    Duration length;
};

class SameAsLive : public ::testing::TestWithParam<Case> {};

TEST_P(SameAsLive, FindsTheSameAtTheSameInstants) {
    const fixtures::TempDir dir;
    const Config config;
    Recorded live(dir / "samples.db", config);
    live.run(GetParam().length, GetParam().script());
    ASSERT_FALSE(live.told.empty()) << "a leak, or there is nothing to compare";
    const Replayed replayed = replay(dir / "samples.db", config);
    ASSERT_EQ(replayed.told.size(), live.told.size());
    for (std::size_t i = 0; i < live.told.size(); ++i) {
        ASSERT_EQ(replayed.told[i].at, live.told[i].at) << i;
        ASSERT_EQ(replayed.told[i].findings, live.told[i].findings) << format_rfc3339(live.told[i].at);
    }
    const auto again = backtest_of(dir / "samples.db", config);
    ASSERT_TRUE(again.ok()) << again.error().message;
    std::vector<WallTime> opened;
    for (const Revision& r : live.revisions)
        if (r.kind == RevisionKind::kOpened) opened.push_back(r.at);
    ASSERT_EQ(again->incidents.size(), opened.size());
    for (std::size_t i = 0; i < opened.size(); ++i)
        EXPECT_EQ(again->incidents[i].incident.opened_at, opened[i]);
}

INSTANTIATE_TEST_SUITE_P(
    Histories, SameAsLive,
    ::testing::Values(Case{"CloseWait", [] { return leaks_every(10s, 60s); }, 1h},
                      Case{"IdleGrowth", [] { return leaks_every(4s, 0s); }, 30min},
                      Case{"IdleThenClosed", [] { return leaks_every(3s, 600s); }, 40min},
                      Case{"BesideWork", [] { return both(works(40), leaks_every(5s, 90s)); }, 25min},
                      Case{"OverTheHour", [] { return leaks_every(30s, 45s); }, 150min}),
    [](const auto& tested) { return tested.param.name; });

TEST(Replay, TellsTheSameOfWhatGoesBeyondTheProcess) {
    const fixtures::TempDir dir;
    Recorded live(dir / "samples.db", Config{});
    live.local_ports = 400;
    live.fd_limit = 250;
    const auto leak = leaks_every(10s, 60s);
    live.run(40min, leak);
    const Endpoint peer = endpoint(25555);
    const MonoTime now = MonoTime(1000h) + 40min;
    live.shortages = {{{5151, 1}, {AF_INET, {127, 0, 0, 1}, 0}, peer, 4026531840U, 17, now, now}};
    live.run(70min, leak);
    ASSERT_FALSE(live.told.empty());
    EXPECT_THAT(live.told.back().findings, ::testing::StartsWith("exhaustion critical"));
    EXPECT_EQ(replay(dir / "samples.db", Config{}).told, live.told);
}

TEST(Replay, TellsTheSameAfterAPoolThatNeverLeakedForLong) {
    const fixtures::TempDir dir;
    Recorded live(dir / "samples.db", Config{});
    live.run(2h, works(20));
    EXPECT_TRUE(live.told.empty());
    EXPECT_TRUE(replay(dir / "samples.db", Config{}).told.empty());
    live.run(3h, both(works(0), leaks_every(5s, 30s)));
    ASSERT_FALSE(live.told.empty());
    EXPECT_EQ(replay(dir / "samples.db", Config{}).told, live.told)
        << "the past was told thinly, then in full";
}

TEST(Replay, HigherLimitsFindLessAndLater) {
    const fixtures::TempDir dir;
    Recorded live(dir / "samples.db", Config{});
    live.run(1h, leaks_every(10s, 60s));
    const auto same = backtest_of(dir / "samples.db", Config{});
    ASSERT_TRUE(same.ok());
    ASSERT_EQ(same->incidents.size(), 1U);

    Config higher;
    higher.defaults.limits.close_wait.count = 100;
    higher.defaults.limits.idle_growth.survivors = 1000;
    const auto later = backtest_of(dir / "samples.db", higher);
    ASSERT_EQ(later->incidents.size(), 1U);
    EXPECT_GT(later->incidents[0].incident.opened_at, same->incidents[0].incident.opened_at + 10min);

    higher.defaults.limits.close_wait.count = 100'000;
    EXPECT_TRUE(backtest_of(dir / "samples.db", higher)->incidents.empty());

    Config ignoring;
    ignoring.policies.emplace_back();
    ignoring.policies[0].match.unit = "monitor.*";
    ignoring.policies[0].ignore = true;
    EXPECT_TRUE(backtest_of(dir / "samples.db", ignoring)->incidents.empty());
}

TEST(Replay, AGapOfHoursMakesNoLeak) {
    const fixtures::TempDir dir;
    Config config;
    config.defaults.limits.close_wait.count = 4;
    Recorded live(dir / "samples.db", config);
    // Before and after the gap there are always some in CLOSE_WAIT, none of them for long.
    std::vector<std::size_t> ids;
    const auto healthy = [&ids](Simulator& s) {
        ids.push_back(s.open(endpoint(80)));
        s.exchange(ids.back());
        s.peer_closes(ids.back());
        if (ids.size() <= 20) return;
        s.close(ids.front());
        ids.erase(ids.begin());
    };
    live.run(20min, healthy);
    live.unwatched_until(5h, healthy);
    live.run(5h + 20min, healthy);
    EXPECT_TRUE(live.told.empty());
    EXPECT_GT(live.walks, 20U);
    const auto result = backtest_of(dir / "samples.db", config);
    ASSERT_TRUE(result.ok());
    EXPECT_TRUE(result->incidents.empty());
    EXPECT_EQ(result->runs, 2U);
    EXPECT_LT(result->watched, 45min) << "the gap was not watched";
}

TEST(Replay, AnIncidentOutlivesARestartOfTheAgent) {
    const fixtures::TempDir dir;
    Recorded live(dir / "samples.db", Config{});
    const auto leak = leaks_every(10s, 60s);
    live.run(1h, leak);
    live.restart_agent();
    live.run(2h, [](Simulator&) {});
    const auto result = backtest_of(dir / "samples.db", Config{});
    ASSERT_TRUE(result.ok());
    ASSERT_EQ(result->incidents.size(), 1U);
    EXPECT_TRUE(result->incidents[0].incident.open());
}

TEST(Replay, ARebootInBetweenMakesNoLeakOfTheOldSockets) {
    const fixtures::TempDir dir;
    Config config;
    Recorded before(dir / "samples.db", config, "boot-1");
    before.run(1h, leaks_every(10s, 60s));
    ASSERT_FALSE(before.told.empty());
    // The clock of the new boot begins where that of the old one did, and pids begin anew.
    Recorded after(dir / "samples.db", config, "boot-2", WallTime(std::chrono::hours(24 * 20000 + 2)));
    after.run(1h, works(10));
    const auto result = backtest_of(dir / "samples.db", config);
    ASSERT_TRUE(result.ok()) << result.error().message;
    ASSERT_EQ(result->incidents.size(), 1U);
    const Incident& incident = result->incidents[0].incident;
    ASSERT_FALSE(incident.open());
    EXPECT_GE(*incident.resolved_at, WallTime(std::chrono::hours(24 * 20000 + 2)));
}

TEST(Replay, AWallClockThatWasSetBackMovesNothing) {
    const fixtures::TempDir dir;
    Config config;
    Recorded before(dir / "samples.db", config, "boot-1");
    before.run(20min, leaks_every(10s, 60s));
    Recorded after(dir / "samples.db", config, "boot-2", WallTime(std::chrono::hours(24 * 19000)));
    after.run(20min, works(10));
    const auto result = backtest_of(dir / "samples.db", config);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->incidents.size(), 1U);
    EXPECT_NEAR(std::chrono::duration<double>(result->watched).count(), 2400, 130)
        << "less a minute at each end";
}

TEST(Replay, TheSamePidWithAnotherStartIsAnotherProcess) {
    const fixtures::TempDir dir;
    Config config;
    config.defaults.limits.close_wait.count = 40;
    config.defaults.limits.close_wait.dwell = 20min;
    config.defaults.limits.idle_growth.enabled = false;
    Recorded live(dir / "samples.db", config);
    live.run(10min, leaks_every(10s, 30s));
    for (std::size_t id = 1; id < 100; ++id) live.simulator.close(id);
    live.process_is_replaced_by({4242, 999});
    live.run(25min, leaks_every(10s, 30s));
    Config lower = config;
    lower.defaults.limits.close_wait.count = 70;
    lower.defaults.limits.close_wait.dwell = 1s;
    const auto result = backtest_of(dir / "samples.db", lower);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->processes, 2U);
    for (const auto& one : result->incidents) EXPECT_EQ(one.incident.latest.process, (ProcessId{4242, 999}));
}

}  // namespace
}  // namespace sockdog::testing
