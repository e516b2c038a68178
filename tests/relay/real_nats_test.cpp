// A real NATS server with JetStream, of package nats-server, and the real sockdog-relay that is killed again
// and again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nats/nats.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "base/unique_fd.h"
#include "relay/fake_agent.h"
#include "relay/fake_receiver.h"
#include "relay/real_peer.h"
#include "relay/revisions.h"
#include "relay/running_relay.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

using nlohmann::json;
using test::eventually;
using test::make_revision;
using test::RealPeer;
using Verdict = Delivery::Verdict;

/// A client of the server, for looking at what the stream has.
class Stream {
  public:
    explicit Stream(int port) {
        const std::string url = "nats://127.0.0.1:" + std::to_string(port);
        EXPECT_EQ(natsConnection_ConnectTo(&connection_, url.c_str()), NATS_OK);
        EXPECT_EQ(natsConnection_JetStream(&js_, connection_, nullptr), NATS_OK);
    }
    ~Stream() {
        jsCtx_Destroy(js_);
        natsConnection_Destroy(connection_);
    }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    void add(const char* subject) {
        jsStreamConfig config;
        jsStreamConfig_Init(&config);
        config.Name = "SOCKDOG";
        config.Subjects = &subject;
        config.SubjectsLen = 1;
        config.Duplicates = std::chrono::nanoseconds(1h).count();
        EXPECT_EQ(js_AddStream(nullptr, js_, &config, nullptr, nullptr), NATS_OK);
    }
    std::uint64_t count() {
        jsStreamInfo* info = nullptr;
        if (js_GetStreamInfo(&info, js_, "SOCKDOG", nullptr, nullptr) != NATS_OK) return 0;
        const std::uint64_t count = info->State.Msgs;
        jsStreamInfo_Destroy(info);
        return count;
    }
    /// Subject and body.
    std::pair<std::string, std::string> message(std::uint64_t sequence) {
        natsMsg* message = nullptr;
        if (js_GetMsg(&message, js_, "SOCKDOG", sequence, nullptr, nullptr) != NATS_OK) return {};
        std::pair<std::string, std::string> got{
            natsMsg_GetSubject(message),
            {natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))}};
        natsMsg_Destroy(message);
        return got;
    }

  private:
    natsConnection* connection_ = nullptr;
    jsCtx* js_ = nullptr;
};

/// Revisions of the stream, in its order.
std::vector<std::uint64_t> revisions_in(Stream& stream) {
    std::vector<std::uint64_t> numbers;
    const std::uint64_t count = stream.count();
    for (std::uint64_t i = 1; i <= count; ++i)
        numbers.push_back(json::parse(stream.message(i).second).at("revision").get<std::uint64_t>());
    return numbers;
}

class RealNats : public ::testing::Test {
  protected:
    void SetUp() override {
        program_ = RealPeer::find("nats-server");
        if (program_.empty()) GTEST_SKIP() << "no nats-server (package of that name)";
        start();
    }
    /// Anew on the same port, with `more` arguments.
    void start(const std::vector<std::string>& more = {}) {
        server_.reset();
        std::vector<std::string> arguments{program_,
                                           "--addr",
                                           "127.0.0.1",
                                           "--port",
                                           std::to_string(port_),
                                           "--jetstream",
                                           "--store_dir",
                                           (folder_ / "jetstream").string()};
        arguments.insert(arguments.end(), more.begin(), more.end());
        server_ = std::make_unique<RealPeer>(arguments);
        ASSERT_TRUE(test::answers(port_));
    }
    [[nodiscard]] ReceiverSettings settings() const {
        ReceiverSettings settings;
        settings.name = "bus";
        settings.type = "nats";
        settings.url = "nats://127.0.0.1:" + std::to_string(port_);
        settings.subject = "sockdog.{host}.{class}.{event}";
        settings.timeout = 5s;
        return settings;
    }
    static OutboxItem item(Receiver& receiver, const Revision& revision) {
        OutboxItem item;
        item.idempotency_key = "key-" + std::to_string(revision.number);
        item.body = receiver.render(revision).value();
        return item;
    }

    const fixtures::TempDir folder_;
    const int port_ = test::unused_port();
    std::string program_;
    std::unique_ptr<RealPeer> server_;
};

