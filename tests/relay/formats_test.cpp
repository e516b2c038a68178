// What each type of receiver is sent.
#include "relay/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "incident/json.h"
#include "relay/fake_receiver.h"
#include "relay/journal_receiver.h"
#include "relay/nats_receiver.h"
#include "relay/revisions.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

using nlohmann::json;
using test::make_revision;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Verdict = Delivery::Verdict;

const Sender kSender{"00112233445566aa", "db1"};

Revision resolved(Revision revision) {
    revision.kind = RevisionKind::kResolved;
    revision.number += 1;
    revision.incident.resolved_at = revision.at;
    revision.incident.resolve_reason = "process ended";
    return revision;
}

OutboxItem queued(const Format& format, const Revision& revision) {
    OutboxItem item;
    item.receiver = "r";
    item.incident = revision.incident.id;
    item.revision = revision.number;
    item.idempotency_key = idempotency_key(kSender, revision);
    item.body = format.render(revision, kSender).value_or("nothing");
    return item;
}

json sent(const Format& format, const std::vector<OutboxItem>& items, const Sending& sending = {}) {
    return json::parse(format.message(items, sending).body);
}

WallTime in_json(const json& time) {
    return parse_rfc3339(time.get<std::string>());
}

TEST(Alertmanager, AFiringAlertEndsByItselfFourRepeatsAhead) {
    const auto format = alertmanager_format();
    const Revision revision = make_revision(3);
    const WallTime now = revision.at;
    const auto alerts = sent(*format, {queued(*format, revision)}, {.now = now, .secret = "", .repeat = 30s});
    ASSERT_THAT(alerts, SizeIs(1));
    EXPECT_EQ(alerts[0]["labels"]["alertname"], "SockdogLeak");
    EXPECT_EQ(alerts[0]["labels"]["severity"], "warning");
    EXPECT_EQ(alerts[0]["labels"]["host"], "db1");
    EXPECT_EQ(in_json(alerts[0]["startsAt"]), revision.incident.opened_at);
    EXPECT_EQ(in_json(alerts[0]["endsAt"]), now + 2min);
    EXPECT_EQ(alerts[0]["annotations"]["summary"], summary(revision.incident));
}

TEST(Alertmanager, LabelsStayTheSameWhileItGrowsAndEndsSoThatItIsOneAlert) {
    const auto format = alertmanager_format();
    Revision revision = make_revision(3);
    const auto first = sent(*format, {queued(*format, revision)})[0]["labels"];
    revision.kind = RevisionKind::kGrew;
    revision.incident.latest.leaked = 400;
    revision.incident.latest.leak_class = LeakClass::kExhaustion;
    revision.incident.latest.process = {777, 1};
    EXPECT_EQ(sent(*format, {queued(*format, revision)})[0]["labels"], first);
    const auto end = sent(*format, {queued(*format, resolved(revision))})[0];
    EXPECT_EQ(end["labels"], first);
    EXPECT_EQ(in_json(end["endsAt"]), revision.at);
}

TEST(Alertmanager, AnEscalationEndsTheWarningAndOpensTheCriticalOne) {
    const auto format = alertmanager_format();
    const Revision revision = make_revision(3, "i1", RevisionKind::kEscalated);
    const auto alerts =
        sent(*format, {queued(*format, revision)}, {.now = revision.at, .secret = "", .repeat = 1min});
    ASSERT_THAT(alerts, SizeIs(2));
    EXPECT_EQ(alerts[0]["labels"]["severity"], "critical");
    EXPECT_EQ(in_json(alerts[0]["endsAt"]), revision.at + 4min);
    EXPECT_EQ(alerts[1]["labels"]["severity"], "warning");
    EXPECT_EQ(in_json(alerts[1]["endsAt"]), revision.at);
}

TEST(Alertmanager, ALateVerdictOnARemedyDoesNotOpenItAgain) {
    Revision late = resolved(make_revision(3));
    late.kind = RevisionKind::kRemedied;
    EXPECT_FALSE(alertmanager_format()->render(late, kSender));
    EXPECT_FALSE(alertmanager_webhook_format()->render(late, kSender));
    EXPECT_FALSE(pagerduty_format()->render(late, kSender));
    EXPECT_TRUE(webhook_format()->render(late, kSender));
}

