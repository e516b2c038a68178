// Remedies on recorded samples: which would have fired, and which guard said no.
#include "replay/backtest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recorded.h"

namespace sockdog::testing {
namespace {

using ::testing::HasSubstr;

Simulator::Script leak() {
    return [](Simulator& s) {
        if (!s.every(10s)) return;
        const std::size_t id = s.open(endpoint(25555));
        s.exchange(id, 2);
        s.peer_closes(id);
    };
}

class Remedies : public ::testing::Test {
  protected:
    void SetUp() override {
        Recorded live(file_, Config{});
        live.run(2h, leak());
    }
    Config with_remedy() const {
        Config config;
        Policy policy;
        policy.name = "monitor";
        policy.match.unit = "monitor.service";
        policy.remedy.action = RemedyAction::kSystemdRestart;
        policy.remedy.dry_run = false;
        config.policies.push_back(policy);
        return config;
    }
    Backtest of(const Config& config, std::optional<WallTime> since = {}) {
        auto reader = SampleReader::open(file_);
        EXPECT_TRUE(reader.ok());
        auto result = backtest(config, *reader, since);
        EXPECT_TRUE(result.ok()) << result.error().message;
        return result ? *result : Backtest{};
    }
    const fixtures::TempDir dir_;
    const std::filesystem::path file_ = dir_ / "samples.db";
};

TEST_F(Remedies, WouldFireOnceAndThenAgainAfterEachCooldown) {
    const Backtest result = of(with_remedy());
    ASSERT_EQ(result.incidents.size(), 1U);
    const BacktestIncident& one = result.incidents[0];
    ASSERT_TRUE(one.fired.has_value());
    EXPECT_EQ(one.fired->target, "monitor.service");
    EXPECT_NEAR(static_cast<double>((one.fired->at - one.incident.opened_at).count()), 300'000, 15'000)
        << "sustained for 5m";
    EXPECT_EQ(one.again, 3U) << "within 2h at a cooldown of 30m";
    EXPECT_EQ(result.fired(), 1U);
    EXPECT_EQ(one.incident.policy, "monitor");
}

TEST_F(Remedies, AreHeldByTheGuardsOfTheEngine) {
    Config config = with_remedy();
    config.remedies.protected_units = {"monitor.*"};
    const Backtest result = of(config);
    ASSERT_EQ(result.incidents.size(), 1U);
    EXPECT_FALSE(result.incidents[0].fired);
    ASSERT_EQ(result.incidents[0].held.size(), 1U);
    EXPECT_THAT(result.incidents[0].held[0].reason, HasSubstr("protected"));
    EXPECT_EQ(of(Config{}).fired(), 0U) << "no action in the policy";
}

TEST_F(Remedies, SinceLeavesOutWhatWasBefore) {
    const WallTime end = of(Config{}).to;
    const Backtest half = of(with_remedy(), end - 1h);
    ASSERT_EQ(half.incidents.size(), 1U) << "still open, so it belongs to the range";
    EXPECT_GE(half.from, end - 1h);
    EXPECT_NEAR(std::chrono::duration<double>(half.watched).count(), 3600, 15);
    auto reader = SampleReader::open(file_);
    const auto later = backtest(Config{}, *reader, end + 1h);
    ASSERT_FALSE(later.ok());
    EXPECT_THAT(later.error().message, HasSubstr("the newest is of"));
}

}  // namespace
}  // namespace sockdog::testing