TEST_F(RealNats, TheSameKeyIsKeptOnce) {
    Stream stream(port_);
    stream.add("sockdog.>");
    auto receiver = make_receiver(settings(), {"00ff", "db1"}).value();
    const std::vector<OutboxItem> items{item(*receiver, make_revision(1)),
                                        item(*receiver, make_revision(2, "i2"))};
    EXPECT_EQ(receiver->deliver(items).verdict, Verdict::kDelivered);
    EXPECT_EQ(receiver->deliver(items).verdict, Verdict::kDelivered);
    EXPECT_EQ(stream.count(), 2U);
    EXPECT_EQ(stream.message(1).first, "sockdog.db1.close_wait.opened");
    EXPECT_EQ(stream.message(2).second, items[1].body);
}

TEST_F(RealNats, UserAndPasswordComeFromTheFileOfTheUrl) {
    start({"--user", "dog", "--pass", "bone"});
    auto named = settings();
    auto receiver = make_receiver(named, {"00ff", "db1"}).value();
    EXPECT_THAT(test::deliver(*receiver, item(*receiver, make_revision(1))).detail,
                ::testing::HasSubstr("Authentication"));
    named.url.clear();
    named.url_file = folder_.put("url", "nats://dog:bone@127.0.0.1:" + std::to_string(port_) + "\n");
    receiver = make_receiver(named, {"00ff", "db1"}).value();
    EXPECT_THAT(test::deliver(*receiver, item(*receiver, make_revision(1))).detail,
                ::testing::HasSubstr("no stream"))
        << "it may speak, and the stream is not there";
}

TEST_F(RealNats, WithoutAStreamItSaysWhatToDo) {
    auto receiver = make_receiver(settings(), {"00ff", "db1"}).value();
    const Delivery delivery = test::deliver(*receiver, item(*receiver, make_revision(1)));
    EXPECT_EQ(delivery.verdict, Verdict::kRetry);
    EXPECT_THAT(delivery.detail, ::testing::HasSubstr("no stream takes the subject"));
    server_.reset();
    EXPECT_EQ(test::deliver(*receiver, item(*receiver, make_revision(1))).verdict, Verdict::kRetry);
}

