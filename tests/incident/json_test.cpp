// JSON both ways: what goes out comes back, and nothing hostile gets through.
#include "incident/json.h"

#include <gtest/gtest.h>

#include <limits>

#include "incident/json_fields.h"

namespace sockdog {
namespace {

using nlohmann::json;

Revision full_revision() {
    Finding f;
    f.leak_class = LeakClass::kIdleGrowth;
    f.severity = Severity::kCritical;
    f.process = {4242, UINT64_MAX};
    f.role = SocketRole::kAccepted;
    f.endpoint = *parse_endpoint("[2001:db8::1]:443");
    f.netns = 4026531840U;
    f.leaked = UINT32_MAX;
    f.close_wait = 1;
    f.established = 2;
    f.idle = 3;
    f.oldest_dwell = 3min + 20s + 5ms;
    f.slope_per_minute = 12.5;
    f.window = 180s;
    f.opened_in_window = 40;
    f.closed_in_window = 4;
    f.recv_queue_median = 32;
    f.recv_queue_max = 746000;
    f.requests_per_connection = 1.5;
    f.growing_windows = 17;
    f.opened_by = {{"/srv/a.rb:72 fetch", 30}, {"/srv/b.rb:1 \xff", 2}};
    Incident i;
    i.id = "i42";
    i.key = "unit:a.service|opened|x|7";
    i.policy = "directors";
    i.owner = Owner{.process = {4242, 99},
                    .alive = false,
                    .comm = "ruby",
                    .executable = "/usr/bin/ruby",
                    .command_line = "ruby monitor --now",
                    .uid = 1000,
                    .cgroup = "/system.slice/a.service",
                    .unit = "a.service",
                    .user_unit = "b.service",
                    .container_id = "0123",
                    .container_runtime = "docker",
                    .pod_uid = "p-1",
                    .bosh_job = "health_monitor",
                    .bpm_process = "hm"};
    i.first = i.latest = i.worst = f;
    i.first.leaked = 32;
    i.opened_at = WallTime(1'700'000'000'123ms);
    i.updated_at = WallTime(1'700'000'100'000ms);
    i.resolved_at = WallTime(1'700'000'200'001ms);
    i.resolve_reason = "process ended";
    i.remedies.push_back({RemedyOutcome::kGaveUp,
                          "systemd-restart",
                          "a.service",
                          "still leaking",
                          2,
                          {1, 2},
                          WallTime(1'700'000'150'000ms)});
    return {77, RevisionKind::kResolved, WallTime(1'700'000'200'001ms), i};
}

TEST(Json, BringsBackARevisionWhole) {
    const json out = full_revision();
    const json in = json::parse(out.dump());
    EXPECT_EQ(json(in.get<Revision>()), out);
    const auto back = in.get<Revision>();
    EXPECT_EQ(back.number, 77U);
    EXPECT_EQ(back.incident.latest.leaked, UINT32_MAX);
    EXPECT_EQ(back.incident.latest.process.start_ticks, UINT64_MAX);
    EXPECT_EQ(back.incident.latest.oldest_dwell, 3min + 20s + 5ms);
    EXPECT_EQ(back.incident.latest.endpoint, full_revision().incident.latest.endpoint);
    EXPECT_EQ(back.incident.resolved_at, full_revision().incident.resolved_at);
    EXPECT_EQ(back.incident.owner.bpm_process, "hm");
    EXPECT_EQ(back.incident.latest.opened_by.at(0), (CodePlace{"/srv/a.rb:72 fetch", 30}));
    EXPECT_EQ(back.incident.latest.opened_by.size(), 2U);
    EXPECT_EQ(back.incident.remedies.at(0).outcome, RemedyOutcome::kGaveUp);
}

TEST(Json, BringsBackWhatALeakUsesUpAndWhoSuffers) {
    Finding f;
    f.leak_class = LeakClass::kExhaustion;
    f.cause = LeakClass::kCloseWait;
    f.ports = Supply{.used = 90, .limit = 100, .growth_per_minute = 2.5, .runs_out = Forecast{4min, 7min}};
    f.fds = Supply{.used = 1024, .limit = 1024, .growth_per_minute = 0, .runs_out = {}};
    f.failures = 3;
    f.opener_pid = 17;
    f.busy_median = 20ms;
    f.victims = {{{99, 5}, "web.service", 7, WallTime(1'700'000'000'000ms), WallTime(1'700'000'060'000ms)}};
    const json out = f;
    EXPECT_EQ(json(json::parse(out.dump()).get<Finding>()), out);
    const auto back = out.get<Finding>();
    EXPECT_EQ(back.cause, LeakClass::kCloseWait);
    EXPECT_EQ(back.ports->runs_out->latest, 7min);
    EXPECT_FALSE(back.fds->runs_out);
    EXPECT_EQ(back.victims.at(0).name, "web.service");
    f.ports->runs_out->latest.reset();
    EXPECT_FALSE(json(f).get<Finding>().ports->runs_out->latest);
    EXPECT_TRUE(json(f)["ports"]["runs_out"]["latest_seconds"].is_null());
}

TEST(Json, BringsBackDefaults) {
    const json out = Revision{};
    EXPECT_EQ(json(json::parse(out.dump()).get<Revision>()), out);
    EXPECT_TRUE(out["incident"]["resolved_at"].is_null());
    EXPECT_TRUE(out["incident"]["open"].get<bool>());
}

TEST(Json, NeverWritesWhatItCannotReadBack) {
    Finding f;
    f.slope_per_minute = std::numeric_limits<double>::infinity();
    f.requests_per_connection = std::numeric_limits<double>::quiet_NaN();
    const json j = f;
    EXPECT_EQ(j["slope_per_minute"], 0.0);
    EXPECT_EQ(j["requests_per_connection"], 0.0);
}

TEST(Json, ReadsAnOlderJournalThatLacksMembers) {
    const json finding = {{"class", "close_wait"}, {"severity", "warning"}, {"role", "opened"}};
    const json old = {
        {"id", "i1"}, {"first", finding}, {"latest", finding}, {"worst", finding}, {"unheard_of", 1}};
    EXPECT_EQ(old.get<Incident>().id, "i1");
    EXPECT_TRUE(old.get<Incident>().open());
}

TEST(Json, ThrowsOnAWrongShape) {
    const json good = full_revision();
    const std::vector<std::pair<std::string, json>> wrongs{
        {"/number", -1},
        {"/number", "7"},
        {"/kind", "exploded"},
        {"/kind", 3},
        {"/kind", nullptr},
        {"/at", 5},
        {"/incident", json::array()},
        {"/incident/id", nullptr},
        {"/incident/latest", nullptr},
        {"/incident/latest", "x"},
        {"/incident/latest/leaked", 4294967296ULL},
        {"/incident/latest/leaked", 1.5},
        {"/incident/latest/leaked", 1e300},
        {"/incident/latest/class", "nope"},
        {"/incident/latest/role", ""},
        {"/incident/latest/endpoint", "300.1.1.1:99999"},
        {"/incident/latest/oldest_dwell_seconds", 1e30},
        {"/incident/latest/slope_per_minute", "fast"},
        {"/incident/owner/comm", json::object()},
        {"/incident/owner/alive", 1},
        {"/incident/remedies", "none"},
        {"/incident/remedies/0/outcome", "cured"},
    };
    for (const auto& [where, value] : wrongs) {
        json bad = good;
        bad[json::json_pointer(where)] = value;
        EXPECT_THROW((void)bad.get<Revision>(), json::exception) << where << " " << value;
    }
    EXPECT_THROW((void)json().get<Revision>(), json::exception);
    EXPECT_THROW((void)json::array().get<Incident>(), json::exception);
}

TEST(JsonSafe, LeavesUtf8AndEscapesTheRest) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", ""},
        {"nginx", "nginx"},
        {"na\nme\t\x01", "na\nme\t\x01"},
        {"gr\xC3\xBC\xC3\x9F", "gr\xC3\xBC\xC3\x9F"},
        {"\xF0\x9F\x90\x95", "\xF0\x9F\x90\x95"},
        {"\xff\xfe", "\\xff\\xfe"},
        {"a\x80z", "a\\x80z"},
        {"\xC3", "\\xc3"},
        {"\xC0\xAF", "\\xc0\\xaf"},                    // overlong
        {"\xE0\x80\x80", "\\xe0\\x80\\x80"},           // overlong
        {"\xED\xA0\x80", "\\xed\\xa0\\x80"},           // surrogate
        {"\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // above U+10FFFF
        {"\xE2\x82", "\\xe2\\x82"},                    // cut short
    };
    for (const auto& [in, out] : cases) {
        EXPECT_EQ(json_safe(in), out);
        EXPECT_EQ(json_safe(out), out);
        EXPECT_NO_THROW((void)json(json_safe(in)).dump());
    }
    const std::string nul("a\0b", 3);
    EXPECT_EQ(json_safe(nul), nul);
    EXPECT_EQ(json(nul).dump(), "\"a\\u0000b\"");
}

TEST(JsonSafe, MakesEveryByteFitForJson) {
    std::string all;
    for (int first = 0; first < 256; ++first) {
        for (int second = 0; second < 256; second += 5) {
            all.push_back(static_cast<char>(first));
            all.push_back(static_cast<char>(second));
        }
    }
    const std::string safe = json_safe(all);
    EXPECT_EQ(json::parse(json(safe).dump()).get<std::string>(), safe);
}

TEST(Json, CarriesHostileNames) {
    Revision r = full_revision();
    r.incident.owner.comm = "\xff\n\"\\}{\x01";
    r.incident.owner.command_line = std::string(200000, '\xfe');
    r.incident.remedies[0].reason = "\xc3";
    const json j = r;
    EXPECT_EQ(json(json::parse(j.dump()).get<Revision>()), j);
}

TEST(Incident, SumsUpInOneSentence) {
    Incident i;
    i.owner.comm = "python3";
    i.owner.executable = "/usr/bin/python3";
    i.latest.process = {4242, 1};
    i.latest.endpoint = *parse_endpoint("127.0.0.1:8080");
    i.latest.leaked = 57;
    i.latest.oldest_dwell = 3min + 20s;
    i.latest.slope_per_minute = 12;
    i.latest.window = 3min;
    EXPECT_EQ(
        summary(i),
        "python3 (pid 4242) does not close connections to 127.0.0.1:8080: 57 in CLOSE_WAIT, oldest 3m20s, "
        "+12.0 a minute");
    i.latest.leak_class = LeakClass::kIdleGrowth;
    EXPECT_NE(summary(i).find("57 idle, oldest 3m20s"), std::string::npos);
    i.latest.opened_by = {{"/srv/shop/client.py:42 fetch", 50}};
    EXPECT_TRUE(summary(i).ends_with("+12.0 a minute, opened by client.py:42 fetch")) << summary(i);
    i.latest.opened_by.push_back({"/srv/b.py:1 f\n", 7});
    EXPECT_TRUE(summary(i).ends_with("client.py:42 fetch and others")) << summary(i);
    i.latest.role = SocketRole::kAccepted;
    EXPECT_NE(summary(i).find("accepted on 127.0.0.1:8080"), std::string::npos);
}

TEST(Incident, SummaryStaysOneLineWhateverTheName) {
    Incident i;
    i.owner.comm = i.owner.executable = "evil\n\x1b[31m\xff";
    const std::string text = summary(i);
    EXPECT_EQ(text.find('\n'), std::string::npos);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(json_safe(text), text);
}

TEST(Revision, SaysWhatHappenedInOneSentence) {
    Revision r;
    r.incident.owner.comm = "python3";
    r.incident.latest.process = {4242, 1};
    r.incident.latest.endpoint = *parse_endpoint("127.0.0.1:8080");
    for (const auto kind : {RevisionKind::kOpened, RevisionKind::kGrew, RevisionKind::kEscalated}) {
        r.kind = kind;
        EXPECT_EQ(headline(r), summary(r.incident));
    }
    r.kind = RevisionKind::kResolved;
    r.incident.resolve_reason = "process ended";
    EXPECT_EQ(headline(r), "resolved (process ended): " + summary(r.incident));
    r.kind = RevisionKind::kRemedied;
    EXPECT_EQ(headline(r), summary(r.incident)) << "a remedy that told nothing";
    RemedyReport& report = r.incident.remedies.emplace_back();
    report.outcome = RemedyOutcome::kFailed;
    report.action = "systemd-restart";
    report.target = "web\n.service";
    report.reason = "it kept its pid";
    EXPECT_EQ(headline(r), "remedy failed (systemd-restart web\\x0a.service): it kept its pid");
    report.target.clear();
    EXPECT_EQ(headline(r), "remedy failed (systemd-restart): it kept its pid");
}

TEST(Names, AreTheirOwnInverse) {
    for (int i = 0; i <= 5; ++i) {
        const auto outcome = static_cast<RemedyOutcome>(i);
        EXPECT_EQ(remedy_outcome_from(to_string(outcome)), outcome);
    }
    for (int i = 0; i <= 4; ++i) {
        const auto kind = static_cast<RevisionKind>(i);
        EXPECT_EQ(revision_kind_from(to_string(kind)), kind);
    }
    EXPECT_FALSE(remedy_outcome_from(""));
    EXPECT_FALSE(revision_kind_from("OPENED"));
    for (const LeakClass leak_class : kLeakClasses)
        EXPECT_EQ(leak_class_from(to_string(leak_class)), leak_class);
    EXPECT_FALSE(leak_class_from("close-wait"));
    EXPECT_FALSE(severity_from("info"));
}

}  // namespace
}  // namespace sockdog
