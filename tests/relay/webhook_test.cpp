#include "relay/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "incident/json.h"
#include "relay/digest.h"
#include "relay/fake_receiver.h"
#include "relay/revisions.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

using test::Answer;
using test::FakeReceiver;
using test::make_revision;
using testing::HasSubstr;
using Verdict = Delivery::Verdict;

const Sender kSender{"00112233445566aa", "db1"};

ReceiverSettings settings_for(const std::string& url) {
    ReceiverSettings settings;
    settings.name = "pager";
    settings.url = url;
    settings.timeout = 30s;  // generous: no test but those of time-outs may depend on it
    return settings;
}

std::unique_ptr<Receiver> make(const ReceiverSettings& settings) {
    auto receiver = make_receiver(settings, kSender);
    EXPECT_TRUE(receiver.ok()) << receiver.error().message;
    return std::move(receiver).value();
}

OutboxItem item_for(const Receiver& receiver, const Revision& revision) {
    OutboxItem item;
    item.incident = revision.incident.id;
    item.idempotency_key = idempotency_key(kSender, revision);
    item.body = receiver.render(revision).value_or("nothing rendered");
    return item;
}

Delivery deliver_to(const ReceiverSettings& settings) {
    const auto receiver = make(settings);
    return test::deliver(*receiver, item_for(*receiver, make_revision(1)));
}

TEST(Webhook, BodySaysWhatHappenedWhereAndToWhom) {
    const auto receiver = make(settings_for("http://127.0.0.1:1/"));
    const Revision revision = make_revision(17, "i4", RevisionKind::kEscalated);
    const auto body = nlohmann::json::parse(receiver->render(revision).value());
    EXPECT_EQ(body.at("schema"), "sockdog.webhook/1");
    EXPECT_EQ(body.at("event"), "escalated");
    EXPECT_EQ(body.at("revision"), 17);
    EXPECT_EQ(body.at("at"), format_rfc3339(revision.at));
    EXPECT_EQ(body.at("idempotency_key"), idempotency_key(kSender, revision));
    EXPECT_EQ(body.at("host").at("id"), kSender.host_id);
    EXPECT_EQ(body.at("host").at("name"), "db1");
    EXPECT_EQ(body.at("severity"), "critical");
    EXPECT_EQ(body.at("summary"), headline(revision));
    EXPECT_EQ(body.at("incident").get<Incident>().id, "i4");
}

TEST(Webhook, TellsEveryEventButGrowth) {
    const auto receiver = make(settings_for("http://127.0.0.1:1/"));
    for (const auto kind : {RevisionKind::kOpened, RevisionKind::kEscalated, RevisionKind::kRemedied,
                            RevisionKind::kResolved}) {
        EXPECT_TRUE(receiver->render(make_revision(1, "i1", kind)).has_value()) << to_string(kind);
    }
    EXPECT_FALSE(receiver->render(make_revision(1, "i1", RevisionKind::kGrew)).has_value());
}

