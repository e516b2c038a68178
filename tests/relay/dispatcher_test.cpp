#include "relay/dispatcher.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <thread>

#include "base/unique_fd.h"
#include "relay/fake_agent.h"
#include "relay/fake_receiver.h"
#include "relay/revisions.h"
#include "relay/running_relay.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

using test::Answer;
using test::eventually;
using test::FakeAgent;
using test::FakeReceiver;
using test::make_revision;
using test::Received;
using Running = test::RunningRelay;
using testing::_;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;

class Relay : public testing::Test {
  protected:
    [[nodiscard]] RelaySettings settings(std::vector<ReceiverSettings> receivers) const {
        RelaySettings made;
        made.control_socket = folder_ / "control";
        made.outbox_file = folder_ / "state/outbox.db";
        made.receivers = std::move(receivers);
        made.machine_id_file = folder_ / "machine-id";
        made.flap.openings = 0;  // revisions here open the same incidents again and again
        return made;
    }
    static ReceiverSettings to(const std::string& name, const std::string& url) {
        ReceiverSettings made;
        made.name = name;
        made.url = url;
        made.timeout = 30s;
        made.backoff_initial = 20ms;
        made.backoff_max = 100ms;
        return made;
    }

    fixtures::TempDir folder_;
    std::string machine_id_ = folder_.put("machine-id", "0123456789abcdef0123456789abcdef\n");
    FakeAgent agent_{folder_ / "control"};
};

std::vector<std::uint64_t> numbers(const std::vector<Received>& all) {
    std::vector<std::uint64_t> numbers;
    numbers.reserve(all.size());
    for (const Received& one : all) numbers.push_back(nlohmann::json::parse(one.body).at("revision"));
    return numbers;
}

TEST_F(Relay, DeliversEachRevisionOnceAndInOrder) {
    FakeReceiver server;
    for (std::uint64_t n = 1; n <= 20; ++n) agent_.add(make_revision(n));
    const Running relay(settings({to("a", server.url())}));
    ASSERT_TRUE(server.wait_for(20));
    for (std::uint64_t n = 21; n <= 40; ++n) agent_.add(make_revision(n));  // while it listens
    ASSERT_TRUE(server.wait_for(40));
    ASSERT_TRUE(eventually([&] { return relay.stats_of("a").delivered == 40; }));
    std::vector<std::uint64_t> expected(40);
    std::iota(expected.begin(), expected.end(), 1);
    EXPECT_EQ(numbers(server.received()), expected);
    EXPECT_EQ(relay.stats_of("a").pending, 0U);
    EXPECT_EQ(relay.dispatcher->stats().cursor, 40U);
    EXPECT_TRUE(relay.dispatcher->stats().connected);
}

TEST_F(Relay, NamesItsReceiversBeforeItRuns) {
    const auto dispatcher = Dispatcher::create(settings({to("a", "http://127.0.0.1:1/")})).value();
    ASSERT_EQ(dispatcher->stats().receivers.size(), 1U);
    EXPECT_EQ(dispatcher->stats().receivers[0].name, "a");
    EXPECT_EQ(dispatcher->stats().receivers[0].type, "webhook");
}

TEST_F(Relay, LosesNothingWhileTheReceiverIsDown) {
    const int port = test::unused_port();
    const auto receiver = to("a", "http://127.0.0.1:" + std::to_string(port) + "/hook");
    const Running relay(settings({receiver}));
    for (std::uint64_t n = 1; n <= 6; ++n) agent_.add(make_revision(n, n % 2 == 0 ? "i2" : "i1"));
    ASSERT_TRUE(eventually([&] { return relay.stats_of("a").failed_attempts >= 3; }));
    FakeReceiver server({}, port);
    ASSERT_TRUE(server.wait_for(6));
    std::map<std::string, std::vector<std::uint64_t>> by_incident;
    for (const Received& one : server.received()) {
        const auto body = nlohmann::json::parse(one.body);
        by_incident[body.at("incident").at("id")].push_back(body.at("revision"));
    }
    EXPECT_THAT(by_incident["i1"], ElementsAre(1, 3, 5));
    EXPECT_THAT(by_incident["i2"], ElementsAre(2, 4, 6));
}

