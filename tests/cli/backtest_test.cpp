// `sockdog backtest`: what it prints, and what it says where it cannot.
#include "cli/backtest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/scenes.h"
#include "replay/sample_recorder.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

using ::testing::HasSubstr;

RemedyReport report(RemedyOutcome outcome, const std::string& reason) {
    RemedyReport r;
    r.outcome = outcome;
    r.action = "systemd-restart";
    r.target = "health_monitor.service";
    r.reason = reason;
    r.at = scenes::now().wall - 20min;
    return r;
}

Backtest two_incidents() {
    Backtest result;
    result.from = scenes::now().wall - std::chrono::hours(24 * 7);
    result.to = scenes::now().wall;
    result.watched = 24h * 7;
    result.processes = 12;
    result.walked = 2;
    result.runs = 1;
    BacktestIncident first;
    first.incident = scenes::incident("i1", scenes::close_wait());
    first.held.push_back(
        report(RemedyOutcome::kHeld, "min_leaked: 9 sockets leaked now, the policy acts from 20"));
    first.fired = report(RemedyOutcome::kDryRun, "would act");
    first.again = 3;
    BacktestIncident second;
    second.incident = scenes::incident("i2", scenes::idle_growth());
    second.incident.resolved_at = scenes::now().wall;
    second.incident.resolve_reason = "process ended";
    result.incidents = {first, second};
    return result;
}

TEST(BacktestText, HasALineForEachIncidentAndItsRemediesBelow) {
    scenes::use_zone();
    scenes::expect_golden("backtest.txt", render_backtest(two_incidents(), scenes::plain()));
    scenes::expect_golden("backtest_100.txt", render_backtest(two_incidents(), scenes::plain(100)));
    Backtest quiet = two_incidents();
    quiet.incidents.clear();
    quiet.walked = quiet.processes;
    scenes::expect_golden("backtest_quiet.txt", render_backtest(quiet, scenes::plain()));
}

TEST(BacktestJson, HasEverything) {
    const nlohmann::json j = backtest_json(two_incidents());
    EXPECT_EQ(j.at("remedies_fired"), 1);
    EXPECT_EQ(j.at("processes_with_sockets"), 2);
    EXPECT_EQ(j.at("incidents").size(), 2U);
    EXPECT_EQ(j.at("incidents").at(0).at("again"), 3);
    EXPECT_EQ(j.at("incidents").at(0).at("fired").at("target"), "health_monitor.service");
    EXPECT_TRUE(j.at("incidents").at(1).at("fired").is_null());
    EXPECT_EQ(j.at("incidents").at(0).at("incident").at("id"), "i1");
}

class BacktestCommand : public ::testing::Test {
  protected:
    void SetUp() override {
        scenes::use_zone();
        write("good.yaml", "state_dir: " + folder_.path().string() + "\n");
    }
    void write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
    int run(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "backtest");
        const Parsed parsed = parse_arguments(arguments, Environment{});
        out_.str("");
        err_.str(parsed.err);
        if (!parsed.options) return parsed.exit_code;
        return run_command(*parsed.options,
                           Surroundings{out_, err_, Style{}, nullptr, ProcRoot{"/nonexistent"}, 1ms});
    }
    /// Samples of one process with 20 sockets in CLOSE_WAIT, of the last ten minutes.
    void record() {
        SampleRecorder recorder(folder_ / "samples.db", "boot", SamplesSettings{});
        const Now end = read_now();
        ProcessHistory history;
        for (int i = 60; i >= 0; --i) {
            const Now now{end.mono - i * 10s, end.wall - i * 10s};
            std::vector<SocketRecord> sockets;
            for (std::uint64_t id = 0; id < 20; ++id) {
                SocketRecord s = scenes::leaked_socket(id, 60s).socket;
                s.opened = s.state_since = end.mono - 10min + Duration(20s) * static_cast<int>(id);
                s.idle_sent = s.idle_received = now.mono - *s.opened;
                s.id = 4096 + id;
                if (*s.opened <= now.mono) sockets.push_back(s);
            }
            Gauges gauges;
            gauges.sockets[static_cast<std::size_t>(TcpState::kCloseWait)] =
                static_cast<std::uint32_t>(sockets.size());
            gauges.opened = sockets.size();
            history.add(now.mono, gauges);
            recorder.gauges(now, scenes::monitor(), history, true);
            history.add_walk(now.mono, sockets);
            Scene scene;
            scene.now = now;
            scene.process = scenes::monitor().process;
            scene.history = &history;
            scene.sockets = sockets;
            recorder.walk(scene, scenes::monitor());
            recorder.end_turn(now, {});
        }
    }
    std::string file(const std::string& name) const { return (folder_ / name).string(); }

    const fixtures::TempDir folder_;
    std::ostringstream out_;
    std::ostringstream err_;
};