TEST(Webhook, HostileProcessNamesStayValidJson) {
    const auto receiver = make(settings_for("http://127.0.0.1:1/"));
    for (const std::string& name :
         {std::string("a\nb\"}\\"), std::string("\xff\xfe\x80"), std::string("\0x", 2),
          std::string(100'000, '\xc3'), std::string("\xed\xa0\x80")}) {
        Revision revision = make_revision(1);
        revision.incident.owner.comm = name;
        revision.incident.owner.executable = name;
        revision.incident.owner.command_line = name;
        revision.incident.key = name;
        EXPECT_TRUE(nlohmann::json::accept(receiver->render(revision).value()));
    }
}

TEST(Webhook, PostsBodyWithItsHeaders) {
    FakeReceiver server;
    const auto receiver = make(settings_for(server.url("/alerts?team=net")));
    const OutboxItem item = item_for(*receiver, make_revision(5));
    const Delivery delivery = test::deliver(*receiver, item);
    EXPECT_EQ(delivery.verdict, Verdict::kDelivered) << delivery.detail;
    ASSERT_EQ(server.received().size(), 1U);
    const auto got = server.received()[0];
    EXPECT_EQ(got.path, "/alerts");
    EXPECT_EQ(got.body, item.body);
    EXPECT_EQ(got.header("Content-Type"), "application/json");
    EXPECT_EQ(got.header("Idempotency-Key"), item.idempotency_key);
    EXPECT_THAT(got.header("User-Agent"), testing::MatchesRegex("sockdog/[0-9]+\\.[0-9]+\\.[0-9]+"));
    EXPECT_EQ(got.headers.count("Sockdog-Signature"), 0U);
    EXPECT_EQ(got.headers.count("Expect"), 0U);
}

TEST(Webhook, SignatureVerifiesWithTheSecret) {
    const fixtures::TempDir folder;
    FakeReceiver server;
    auto settings = settings_for(server.url());
    settings.secret_file = folder.put("secret", "s3cret with spaces \n");
    ASSERT_EQ(deliver_to(settings).verdict, Verdict::kDelivered);
    const auto got = server.received().at(0);
    const std::string signature = got.header("Sockdog-Signature");
    const std::size_t comma = signature.find(",v1=");
    ASSERT_NE(comma, std::string::npos) << signature;
    ASSERT_TRUE(signature.starts_with("t="));
    const std::string time = signature.substr(2, comma - 2);
    EXPECT_NEAR(std::stod(time), static_cast<double>(std::time(nullptr)), 60);
    EXPECT_EQ(signature.substr(comma + 4), hmac_sha256_hex("s3cret with spaces ", time + "." + got.body));
}

TEST(Webhook, AnswersBecomeVerdictsWithWords) {
    struct Case {
        int status;
        Verdict verdict;
        const char* words;
    };
    for (const Case& c :
         {Case{204, Verdict::kDelivered, "HTTP 204"}, Case{500, Verdict::kRetry, "HTTP 500"},
          Case{404, Verdict::kRetry, "check url"}, Case{401, Verdict::kRetry, "credentials"},
          Case{400, Verdict::kRejected, "HTTP 400"}, Case{422, Verdict::kRejected, "no \\x1b[31m"}}) {
        FakeReceiver server([&](std::size_t, const auto&) {
            return Answer{c.status, {}, "no \x1b[31m", false};
        });
        const Delivery delivery = deliver_to(settings_for(server.url()));
        EXPECT_EQ(delivery.verdict, c.verdict) << c.status;
        EXPECT_THAT(delivery.detail, HasSubstr(c.words));
        EXPECT_EQ(delivery.detail.find('\x1b'), std::string::npos);
    }
}

TEST(Webhook, RetryAfterComesInSecondsOrAsADate) {
    const std::time_t later = std::time(nullptr) + 120;
    char date[64];
    std::tm broken_down{};
    std::strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&later, &broken_down));
    struct Case {
        std::string value;
        Duration least, most;
    };
    for (const Case& c : {Case{"7", 7s, 7s}, Case{date, 60s, 120s}}) {
        FakeReceiver server([&](std::size_t, const auto&) {
            return Answer{429, {{"Retry-After", c.value}}};
        });
        const Delivery delivery = deliver_to(settings_for(server.url()));
        EXPECT_EQ(delivery.verdict, Verdict::kRetry);
        ASSERT_TRUE(delivery.retry_after.has_value()) << c.value;
        EXPECT_GE(*delivery.retry_after, c.least);
        EXPECT_LE(*delivery.retry_after, c.most);
    }
    for (const char* nonsense : {"soon", "-5", "Thu, 01 Jan 1970 00:00:10 GMT", "0"}) {
        FakeReceiver server([&](std::size_t, const auto&) {
            return Answer{503, {{"Retry-After", nonsense}}};
        });
        EXPECT_EQ(deliver_to(settings_for(server.url())).retry_after, std::nullopt) << nonsense;
    }
}