TEST_F(Relay, EveryAttemptCarriesTheSameKey) {
    FakeReceiver server([](std::size_t n, const auto&) { return Answer{n < 3 ? 500 : 200}; });
    agent_.add(make_revision(1));
    const Running relay(settings({to("a", server.url())}));
    ASSERT_TRUE(server.wait_for(4));
    std::set<std::string> keys;
    for (const Received& one : server.received()) keys.insert(one.header("Idempotency-Key"));
    EXPECT_EQ(keys.size(), 1U);
    EXPECT_TRUE(eventually([&] { return relay.stats_of("a").delivered == 1; }));
    EXPECT_EQ(relay.stats_of("a").failed_attempts, 3U);
}

TEST_F(Relay, WaitsAsLongAsRetryAfterAsks) {
    std::vector<MonoTime> times;
    FakeReceiver server([&](std::size_t n, const auto&) {
        times.push_back(MonoClock::now());
        return n == 0 ? Answer{429, {{"Retry-After", "1"}}} : Answer{};
    });
    agent_.add(make_revision(1));
    const Running relay(settings({to("a", server.url())}));
    ASSERT_TRUE(server.wait_for(2));
    EXPECT_GE(times[1] - times[0], 990ms) << "the back-off alone is 20 ms";
}

TEST_F(Relay, HangingReceiverDelaysNobodyElse) {
    FakeReceiver slow([](std::size_t, const auto&) { return Answer{.hang = true}; });
    FakeReceiver fast;
    auto slow_settings = to("slow", slow.url());
    slow_settings.timeout = 1h;
    const Running relay(settings({slow_settings, to("fast", fast.url())}));
    for (std::uint64_t n = 1; n <= 10; ++n) agent_.add(make_revision(n, "i" + std::to_string(n)));
    ASSERT_TRUE(slow.wait_for(1));
    ASSERT_TRUE(fast.wait_for(10));
    EXPECT_EQ(slow.received().size(), 1U);
}

TEST_F(Relay, OneBodyThatIsChokedOnHoldsUpNoOtherIncident) {
    FakeReceiver server([](std::size_t, const Received& request) {
        return Answer{request.body.find("\"id\":\"i1\"") != std::string::npos ? 500 : 200};
    });
    auto receiver = to("a", server.url());
    receiver.backoff_max = 1h;
    for (std::uint64_t n = 1; n <= 8; ++n)
        agent_.add(make_revision(n, n % 4 == 1 ? "i1" : "i" + std::to_string(n)));
    const Running relay(settings({receiver}));
    ASSERT_TRUE(eventually([&] { return relay.stats_of("a").delivered == 6; }));
    EXPECT_EQ(relay.stats_of("a").pending, 2U) << "both of i1: the second waits for the first";
}

TEST_F(Relay, RejectedAlertBecomesADeadLetterAndTheNextGoesOut) {
    FakeReceiver server([](std::size_t n, const auto&) { return Answer{n == 0 ? 422 : 200}; });
    agent_.add(make_revision(1));
    agent_.add(make_revision(2, "i1", RevisionKind::kResolved));
    Running relay(settings({to("a", server.url())}));
    ASSERT_TRUE(eventually([&] { return relay.stats_of("a").delivered == 1; }));
    EXPECT_EQ(relay.stats_of("a").dead_letters, 1U);
    relay.stop();
    auto outbox = Outbox::open(folder_ / "state/outbox.db");
    ASSERT_TRUE(outbox.ok());
    const auto dead = outbox->dead_letters(10);
    ASSERT_TRUE(dead.ok());
    ASSERT_EQ(dead->size(), 1U);
    EXPECT_THAT(dead->front().last_error, HasSubstr("HTTP 422"));
}

TEST_F(Relay, GoesOnFromItsCursorAfterARestart) {
    FakeReceiver server;
    agent_.add(make_revision(1));
    agent_.add(make_revision(2));
    {
        Running relay(settings({to("a", server.url())}));
        ASSERT_TRUE(eventually([&] { return relay.stats_of("a").delivered == 2; }));
    }
    agent_.add(make_revision(3));
    const Running relay(settings({to("a", server.url())}));
    ASSERT_TRUE(server.wait_for(3));
    EXPECT_THAT(numbers(server.received()), ElementsAre(1, 2, 3));
}