TEST_F(RealNats, AServerThatHangsOrResetsCostsTheTimeoutAtMost) {
    auto hanging = settings();
    const UniqueFd silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(silent.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(silent.get(), 8), 0);
    ASSERT_EQ(::getsockname(silent.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    hanging.url = "nats://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    hanging.timeout = 500ms;
    auto receiver = make_receiver(hanging, {"00ff", "db1"}).value();
    const auto began = MonoClock::now();
    EXPECT_EQ(test::deliver(*receiver, item(*receiver, make_revision(1))).verdict, Verdict::kRetry);
    EXPECT_GE(MonoClock::now() - began, 400ms) << "it did not hang";

    const test::ResettingServer resetting;
    auto reset = settings();
    reset.url = "nats" + resetting.url().substr(4, resetting.url().rfind('/') - 4);
    receiver = make_receiver(reset, {"00ff", "db1"}).value();
    EXPECT_EQ(test::deliver(*receiver, item(*receiver, make_revision(1))).verdict, Verdict::kRetry);
}

TEST_F(RealNats, ACertificateIsTrustedOnlyWhenItsIssuerIs) {
    const auto certificate = test::make_certificate((folder_ / "").string());
    start({"--tls", "--tlscert", certificate.certificate_file, "--tlskey", certificate.key_file});
    auto secure = settings();
    secure.url = "tls://127.0.0.1:" + std::to_string(port_);
    auto receiver = make_receiver(secure, {"00ff", "db1"}).value();
    const Delivery refused = test::deliver(*receiver, item(*receiver, make_revision(1)));
    EXPECT_EQ(refused.verdict, Verdict::kRetry);
    secure.ca_file = certificate.certificate_file;
    receiver = make_receiver(secure, {"00ff", "db1"}).value();
    const Delivery taken = test::deliver(*receiver, item(*receiver, make_revision(1)));
    EXPECT_THAT(taken.detail, ::testing::HasSubstr("no stream"))
        << "trusted, and the stream is not there yet";
}

TEST_F(RealNats, WhatWaitedForTheServerOrTheStreamComesInItsOrder) {
    test::FakeReceiver beside;
    test::FakeAgent agent(folder_ / "control");
    RelaySettings relay;
    relay.control_socket = folder_ / "control";
    relay.outbox_file = folder_ / "state/outbox.db";
    relay.machine_id_file = folder_.put("machine-id", "0123456789abcdef0123456789abcdef\n");
    relay.flap.openings = 0;
    auto bus = settings();
    bus.timeout = 1s;
    bus.backoff_initial = 20ms;
    bus.backoff_max = 100ms;
    ReceiverSettings hook;
    hook.name = "hook";
    hook.url = beside.url();
    relay.receivers = {bus, hook};
    test::RunningRelay running(relay);
    const auto failed = [&] { return running.stats_of("bus").failed_attempts; };

    server_.reset();
    agent.add(make_revision(1, "i1"));
    agent.add(make_revision(2, "i2"));
    EXPECT_TRUE(eventually([&] { return failed() >= 2; })) << "the server is gone";
    start();
    agent.add(make_revision(3, "i1"));
    const auto before = failed();
    EXPECT_TRUE(eventually([&] { return failed() >= before + 2; })) << "there is no stream";
    EXPECT_TRUE(beside.wait_for(3));
    Stream stream(port_);
    stream.add("sockdog.>");
    EXPECT_TRUE(eventually([&] { return stream.count() == 3; })) << stream.count();
    running.stop();
    const auto got = revisions_in(stream);
    EXPECT_THAT(got, ::testing::UnorderedElementsAre(1, 2, 3));
    EXPECT_LT(std::ranges::find(got, 1), std::ranges::find(got, 3));
}

TEST_F(RealNats, ARelayKilledFiftyTimesLeavesEachRevisionOnceInTheStream) {
    constexpr std::uint64_t kIncidents = 500;
    constexpr int kKills = 50;
    Stream stream(port_);
    stream.add("sockdog.>");
    test::FakeAgent agent(folder_ / "control");
    const std::string config =
        folder_.put("relay.yaml", "relay: {flap: {openings: 0}}\nreceivers: [{name: bus, type: nats, url: '" +
                                      settings().url +
                                      "', subject: 'sockdog.{host}.{class}.{event}', "
                                      "backoff_initial: 100ms, backoff_max: 200ms}]\n");
    const std::vector<std::string> relay{SOCKDOG_BINARY_DIR "/bin/sockdog-relay",
                                         "--config",
                                         config,
                                         "--control-socket",
                                         (folder_ / "control").string(),
                                         "--state-dir",
                                         (folder_ / "state").string(),
                                         "--socket",
                                         (folder_ / "relay").string()};
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::minstd_rand random(seed);
    std::uint64_t number = 0;
    for (int kill = 0; kill < kKills; ++kill) {
        for (std::uint64_t i = 0; i < kIncidents / kKills; ++i) {
            ++number;
            agent.add(make_revision(number, "i" + std::to_string(number)));
        }
        RealPeer killed(relay);
        // It begins within some 50 ms and then delivers for as long again.
        std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 200));
        ASSERT_TRUE(killed.end()) << "it ended by itself";
    }
    for (std::uint64_t i = 1; i <= kIncidents; ++i) {
        Revision end = make_revision(kIncidents + i, "i" + std::to_string(i), RevisionKind::kResolved);
        end.incident.resolved_at = end.at;
        agent.add(end);
    }
    const RealPeer last(relay);
    EXPECT_TRUE(eventually([&] { return stream.count() >= 2 * kIncidents; })) << stream.count();
    std::this_thread::sleep_for(500ms);  // for what may come twice
    const auto got = revisions_in(stream);
    EXPECT_EQ(got.size(), 2 * kIncidents);
    std::map<std::uint64_t, std::size_t> place;
    for (std::size_t i = 0; i < got.size(); ++i)
        EXPECT_TRUE(place.emplace(got[i], i).second) << got[i] << " twice";
    EXPECT_EQ(place.size(), 2 * kIncidents);
    for (std::uint64_t i = 1; i <= kIncidents; ++i)
        EXPECT_LT(place[i], place[kIncidents + i]) << "i" << i << " ended before it began";
}

}  // namespace
}  // namespace sockdog