TEST(AlertmanagerWebhook, HasTheShapeOfVersion4) {
    const auto format = alertmanager_webhook_format();
    const auto body = sent(*format, {queued(*format, make_revision(1, "i1")),
                                     queued(*format, resolved(make_revision(2, "i2")))});
    EXPECT_EQ(body["version"], "4");
    EXPECT_EQ(body["status"], "firing") << "one of them is";
    EXPECT_EQ(body["receiver"], "r");
    EXPECT_EQ(body["groupLabels"], (json{{"host", "db1"}}));
    EXPECT_EQ(body["groupKey"], "{}:{host=\"db1\"}");
    EXPECT_EQ(body["truncatedAlerts"], 0);
    ASSERT_THAT(body["alerts"], SizeIs(2));
    EXPECT_EQ(body["alerts"][0]["status"], "firing");
    EXPECT_EQ(body["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    EXPECT_EQ(body["alerts"][1]["status"], "resolved");
    EXPECT_NE(body["alerts"][0]["fingerprint"], body["alerts"][1]["fingerprint"]);
    EXPECT_EQ(body["commonLabels"]["host"], "db1");
    EXPECT_FALSE(body["commonLabels"].contains("incident")) << "they differ in it";
}

TEST(PagerDuty, OneAlertAnIncidentAndItsKeyOnlyOnTheWire) {
    const auto format = pagerduty_format();
    const Revision revision = make_revision(5, "i9");
    const OutboxItem item = queued(*format, revision);
    EXPECT_EQ(item.body.find("routing_key"), std::string::npos);
    const auto trigger = sent(*format, {item}, {.now = {}, .secret = "R0UTE", .repeat = {}});
    EXPECT_EQ(trigger["routing_key"], "R0UTE");
    EXPECT_EQ(trigger["event_action"], "trigger");
    EXPECT_EQ(trigger["payload"]["severity"], "warning");
    EXPECT_EQ(trigger["payload"]["source"], "db1");
    const auto end = sent(*format, {queued(*format, resolved(revision))});
    EXPECT_EQ(end["event_action"], "resolve");
    EXPECT_EQ(end["dedup_key"], trigger["dedup_key"]);
    EXPECT_NE(sent(*format, {queued(*format, make_revision(6, "i10"))})["dedup_key"], trigger["dedup_key"]);
}

TEST(PagerDuty, KeepsItsLengths) {
    Revision revision = make_revision(5);
    revision.incident.owner.unit = std::string(5000, 'u') + ".service";
    const auto format = pagerduty_format();
    const auto event = sent(*format, {queued(*format, revision)});
    EXPECT_LE(event["payload"]["summary"].get<std::string>().size(), 1024U);
    EXPECT_LE(event["dedup_key"].get<std::string>().size(), 255U);
}

TEST(Slack, ManyAreOneMessageWithinItsLength) {
    const auto format = slack_format();
    std::vector<OutboxItem> items;
    for (std::uint64_t i = 1; i <= format->most_at_once(); ++i) {
        Revision revision = make_revision(i, "i" + std::to_string(i));
        revision.incident.owner.comm = std::string(500, 'x');
        revision.incident.owner.executable.clear();
        items.push_back(queued(*format, revision));
    }
    const auto text = sent(*format, items)["text"].get<std::string>();
    EXPECT_LE(text.size(), 3000U);
    EXPECT_THAT(text, HasSubstr("`i1` "));
    EXPECT_THAT(text, HasSubstr(" more: `sockdog incidents`"));
    EXPECT_EQ(format->spacing(), 1s);
}

TEST(Slack, NamesOfProcessesAreNoMarkup) {
    const auto format = slack_format();
    Revision revision = make_revision(1);
    revision.incident.owner.executable.clear();
    revision.incident.owner.comm = "<!channel> & co";
    const auto text = sent(*format, {queued(*format, revision)})["text"].get<std::string>();
    EXPECT_THAT(text, HasSubstr("&lt;!channel&gt; &amp; co"));
    EXPECT_EQ(text.find('<'), std::string::npos);
}

TEST(CloudEvents, StructuredModeOfVersion1) {
    const auto format = cloudevents_format();
    const Revision revision = make_revision(7);
    const OutboxItem item = queued(*format, revision);
    const std::vector<OutboxItem> items{item};
    const Message message = format->message(items, {});
    EXPECT_EQ(message.content_type, "application/cloudevents+json; charset=utf-8");
    const auto event = json::parse(message.body);
    EXPECT_EQ(event["specversion"], "1.0");
    EXPECT_EQ(event["id"], item.idempotency_key);
    EXPECT_EQ(event["source"], "urn:sockdog:00112233445566aa");
    EXPECT_EQ(event["type"], "io.sockdog.incident.opened");
    EXPECT_EQ(event["data"]["schema"], "sockdog.webhook/1");
}

TEST(Formats, HostileNamesStayValidUtf8Everywhere) {
    for (const auto& format : {alertmanager_format(), alertmanager_webhook_format(), pagerduty_format(),
                               slack_format(), cloudevents_format(), webhook_format()}) {
        Revision revision = make_revision(1);
        revision.incident.owner.unit = "\xff\xfe\x80\"}\\\n";
        revision.incident.owner.comm = revision.incident.owner.executable = revision.incident.owner.unit;
        EXPECT_TRUE(json::accept(queued(*format, revision).body));
        const std::vector<OutboxItem> items{queued(*format, revision)};
        EXPECT_TRUE(json::accept(format->message(items, {}).body));
    }
}

TEST(Formats, ShorteningNeverCutsACharacter) {
    EXPECT_EQ(shortened("abc", 3), "abc");
    EXPECT_EQ(shortened("abcdefgh", 6), "abc...");
    EXPECT_EQ(shortened("ab\xc3\xa4zzzzz", 6), "ab...");
}

TEST(Nats, SubjectsAreTokensWhateverTheNames) {
    Revision revision = make_revision(1);
    revision.incident.owner.unit = "a.b*>c d.service";
    const auto body = render_event(revision, {"id", "db1.example.com"}).value();
    EXPECT_EQ(nats_subject("sockdog.{host}.{class}.{event}.{unit}", body),
              "sockdog.db1_example_com.close_wait.opened.a_b__c_d_service");
    EXPECT_EQ(nats_subject("x.{unit}", "{}"), "x._");
    EXPECT_TRUE(check_nats_subject("hm.alerts.{host_id}"));
    for (const char* bad : {"", "a..b", "a.*", "a.>", "a b", "a.{pid}", ".a"})
        EXPECT_FALSE(check_nats_subject(bad)) << bad;
}

TEST(Journal, FieldsSayWhatHappened) {
    Revision revision = make_revision(4, "i3", RevisionKind::kEscalated);
    revision.incident.owner.unit = "web.service";
    OutboxItem item;
    item.incident = "i3";
    item.revision = 4;
    item.idempotency_key = "key";
    item.body = render_event(revision, kSender).value();
    const auto fields = journal_fields(item);
    EXPECT_THAT(fields, Contains("MESSAGE=" + headline(revision)));
    EXPECT_THAT(fields, Contains("PRIORITY=2"));
    EXPECT_THAT(fields, Contains("SOCKDOG_INCIDENT=i3"));
    EXPECT_THAT(fields, Contains("SOCKDOG_CLASS=close_wait"));
    EXPECT_THAT(fields, Contains("SOCKDOG_UNIT=web.service"));
    EXPECT_THAT(fields, Contains("SOCKDOG_UNIT=web.service"));
}

class Exec : public ::testing::Test {
  protected:
    Delivery run(const std::string& script, Duration timeout = 30s) {
        const std::string file = folder_.put("hook", "#!/bin/sh\n" + script);
        std::filesystem::permissions(file, std::filesystem::perms::owner_all);
        settings_.name = "script";
        settings_.type = "exec";
        settings_.command = {file, "an argument"};
        settings_.timeout = timeout;
        auto made = make_receiver(settings_, kSender);
        EXPECT_TRUE(made.ok()) << made.error().message;
        receiver_ = std::move(*made);
        OutboxItem item;
        item.idempotency_key = "key-1";
        item.body = receiver_->render(make_revision(1)).value();
        return test::deliver(*receiver_, item);
    }
    fixtures::TempDir folder_;
    ReceiverSettings settings_;
    std::unique_ptr<Receiver> receiver_;
};

TEST_F(Exec, TheEventComesOnStandardInput) {
    const std::string out = (folder_ / "out").string();
    EXPECT_EQ(run("cat > " + out + "\necho \"$1 $SOCKDOG_IDEMPOTENCY_KEY\" >> " + out).verdict,
              Verdict::kDelivered);
    std::ifstream in(out);
    std::string line;
    std::getline(in, line);
    // The body has no newline of its own.
    EXPECT_THAT(line, ::testing::EndsWith("an argument key-1"));
    EXPECT_EQ(json::parse(line.substr(0, line.rfind('}') + 1))["event"], "opened");
}

TEST_F(Exec, ExitStatusesAreVerdicts) {
    EXPECT_EQ(run("exit 65").verdict, Verdict::kRejected);
    EXPECT_EQ(run("exit 1").verdict, Verdict::kRetry);
    EXPECT_THAT(run("kill -9 $$").detail, HasSubstr("signal 9"));
}

TEST_F(Exec, WhatHangsIsKilledWithItsChildren) {
    const std::string pid = (folder_ / "pid").string();
    const Delivery delivery = run("sleep 300 & echo $! > " + pid + "; wait", 1s);
    EXPECT_EQ(delivery.verdict, Verdict::kRetry);
    EXPECT_THAT(delivery.detail, HasSubstr("longer than 1s"));
    std::ifstream in(pid);
    int child = 0;
    in >> child;
    ASSERT_GT(child, 1);
    EXPECT_TRUE(test::eventually([&] {
        std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
        std::string line;
        return !std::getline(stat, line) || line.find(") Z ") != std::string::npos;
    }));
}

TEST_F(Exec, InterruptEndsIt) {
    std::thread other;
    const std::string started = (folder_ / "started").string();
    (void)run("exit 0");
    settings_.timeout = 1h;
    std::ofstream(settings_.command.front()) << "#!/bin/sh\ntouch " << started << "\nsleep 300\n";
    auto receiver = make_receiver(settings_, kSender).value();
    other = std::thread([&] {
        EXPECT_TRUE(test::eventually([&] { return std::filesystem::exists(started); }));
        receiver->interrupt();
    });
    OutboxItem item;
    item.body = "{}";
    EXPECT_EQ(test::deliver(*receiver, item).verdict, Verdict::kRetry);
    other.join();
}

TEST(MakeReceiver, EveryTypeCanBeMadeAndSaysWhatItUses) {
    const fixtures::TempDir folder;
    for (const std::string& type : receiver_types()) {
        ReceiverSettings settings;
        settings.name = type;
        settings.type = type;
        const ReceiverUses* uses = receiver_uses(type);
        ASSERT_NE(uses, nullptr) << type;
        for (const std::string& need : uses->needs) {
            if (need.starts_with("url"))
                settings.url = type == "nats" ? "nats://127.0.0.1:1" : "http://127.0.0.1:1/x";
            if (need == "subject") settings.subject = "a.b";
            if (need == "command") settings.command = {"/bin/true"};
            if (need == "secret_file") settings.secret_file = folder.put("key", "k\n");
        }
        const auto receiver = make_receiver(settings, kSender);
        EXPECT_TRUE(receiver.ok()) << receiver.error().message;
    }
}

TEST(MakeReceiver, AUrlWithAPasswordBelongsIntoAFile) {
    for (const char* url : {"https://user:secret@h/x", "http://user@h", "nats://h:1,nats://u:p@h:2"})
        EXPECT_TRUE(has_credentials(url)) << url;
    for (const char* url :
         {"https://h/x@y", "http://h?q=a@b", "http://[::1]:80/#@", "nats://h:1,nats://h:2", "h"})
        EXPECT_FALSE(has_credentials(url)) << url;
    ReceiverSettings settings;
    settings.name = "a";
    settings.url = "https://user:secret@h/x";
    const auto refused = make_receiver(settings, kSender);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr("url_file"));
    EXPECT_THAT(refused.error().message, Not(HasSubstr("secret@")));
}

TEST(HttpReceiver, BasicAuthenticationAndUrlComeFromFiles) {
    const fixtures::TempDir folder;
    test::FakeReceiver server;
    ReceiverSettings settings;
    settings.name = "a";
    settings.type = "alertmanager";
    settings.url_file = folder.put("url", "http://127.0.0.1:" + std::to_string(server.port()) + "\n");
    settings.credentials_file = folder.put("credentials", "user:pass word\n");
    auto receiver = make_receiver(settings, kSender).value();
    const auto format = alertmanager_format();
    EXPECT_EQ(test::deliver(*receiver, queued(*format, make_revision(1))).verdict, Verdict::kDelivered);
    ASSERT_EQ(server.received().size(), 1U);
    EXPECT_EQ(server.received()[0].path, "/api/v2/alerts");
    EXPECT_EQ(server.received()[0].header("Authorization"), "Basic dXNlcjpwYXNzIHdvcmQ=");
    settings.credentials_file = folder.put("credentials2", "no colon\n");
    EXPECT_FALSE(make_receiver(settings, kSender));
}

}  // namespace
}  // namespace sockdog