TEST_F(Relay, DropsWhatWaitsForAReceiverThatIsNoMore) {
    FakeReceiver server;
    agent_.add(make_revision(1));
    agent_.add(make_revision(2));
    {
        const Running relay(
            settings({to("old", "http://127.0.0.1:" + std::to_string(test::unused_port()) + "/")}));
        ASSERT_TRUE(eventually([&] { return relay.stats_of("old").pending == 2; }));
    }
    agent_.add(make_revision(3));
    Running relay(settings({to("new", server.url())}));
    ASSERT_TRUE(server.wait_for(1));
    EXPECT_THAT(numbers(server.received()), ElementsAre(3)) << "1 and 2 were taken before it was there";
    relay.stop();
    auto outbox = Outbox::open(folder_ / "state/outbox.db");
    ASSERT_TRUE(outbox.ok());
    EXPECT_EQ(outbox->pending("old").value_or(99), 0U);
    EXPECT_EQ(outbox->dead_letters(10).value_or({}).size(), 2U);
}

TEST_F(Relay, ReadsAJournalBegunAnewFromItsBeginning) {
    FakeReceiver server;
    agent_.add(make_revision(500));
    {
        Running relay(settings({to("a", server.url())}));
        ASSERT_TRUE(eventually([&] { return relay.stats_of("a").delivered == 1; }));
    }
    const fixtures::TempDir other;
    FakeAgent fresh(other / "control");
    fresh.add(make_revision(1));
    fresh.add(make_revision(2));
    auto made = settings({to("a", server.url())});
    made.control_socket = other / "control";
    const Running relay(made);
    ASSERT_TRUE(server.wait_for(3));
    EXPECT_THAT(numbers(server.received()), ElementsAre(500, 1, 2));
}

TEST_F(Relay, EndsWhatALostJournalTookAlong) {
    FakeReceiver server;
    auto receiver = to("a", server.url());
    receiver.repeat = 50ms;
    agent_.add(make_revision(1, "i1"));
    agent_.add(make_revision(2, "i2"));
    agent_.add(make_revision(3, "i3"));
    {
        Running relay(settings({receiver}));
        ASSERT_TRUE(server.wait_for(9)) << "three, and repeats";
    }
    const fixtures::TempDir other;
    FakeAgent fresh(other / "control");
    // More than the relay takes in one go: the end of i2 comes long after the agent was asked what is open.
    fresh.add(make_revision(3, "i3"));
    for (std::uint64_t n = 4; n <= 40; ++n) fresh.add(make_revision(n, "i4"));
    fresh.add(make_revision(41, "i2", RevisionKind::kResolved));
    auto made = settings({receiver});
    made.control_socket = other / "control";
    const Running relay(made);
    ASSERT_TRUE(eventually([&] { return relay.dispatcher->stats().cursor == 41; }));
    ASSERT_TRUE(eventually([&] {
        const auto open = relay.dispatcher->outbox().told_open();
        if (!open.ok()) return false;
        std::vector<std::string> ids;
        for (const Told& one : *open) ids.push_back(id_of_identity(one.incident));
        return ids == std::vector<std::string>{"i3", "i4"};
    }));
    const auto about = [&](const std::string& id, const std::string& event) {
        std::size_t count = 0;
        for (const Received& one : server.received()) {
            const auto body = nlohmann::json::parse(one.body);
            count +=
                body.at("incident").at("id") == id && (event.empty() || body.at("event") == event) ? 1 : 0;
        }
        return count;
    };
    EXPECT_TRUE(eventually([&] { return about("i2", "resolved") == 1; })) << "an end that is there is told";
    EXPECT_TRUE(eventually([&] { return about("i1", "resolved") == 1; })) << "nobody else will tell it";
    const auto before = about("i1", "");
    const auto repeats = about("i3", "");
    ASSERT_TRUE(eventually([&] { return about("i3", "") >= repeats + 5; })) << "what is open is repeated on";
    EXPECT_EQ(about("i1", ""), before);
    EXPECT_EQ(about("i2", "resolved"), 1U);
    EXPECT_THAT(server.received(),
                Contains(Field(&Received::body, HasSubstr("no longer in the agent's journal"))));
}