TEST(Webhook, DoesNotFollowRedirects) {
    FakeReceiver elsewhere;
    FakeReceiver server([&](std::size_t, const auto&) {
        return Answer{307, {{"Location", elsewhere.url()}}};
    });
    const Delivery delivery = deliver_to(settings_for(server.url()));
    EXPECT_EQ(delivery.verdict, Verdict::kRetry);
    EXPECT_THAT(delivery.detail, HasSubstr("HTTP 307"));
    EXPECT_EQ(elsewhere.received().size(), 0U);
}

TEST(Webhook, IgnoresProxiesOfTheEnvironment) {
    FakeReceiver server;
    ::setenv("http_proxy", "http://127.0.0.1:1", 1);
    ::setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    const Delivery delivery = deliver_to(settings_for(server.url()));
    ::unsetenv("http_proxy");
    ::unsetenv("ALL_PROXY");
    EXPECT_EQ(delivery.verdict, Verdict::kDelivered) << delivery.detail;
}

TEST(Webhook, HugeAnswersAreNotRead) {
    FakeReceiver server([](std::size_t, const auto&) {
        return Answer{500, {}, std::string(64U << 20, 'x')};
    });
    const Delivery delivery = deliver_to(settings_for(server.url()));
    EXPECT_EQ(delivery.verdict, Verdict::kRetry);
    EXPECT_THAT(delivery.detail, HasSubstr("HTTP 500"));
    EXPECT_LT(delivery.detail.size(), 300U);
}

TEST(Webhook, NobodyListeningIsTriedAgain) {
    const Delivery delivery =
        deliver_to(settings_for("http://127.0.0.1:" + std::to_string(test::unused_port())));
    EXPECT_EQ(delivery.verdict, Verdict::kRetry);
    EXPECT_THAT(delivery.detail, HasSubstr("connect"));
}

TEST(Webhook, ConnectionResetIsTriedAgain) {
    const test::ResettingServer server;
    const Delivery delivery = deliver_to(settings_for(server.url()));
    EXPECT_EQ(delivery.verdict, Verdict::kRetry);
    EXPECT_FALSE(delivery.detail.empty());
}

TEST(Webhook, HangingReceiverRunsIntoTheTimeout) {
    FakeReceiver server([](std::size_t, const auto&) { return Answer{.hang = true}; });
    auto settings = settings_for(server.url());
    settings.timeout = 200ms;
    const MonoTime begin = MonoClock::now();
    const Delivery delivery = deliver_to(settings);
    EXPECT_EQ(delivery.verdict, Verdict::kRetry);
    EXPECT_THAT(delivery.detail, HasSubstr("timed out"));
    EXPECT_GE(MonoClock::now() - begin, 190ms);
}

TEST(Webhook, InterruptEndsARunningAttempt) {
    FakeReceiver server([](std::size_t, const auto&) { return Answer{.hang = true}; });
    auto settings = settings_for(server.url());
    settings.timeout = 1h;
    const auto receiver = make(settings);
    std::thread other([&] {
        EXPECT_TRUE(server.wait_for(1));
        receiver->interrupt();
    });
    EXPECT_EQ(test::deliver(*receiver, item_for(*receiver, make_revision(1))).verdict, Verdict::kRetry);
    other.join();
    EXPECT_EQ(test::deliver(*receiver, item_for(*receiver, make_revision(2))).verdict, Verdict::kRetry);
    EXPECT_EQ(server.received().size(), 1U) << "an interrupted receiver asks nobody any more";
}

