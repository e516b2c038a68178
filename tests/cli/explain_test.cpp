#include "cli/explain.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "cli/scenes.h"
#include "cli/words.h"

namespace sockdog {
namespace {

class Explain : public testing::Test {
  protected:
    void SetUp() override { scenes::use_zone(); }
};

RemedyReport report(RemedyOutcome outcome, std::uint32_t attempt, const std::string& reason) {
    return {outcome, "systemd-restart", "health_monitor.service", reason,
            attempt, {4242, 777},       scenes::now().wall - 5min};
}

TEST_F(Explain, TellsACloseWaitLeak) {
    ExplainView view = scenes::leak_story();
    view.incidents[0].remedies = {report(RemedyOutcome::kHeld, 0, "the incident is younger than 5m"),
                                  report(RemedyOutcome::kDryRun, 1, "")};
    view.notes = {
        "The call site is not known: it is recorded for connections opened after sockdogd started."};
    const LocalFacts facts{150, 28232};
    scenes::expect_golden("explain_close_wait.txt",
                          render_explanation(view, facts, scenes::now(), scenes::plain(100)));
    scenes::expect_golden("explain_close_wait_60.txt",
                          render_explanation(view, facts, scenes::now(), scenes::plain(60)));
}

TEST_F(Explain, TellsIdleGrowthWithoutLocalFacts) {
    ExplainView view = scenes::leak_story();
    view.incidents = {scenes::incident("i8", scenes::idle_growth())};
    view.incidents[0].remedies = {report(RemedyOutcome::kFailed, 1, "the leak is still there"),
                                  report(RemedyOutcome::kGaveUp, 2, "two tries failed")};
    view.sockets.clear();
    scenes::expect_golden("explain_idle_growth.txt",
                          render_explanation(view, {}, scenes::now(), scenes::plain(100)));
}

/// Every class in one file, each with what only it has.
TEST_F(Explain, TellsEveryClass) {
    std::string text;
    for (const LeakClass leak_class : kLeakClasses) {
        Finding f = scenes::close_wait();
        f.leak_class = leak_class;
        f.busy_median = 40ms;
        f.ports = Supply{.used = 97, .limit = 28232, .growth_per_minute = 12, .runs_out = Forecast{36h, 50h}};
        f.fds = Supply{.used = 150, .limit = 1024, .growth_per_minute = 12, .runs_out = Forecast{1h, {}}};
        if (leak_class == LeakClass::kBacklog || leak_class == LeakClass::kHalfClosed)
            f.role = SocketRole::kAccepted;
        if (leak_class == LeakClass::kBacklog) f.backlog_limit = 128;
        if (leak_class == LeakClass::kInherited) f.opener_pid = 17;
        if (leak_class == LeakClass::kUnused) f.endpoint = {};
        if (leak_class == LeakClass::kChurn) f.plateau_age = 30s;
        if (leak_class == LeakClass::kExhaustion) {
            f.cause = LeakClass::kCloseWait;
            f.ports->used = 28232;
            f.ports->runs_out.reset();
            f.failures = 2;
            const WallTime then = scenes::now().wall - 4min;
            f.victims = {{{99, 5}, "agent.service", 41, then, scenes::now().wall},
                         {{100, 5}, "", 1, then, scenes::now().wall}};
        }
        ExplainView view = scenes::leak_story();
        view.incidents = {scenes::incident("i9", f)};
        view.sockets.clear();
        text += render_explanation(view, {}, scenes::now(), scenes::plain(100)) + "\n";
    }
    scenes::expect_golden("explain_classes.txt", text);
}

TEST_F(Explain, SaysWhyAHealthyProcessHasNoIncident) {
    ExplainView view;
    view.process = scenes::healthy_process();
    view.policy = "web";
    scenes::expect_golden("explain_healthy.txt",
                          render_explanation(view, {}, scenes::now(), scenes::plain(100)));
    view.notes = {"2 sockets are in CLOSE_WAIT, below the limit of 8."};
    const std::string text = render_explanation(view, {}, scenes::now(), scenes::plain(100));
    EXPECT_NE(text.find("below the limit of 8"), std::string::npos);
    EXPECT_NE(text.find("No incident is open"), std::string::npos);
}

TEST_F(Explain, TellsAResolvedIncidentAsThePast) {
    ExplainView view = scenes::leak_story();
    view.incidents[0].resolved_at = scenes::now().wall - 8min;
    view.incidents[0].resolve_reason = "process ended";
    view.process.owner.alive = false;
    view.process.gauges = {};
    view.sockets.clear();
    scenes::expect_golden("explain_resolved.txt",
                          render_explanation(view, {}, scenes::now(), scenes::plain(100)));
}

TEST_F(Explain, HostileWordsCannotBreakTheStory) {
    ExplainView view = scenes::leak_story();
    view.process.owner.comm = "a\033[2J\nb\xff";
    view.process.owner.command_line = std::string(1 << 20, 'x') + "\n";
    view.notes = {"note\033]0;title\a"};
    view.incidents[0].id = "i7\n";
    view.incidents[0].owner.unit = "x\n.service";
    const std::string text = render_explanation(view, {}, scenes::now(), scenes::plain(80));
    EXPECT_EQ(text.find('\033'), std::string::npos);
    EXPECT_EQ(text.find('\xff'), std::string::npos);
    EXPECT_EQ(text.find('\a'), std::string::npos);
    EXPECT_LT(text.size(), 10000U);
}

TEST_F(Explain, ReadsRecvQ) {
    struct Case {
        LeakClass leak_class;
        std::uint32_t recv_queue;
        std::string says;
    };
    const std::vector<Case> cases{
        {LeakClass::kCloseWait, 0, "read the end of the stream (EOF) and then did not close"},
        {LeakClass::kCloseWait, 1, "the peer's FIN"},
        {LeakClass::kCloseWait, 25, "TLS close_notify"},
        {LeakClass::kCloseWait, 32, "TLS close_notify"},
        {LeakClass::kCloseWait, 73, "data came and was never read"},
        {LeakClass::kIdleGrowth, 0, "read all that came"},
        {LeakClass::kIdleGrowth, 100, "100 bytes"},
        {LeakClass::kIdleGrowth, 65536, "response bodies were begun and abandoned"}};
    for (const Case& c : cases) {
        Finding f = scenes::close_wait();
        f.leak_class = c.leak_class;
        f.recv_queue_median = c.recv_queue;
        const std::string text = forgotten_sentence(f);
        EXPECT_NE(text.find(c.says), std::string::npos) << c.recv_queue << ": " << text;
    }
}

TEST_F(Explain, ForecastsWhenFdsAndPortsRunOut) {
    ExplainView view = scenes::leak_story();
    Finding f = scenes::close_wait();
    EXPECT_EQ(forecast_sentence(f, view, LocalFacts{424, {}}),
              "It has 424 of its 1024 fds in use; at this pace they run out in about 50m00s (EMFILE).");
    EXPECT_EQ(forecast_sentence(f, view, {}),
              "Its TCP sockets alone take 98 of its 1024 fds; at this pace they run out in at most 1h17m "
              "(EMFILE).");
    EXPECT_NE(forecast_sentence(f, view, LocalFacts{1024, {}}).find("none is left"), std::string::npos);
    view.fd_limit = 0;
    EXPECT_EQ(forecast_sentence(f, view, {}), "");
    EXPECT_NE(forecast_sentence(f, view, LocalFacts{{}, 1297}).find("97 of the 1297 local ports"),
              std::string::npos);
    EXPECT_NE(forecast_sentence(f, view, LocalFacts{{}, 1297}).find("run out in about 1h40m"),
              std::string::npos);
    EXPECT_NE(forecast_sentence(f, view, LocalFacts{{}, 97}).find("All 97 local ports"), std::string::npos);
    f.slope_per_minute = 0;
    EXPECT_EQ(forecast_sentence(f, view, LocalFacts{{}, 1297}),
              "It also takes 97 of the 1297 local ports to that endpoint.");
    f.role = SocketRole::kAccepted;
    EXPECT_EQ(forecast_sentence(f, view, LocalFacts{{}, 1297}), "")
        << "accepted sockets take no ephemeral port";
}

TEST_F(Explain, TellsPaceInEachDirection) {
    Finding f = scenes::close_wait();
    EXPECT_EQ(growth_sentence(f),
              "That grows by 12.0 a minute, measured over 5m00s (3 windows of growth in a row); in that time "
              "65 were opened and "
              "5 of those closed again.");
    f.opened_in_window = 0;
    f.slope_per_minute = -2;
    EXPECT_EQ(growth_sentence(f), "That shrinks by 2.0 a minute, measured over 5m00s.");
    f.slope_per_minute = 0;
    EXPECT_EQ(growth_sentence(f), "That did not grow in the last 5m00s.");
    f.window = {};
    EXPECT_EQ(growth_sentence(f), "How fast that grows is not known yet.");
}

TEST_F(Explain, NamesTheRestartThatFitsTheOwner) {
    Owner owner = scenes::monitor();
    EXPECT_NE(cure_sentence(scenes::close_wait(), owner).find("systemctl restart health_monitor.service"),
              std::string::npos);
    owner.user_unit = "app.service";
    EXPECT_NE(cure_sentence(scenes::close_wait(), owner).find("systemctl --user restart app.service"),
              std::string::npos);
    owner.bosh_job = "health_monitor";
    EXPECT_NE(cure_sentence(scenes::close_wait(), owner).find("monit restart health_monitor"),
              std::string::npos);
    EXPECT_NE(cure_sentence(scenes::close_wait(), scenes::nginx()).find("docker restart cccccccccccc"),
              std::string::npos);
    owner = Owner{};
    owner.unit = "session-2.scope";
    EXPECT_EQ(cure_sentence(scenes::close_wait(), owner).find("restart"), std::string::npos);
}

TEST_F(Explain, NamesTheLinesThatOpenedWhatLeaks) {
    Finding f;
    f.leaked = 57;
    EXPECT_EQ(places_sentence(f), "");
    f.opened_by = {{"/srv/director.rb:72 perform_request", 50}, {"/srv/b.rb:1 \x1b[31m", 3}};
    EXPECT_EQ(places_sentence(f),
              "Opened by /srv/director.rb:72 perform_request (50 of 57), /srv/b.rb:1 \\x1b[31m (3 of 57).");
}

}  // namespace
}  // namespace sockdog