TEST_F(Relay, AnIncidentOfTheSameNumberInANewJournalIsAnother) {
    FakeReceiver server;
    auto receiver = to("a", server.url());
    receiver.type = "pagerduty";
    receiver.secret_file = folder_.put("key", "0123456789abcdef");
    agent_.add(make_revision(1, "i1"));
    agent_.add(make_revision(2, "i2"));
    agent_.add(make_revision(3, "i2", RevisionKind::kResolved));
    {
        Running relay(settings({receiver}));
        // Not what arrived: what was not noted yet would come again.
        ASSERT_TRUE(eventually([&] { return relay.stats_of("a").delivered == 3; }));
    }
    const fixtures::TempDir other;
    FakeAgent fresh(other / "control");
    std::uint64_t number = 100;
    for (const char* id : {"i1", "i2"}) {
        for (const RevisionKind kind : {RevisionKind::kOpened, RevisionKind::kResolved}) {
            auto revision = make_revision(++number, id, kind);
            revision.incident.opened_at += 1min;
            fresh.add(revision);
        }
    }
    auto made = settings({receiver});
    made.control_socket = other / "control";
    const Running relay(made);
    ASSERT_TRUE(server.wait_for(3 + 5)) << "four, and the end of the first i1";
    std::map<std::string, std::vector<std::string>> actions;
    for (const Received& one : server.received()) {
        const auto event = nlohmann::json::parse(one.body);
        actions[event.at("dedup_key")].push_back(event.at("event_action"));
    }
    EXPECT_THAT(actions, SizeIs(4));
    EXPECT_THAT(actions, Each(Pair(_, ElementsAre("trigger", "resolve"))));
}

TEST_F(Relay, TheEndGoesToWhoWasToldEvenIfRoutesLeadElsewhereByThen) {
    FakeReceiver first;
    FakeReceiver second;
    FakeReceiver silent;
    auto quiet = to("silent", silent.url());
    quiet.send_resolved = false;
    quiet.repeat = 50ms;
    agent_.add(make_revision(1));
    const std::vector<ReceiverSettings> all{to("a", first.url()), to("b", second.url()), quiet};
    auto made = settings(all);
    const std::string policy = make_revision(1).incident.policy;
    made.routes = {{policy, {"a", "silent"}}};
    const Running relay(made);
    // Noted, too: a reload in between makes it happen once more.
    ASSERT_TRUE(eventually([&] { return relay.stats_of("a").delivered == 1; }));
    ASSERT_TRUE(eventually([&] { return relay.stats_of("silent").delivered >= 1; }));
    ASSERT_TRUE(relay.dispatcher->reload(all, {{policy, {"b"}}}, {}).ok());
    agent_.add(make_revision(2, "i1", RevisionKind::kResolved));
    agent_.add(make_revision(3, "i2"));
    ASSERT_TRUE(first.wait_for(2));
    ASSERT_TRUE(second.wait_for(1));
    EXPECT_THAT(numbers(first.received()), ElementsAre(1, 2));
    EXPECT_THAT(numbers(second.received()), ElementsAre(3)) << "it never heard of i1";
    ASSERT_TRUE(eventually([&] { return relay.stats_of("silent").pending == 0; }));
    const auto told = silent.received().size();
    std::this_thread::sleep_for(300ms);
    EXPECT_EQ(silent.received().size(), told) << "it is over: nothing to repeat, though the end is not sent";
    for (const Received& one : silent.received())
        EXPECT_THAT(one.body, Not(HasSubstr("\"event\":\"resolved\"")));
}

TEST_F(Relay, WaitsForAnAgentThatIsAway) {
    FakeReceiver server;
    auto made = settings({to("a", server.url())});
    made.control_socket = folder_ / "later";
    const Running relay(made);
    EXPECT_FALSE(relay.dispatcher->stats().connected);
    FakeAgent late(folder_ / "later");
    late.add(make_revision(1));
    EXPECT_TRUE(server.wait_for(1));
}

