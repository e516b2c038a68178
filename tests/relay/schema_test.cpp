// The published schema of events, docs/webhook.schema.json, held against all that is rendered.
#include <gtest/gtest.h>

#include "command_output.h"
#include "relay/format.h"
#include "relay/revisions.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

using nlohmann::json;
using test::make_revision;

/// Every event, class, outcome of a remedy and shape of an optional field at least once.
std::vector<json> all_events() {
    std::vector<json> events;
    const Sender sender{"00112233445566aa", "h\xc3\xb6st"};
    const auto add = [&](const Revision& revision) {
        if (const auto body = webhook_format()->render(revision, sender))
            events.push_back(json::parse(*body));
    };
    for (const LeakClass leak_class : kLeakClasses) {
        Revision revision = make_revision(1);
        revision.incident.latest.leak_class = leak_class;
        add(revision);
    }
    for (const auto kind : {RevisionKind::kEscalated, RevisionKind::kRemedied, RevisionKind::kResolved}) {
        Revision revision = make_revision(2, "i2", kind);
        Incident& incident = revision.incident;
        incident.owner.command_line = "a\xff\x01\"<b>";
        incident.latest.severity = Severity::kCritical;
        incident.latest.role = SocketRole::kListening;
        incident.latest.endpoint = *parse_endpoint("[::1]:80");
        incident.latest.leak_class = LeakClass::kExhaustion;
        incident.latest.cause = LeakClass::kCloseWait;
        incident.latest.slope_per_minute = -3.5;
        incident.latest.fds = Supply{.used = 90, .limit = 100, .growth_per_minute = -1, .runs_out = {}};
        incident.latest.ports =
            Supply{.used = 90, .limit = 100, .growth_per_minute = 1, .runs_out = Forecast{10min, {}}};
        incident.worst.ports =
            Supply{.used = 90, .limit = 100, .growth_per_minute = 1, .runs_out = Forecast{10min, 20min}};
        incident.latest.victims.push_back({{7, 9}, "other", 3, revision.at, revision.at});
        incident.latest.opened_by.push_back({"app.py:14 main", 9});
        for (const auto outcome : {RemedyOutcome::kDryRun, RemedyOutcome::kHeld, RemedyOutcome::kStarted,
                                   RemedyOutcome::kSucceeded, RemedyOutcome::kFailed, RemedyOutcome::kGaveUp,
                                   RemedyOutcome::kByHand}) {
            incident.remedies.emplace_back().outcome = outcome;
            incident.remedies.back().at = revision.at;
        }
        if (kind == RevisionKind::kResolved) incident.resolved_at = revision.at;
        add(revision);
    }
    return events;
}

class Schema : public ::testing::Test {
  protected:
    /// Exit code of the check; what it printed is in said_.
    int check(const std::vector<json>& events) {
        std::string lines;
        for (const json& event : events) lines += event.dump() + "\n";
        auto [text, code] = fixtures::output_of("/usr/bin/python3 " SOCKDOG_SOURCE_DIR
                                                "/tests/relay/check_schema.py " SOCKDOG_SOURCE_DIR
                                                "/docs/webhook.schema.json " +
                                                folder_.put("events", lines) + " 2>&1");
        said_ = std::move(text);
        return code;
    }

    const fixtures::TempDir folder_;
    std::string said_;
};

TEST_F(Schema, HoldsForEveryEvent) {
    const auto events = all_events();
    const int code = check(events);
    if (code == 77) GTEST_SKIP() << "no package python3-jsonschema";
    EXPECT_EQ(code, 0) << said_;
    EXPECT_EQ(events.size(), std::size(kLeakClasses) + 3);
}

TEST_F(Schema, RefusesWhatIsNoEvent) {
    const json good = all_events().back();
    if (check({good}) == 77) GTEST_SKIP() << "no package python3-jsonschema";
    for (const char* path : {"/event", "/host/id", "/incident/latest/class", "/incident/remedies/0/outcome",
                             "/incident/resolved_at", "/incident/worst/ports/runs_out", "/at"}) {
        json bad = good;
        bad[json::json_pointer(path)] = "something else";
        EXPECT_EQ(check({bad}), 1) << path;
    }
    for (const char* path : {"/revision", "/incident/owner/unit", "/incident/first/leaked", "/schema"}) {
        json bad = good.flatten();
        bad.erase(path);
        EXPECT_EQ(check({bad.unflatten()}), 1) << path;
    }
    json more = good;
    more["news"] = 1;
    EXPECT_EQ(check({more}), 0) << "fields may be added";
}

}  // namespace
}  // namespace sockdog