TEST(Webhook, CertificateIsTrustedOnlyWhenItsIssuerIs) {
    const fixtures::TempDir folder;
    const auto certificate = test::make_certificate((folder / "").string());
    FakeReceiver server({}, 0, &certificate);
    auto settings = settings_for(server.url());
    const Delivery refused = deliver_to(settings);
    EXPECT_EQ(refused.verdict, Verdict::kRetry);
    EXPECT_THAT(refused.detail, HasSubstr("certificate"));
    EXPECT_THAT(refused.detail, HasSubstr("ca_file"));
    EXPECT_EQ(server.received().size(), 0U);

    settings.ca_file = certificate.certificate_file;
    const Delivery accepted = deliver_to(settings);
    EXPECT_EQ(accepted.verdict, Verdict::kDelivered) << accepted.detail;

    settings.url = "https://localhost:" + std::to_string(server.port()) + "/hook";  // not the name in it
    const Delivery misnamed = deliver_to(settings);
    EXPECT_EQ(misnamed.verdict, Verdict::kRetry);
    EXPECT_THAT(misnamed.detail, HasSubstr("certificate"));
    EXPECT_EQ(server.received().size(), 1U);
}

TEST(MakeReceiver, RefusesWrongSettingsAndSaysWhich) {
    const fixtures::TempDir folder;
    struct Case {
        std::function<void(ReceiverSettings&)> spoil;
        std::string words;
    };
    const std::vector<Case> cases = {
        {[](auto& s) { s.name = ""; }, "needs a name"},
        {[](auto& s) { s.type = "webhok"; }, "did you mean \"webhook\""},
        {[](auto& s) { s.type = "carrier-pigeon"; }, "known: alertmanager, alertmanager-webhook,"},
        {[](auto& s) { s.url = ""; }, "bad url"},
        {[](auto& s) { s.url = "example.org/hook"; }, "bad url"},
        {[](auto& s) { s.url = "ftp://example.org/"; }, "url scheme is ftp"},
        {[](auto& s) { s.url = "file:///etc/passwd"; }, "url"},
        {[](auto& s) { s.url = "http://"; }, "bad url"},
        {[](auto& s) { s.url = "http://example.org/\r\nX: y"; }, "control character"},
        {[](auto& s) { s.secret_file = "/nowhere/secret"; }, "secret_file: open /nowhere/secret"},
        {[&](auto& s) { s.secret_file = folder.put("empty", "\n"); }, "is empty"},
        {[&](auto& s) { s.secret_file = (folder / "").string(); }, "not a regular file"},
        {[&](auto& s) { s.secret_file = folder.put("huge", std::string(5000, 'x')); }, "larger than"},
        {[](auto& s) { s.ca_file = "/nowhere/ca.pem"; }, "ca_file: open"},
        {[&](auto& s) { s.ca_file = folder.put("ca.pem", "not a certificate"); }, "holds no PEM certificate"},
        {[](auto& s) { s.timeout = 0s; }, "timeout"},
        {[](auto& s) { s.backoff_initial = 0s; }, "backoff_initial"},
        {[](auto& s) { s.backoff_max = 1ms; }, "backoff_max"},
        {[](auto& s) { s.backoff_max = std::chrono::hours(48); }, "backoff_max"},
    };
    for (const Case& c : cases) {
        auto settings = settings_for("https://example.org/hook");
        c.spoil(settings);
        const auto receiver = make_receiver(settings);
        ASSERT_FALSE(receiver.ok()) << c.words;
        EXPECT_THAT(receiver.error().message, HasSubstr(c.words));
        if (!settings.name.empty()) {
            EXPECT_THAT(receiver.error().message, HasSubstr("\"pager\""));
        }
    }
}

TEST(MakeReceiver, ErrorsDoNotRepeatTheUrl) {
    const auto receiver = make_receiver(settings_for("gopher://user:hunter2@example.org/T0K3N"));
    ASSERT_FALSE(receiver.ok());
    EXPECT_EQ(receiver.error().message.find("hunter2"), std::string::npos);
    EXPECT_EQ(receiver.error().message.find("T0K3N"), std::string::npos);
}

}  // namespace
}  // namespace sockdog