TEST_F(BacktestCommand, TellsWhatWouldHaveHappened) {
    record();
    EXPECT_EQ(run({"--config", file("good.yaml"), "--since", "7d"}), kExitOk) << err_.str();
    EXPECT_THAT(out_.str(), HasSubstr("close_wait"));
    EXPECT_THAT(out_.str(),
                HasSubstr("10m00s of samples of 1 process: 1 incident, 0 remedies would have fired."));
    EXPECT_EQ(run({"--config", file("good.yaml"), "--json"}), kExitOk);
    EXPECT_EQ(nlohmann::json::parse(out_.str()).at("incidents").size(), 1U);

    write("higher.yaml", "defaults: {close_wait: {count: 21}}\n");
    EXPECT_EQ(run({"--config", file("higher.yaml"), "--samples", file("samples.db")}), kExitOk) << err_.str();
    EXPECT_THAT(out_.str(), HasSubstr("0 incidents"));
}

TEST_F(BacktestCommand, SaysWhatIsWrong) {
    EXPECT_EQ(run({}), kExitUsage);
    EXPECT_THAT(err_.str(), HasSubstr("'backtest' needs --config FILE"));
    EXPECT_EQ(run({"--config", file("good.yaml"), "--since", "7"}), kExitUsage);
    EXPECT_THAT(err_.str(), HasSubstr("--since: "));
    EXPECT_EQ(run({"--confg", "x"}), kExitUsage);
    EXPECT_THAT(err_.str(), HasSubstr("did you mean '--config'?"));

    EXPECT_EQ(run({"--config", file("good.yaml")}), kExitProblem);
    EXPECT_THAT(err_.str(), HasSubstr("samples.db: No such file or directory"));
    EXPECT_EQ(run({"--config", file("none.yaml")}), kExitProblem);
    EXPECT_THAT(err_.str(), HasSubstr("none.yaml: cannot be opened"));
    write("bad.yaml", "tikc: 5s\n");
    EXPECT_EQ(run({"--config", file("bad.yaml")}), kExitProblem);
    EXPECT_THAT(err_.str(), HasSubstr("bad.yaml:1:1: "));
    EXPECT_THAT(err_.str(), HasSubstr("did you mean \"tick\"?"));

    write("text.db", std::string(5000, 'x'));
    EXPECT_EQ(run({"--config", file("good.yaml"), "--samples", file("text.db")}), kExitProblem);
    EXPECT_THAT(err_.str(), HasSubstr("not a database"));
    EXPECT_EQ(run({"--config", file("good.yaml"), "--samples", folder_.path().string()}), kExitProblem);
    EXPECT_THAT(err_.str(), HasSubstr("not a regular file"));

    ASSERT_TRUE(SampleStore::open(folder_ / "empty.db").ok());
    EXPECT_EQ(run({"--config", file("good.yaml"), "--samples", file("empty.db")}), kExitProblem);
    EXPECT_THAT(err_.str(), HasSubstr("no samples in it yet"));
}

}  // namespace
}  // namespace sockdog