TEST_F(Relay, PassesOverARevisionThatItCannotRead) {
    FakeReceiver server;
    agent_.add(make_revision(1));
    agent_.add_raw(2, {{"number", 2}, {"kind", "exploded"}});
    agent_.add(make_revision(3));
    const Running relay(settings({to("a", server.url())}));
    ASSERT_TRUE(server.wait_for(2));
    EXPECT_THAT(numbers(server.received()), ElementsAre(1, 3));
    EXPECT_EQ(relay.dispatcher->stats().unreadable, 1U);
}

TEST_F(Relay, StopsAtOnceInTheMiddleOfARequest) {
    FakeReceiver server([](std::size_t, const auto&) { return Answer{.hang = true}; });
    auto receiver = to("a", server.url());
    receiver.timeout = 1h;
    agent_.add(make_revision(1));
    Running relay(settings({receiver}));
    ASSERT_TRUE(server.wait_for(1));
    relay.stop();  // comes back: that is the test
    auto outbox = Outbox::open(folder_ / "state/outbox.db");
    ASSERT_TRUE(outbox.ok());
    const auto due = outbox->due(read_now().wall, 10);
    ASSERT_TRUE(due.ok());
    ASSERT_EQ(due->size(), 1U);
    EXPECT_EQ(due->front().attempts, 0U) << "what was interrupted does not count";
}

TEST_F(Relay, ReloadTakesNewReceiversAndKeepsTheOldOnesWhenTheyAreWrong) {
    FakeReceiver first;
    FakeReceiver second;
    agent_.add(make_revision(1));
    const Running relay(settings({to("a", first.url())}));
    ASSERT_TRUE(first.wait_for(1));

    const Status refused = relay.dispatcher->reload({to("a", "nonsense")}, {}, {});
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr("receiver \"a\""));
    agent_.add(make_revision(2));
    ASSERT_TRUE(first.wait_for(2));

    ASSERT_TRUE(relay.dispatcher->reload({to("b", second.url())}, {}, {}).ok());
    agent_.add(make_revision(3));
    ASSERT_TRUE(second.wait_for(1));
    EXPECT_THAT(numbers(second.received()), ElementsAre(3));
    EXPECT_EQ(first.received().size(), 2U);
}

TEST_F(Relay, ItemsHeldByAClockThatWasAheadAreDueAtOnce) {
    FakeReceiver server;
    {
        auto outbox = Outbox::open(folder_ / "state/outbox.db");
        ASSERT_TRUE(outbox.ok());
        OutboxItem item;
        item.receiver = "a";
        item.incident = "i1";
        item.idempotency_key = "k";
        item.body = R"({"revision": 1})";
        item.next_attempt = read_now().wall + std::chrono::hours(24 * 365);
        ASSERT_TRUE(outbox->accept(std::span(&item, 1), 1).ok());
    }
    agent_.add(make_revision(2));
    const Running relay(settings({to("a", server.url())}));
    EXPECT_TRUE(server.wait_for(2));
}

TEST_F(Relay, LeavesNoDescriptorOpen) {
    FakeReceiver server;
    const auto open_fds = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                             std::filesystem::directory_iterator());
    };
    Running relay(settings({to("a", server.url())}));
    agent_.add(make_revision(1));
    ASSERT_TRUE(eventually([&] { return relay.stats_of("a").delivered == 1; }));
    // The server's side of a connection closes on a thread of its own, a little later.
    auto before = open_fds();
    ASSERT_TRUE(eventually([&] { return std::exchange(before, open_fds()) == open_fds(); }));
    for (std::uint64_t n = 2; n <= 30; ++n) agent_.add(make_revision(n));
    ASSERT_TRUE(eventually([&] { return relay.stats_of("a").delivered == 30; }));
    EXPECT_TRUE(eventually([&] { return open_fds() <= before; })) << before << " before, now " << open_fds();
}

}  // namespace
}  // namespace sockdog
