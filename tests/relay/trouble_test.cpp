// Every type of receiver over HTTP in every kind of trouble: nothing is lost, the order of each incident is
// kept, and the receiver beside it does not notice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "base/text.h"
#include "relay/fake_agent.h"
#include "relay/fake_receiver.h"
#include "relay/revisions.h"
#include "relay/running_relay.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

using nlohmann::json;
using test::Answer;
using test::eventually;
using test::FakeReceiver;
using test::make_revision;
using test::Received;
using test::ResettingServer;

/// What a body says: incident and whether it is over.
using Said = std::vector<std::pair<std::string, bool>>;

Said of_event(const json& body) {
    return {{body.at("incident").at("id"), body.at("event") == "resolved"}};
}

Said of_webhook(const std::string& body) {
    return of_event(json::parse(body));
}

Said of_cloudevents(const std::string& body) {
    return of_event(json::parse(body).at("data"));
}

Said of_alertmanager(const std::string& body) {
    Said said;
    for (const json& alert : json::parse(body)) {
        const bool over = parse_rfc3339(alert.at("endsAt").get<std::string>()) <= read_now().wall;
        said.emplace_back(alert.at("labels").at("incident"), over);
    }
    return said;
}

Said of_alertmanager_webhook(const std::string& body) {
    Said said;
    const json group = json::parse(body);
    for (const json& alert : group.at("alerts"))
        said.emplace_back(alert.at("labels").at("incident"), alert.at("status") == "resolved");
    return said;
}

Said of_pagerduty(const std::string& body) {
    const json event = json::parse(body);
    const auto key = event.at("dedup_key").get<std::string>();
    return {{key.substr(key.find_last_of('i'), 2), event.at("event_action") == "resolve"}};
}

Said of_slack(const std::string& body) {
    Said said;
    const auto text = json::parse(body).at("text").get<std::string>();
    for (const std::string& line : split(text, '\n')) {
        const auto at = line.find("` `i");
        if (at != std::string::npos) said.emplace_back(line.substr(at + 3, 2), line.starts_with(":white"));
    }
    return said;
}

struct Type {
    const char* name;
    Said (*said)(const std::string& body);
};

constexpr Type kTypes[] = {
    {"webhook", of_webhook},
    {"alertmanager", of_alertmanager},
    {"alertmanager-webhook", of_alertmanager_webhook},
    {"pagerduty", of_pagerduty},
    {"slack", of_slack},
    {"cloudevents", of_cloudevents},
};

enum class Kind { kDown, kError, kTooMany, kHang, kReset, kBadCertificate };

constexpr std::pair<Kind, const char*> kKinds[] = {
    {Kind::kDown, "Down"},    {Kind::kError, "Answering500"}, {Kind::kTooMany, "Answering429"},
    {Kind::kHang, "Hanging"}, {Kind::kReset, "Resetting"},    {Kind::kBadCertificate, "BadCertificate"},
};

/// The receiver's host: in trouble until it is mended.
class Host {
  public:
    Host(Kind kind, const std::string& folder) : kind_(kind), good_(test::make_certificate(folder)) {
        if (kind == Kind::kDown) return;
        if (kind == Kind::kReset) {
            resetting_ = std::make_unique<ResettingServer>(port_);
        } else if (kind == Kind::kBadCertificate) {
            std::filesystem::create_directory(folder + "/other");
            const auto other = test::make_certificate(folder + "/other");
            server_ = std::make_unique<FakeReceiver>(behaviour(), port_, &other);
        } else {
            server_ = std::make_unique<FakeReceiver>(behaviour(), port_);
        }
    }
    void mend() {
        mended_ = true;
        resetting_.reset();
        if (kind_ == Kind::kHang) server_->release();
        if (kind_ == Kind::kBadCertificate) {
            server_.reset();
            server_ = std::make_unique<FakeReceiver>(behaviour(), port_, &good_);
        }
        if (!server_) server_ = std::make_unique<FakeReceiver>(behaviour(), port_);
    }
    [[nodiscard]] std::string url() const {
        return (kind_ == Kind::kBadCertificate ? "https" : "http") + std::string("://127.0.0.1:") +
               std::to_string(port_) + "/hook";
    }
    [[nodiscard]] std::string ca_file() const {
        return kind_ == Kind::kBadCertificate ? good_.certificate_file : "";
    }
    /// Of what was answered well.
    [[nodiscard]] std::vector<std::string> taken() const {
        const std::lock_guard lock(mutex_);
        return taken_;
    }
    [[nodiscard]] std::vector<MonoTime> refused_at() const {
        const std::lock_guard lock(mutex_);
        return refused_at_;
    }

  private:
    FakeReceiver::Behaviour behaviour() {
        return [this](std::size_t, const Received& request) {
            const std::lock_guard lock(mutex_);
            if (mended_) {
                taken_.push_back(request.body);
                return Answer{};
            }
            refused_at_.push_back(MonoClock::now());
            if (kind_ == Kind::kTooMany) return Answer{429, {{"Retry-After", "1"}}};
            // What hangs has been received, and the relay cannot know: it may come again.
            if (kind_ == Kind::kHang) return Answer{.status = 500, .hang = true};
            return Answer{500};
        };
    }

    const Kind kind_;
    const test::Certificate good_;
    const int port_ = test::unused_port();
    mutable std::mutex mutex_;
    std::vector<std::string> taken_;    // guarded by mutex_
    std::vector<MonoTime> refused_at_;  // guarded by mutex_
    std::atomic<bool> mended_ = false;
    std::unique_ptr<FakeReceiver> server_;
    std::unique_ptr<ResettingServer> resetting_;
};

struct Case {
    Type type;
    Kind kind = Kind::kDown;
    std::string name;
};
void PrintTo(const Case& one, std::ostream* out) {
    *out << one.name;
}

/// Slack's second between two messages makes it slow: one trouble of the network, and the one that Slack has.
std::vector<Case> cases() {
    std::vector<Case> all;
    for (const Type& type : kTypes) {
        for (const auto& [kind, name] : kKinds) {
            if (type.said == of_slack && kind != Kind::kTooMany && kind != Kind::kReset) continue;
            std::string title = type.name;
            std::erase(title, '-');
            all.push_back({type, kind, title + "_" + name});
        }
    }
    return all;
}

class Trouble : public ::testing::TestWithParam<Case> {
  protected:
    [[nodiscard]] ReceiverSettings to(const std::string& name, const std::string& type,
                                      const std::string& url) {
        ReceiverSettings made;
        made.name = name;
        made.type = type;
        made.url = url;
        // Where nothing hangs a busy machine must not make a delivery one that failed.
        made.timeout = GetParam().kind == Kind::kHang ? 1s : 10s;
        made.backoff_initial = 20ms;
        made.backoff_max = 100ms;
        made.group_wait = 0s;
        made.repeat = 0s;
        if (type == "pagerduty") made.secret_file = folder_.put("key", "0123456789abcdef");
        return made;
    }
    void add(std::uint64_t number, const std::string& incident, bool over) {
        agent_.add(make_revision(number, incident, over ? RevisionKind::kResolved : RevisionKind::kOpened));
    }

    const fixtures::TempDir folder_;
    const std::string machine_id_ = folder_.put("machine-id", "0123456789abcdef0123456789abcdef\n");
    test::FakeAgent agent_{folder_ / "control"};
};

TEST_P(Trouble, LosesNothingKeepsTheOrderAndDisturbsNobody) {
    const Type type = GetParam().type;
    const Kind kind = GetParam().kind;
    Host host(kind, (folder_ / "").string());
    FakeReceiver beside;

    RelaySettings settings;
    settings.control_socket = folder_ / "control";
    settings.outbox_file = folder_ / "state/outbox.db";
    settings.machine_id_file = folder_ / "machine-id";
    auto troubled = to("troubled", type.name, host.url());
    troubled.ca_file = host.ca_file();
    settings.receivers = {troubled, to("beside", "webhook", beside.url())};
    test::RunningRelay relay(settings);
    const auto stats = [&](const std::string& name) { return relay.stats_of(name); };

    std::uint64_t number = 0;
    for (const char* id : {"i1", "i2", "i3"}) add(++number, id, false);
    EXPECT_TRUE(eventually([&] { return stats("troubled").failed_attempts >= 2; })) << "there is no trouble";
    for (const char* id : {"i2", "i1"}) add(++number, id, true);
    add(++number, "i4", false);
    EXPECT_TRUE(beside.wait_for(number, 10s)) << "the one beside is held up";
    EXPECT_EQ(stats("beside").failed_attempts, 0U);
    EXPECT_TRUE(host.taken().empty());
    EXPECT_EQ(stats("troubled").delivered, 0U);

    host.mend();
    add(++number, "i3", true);
    EXPECT_TRUE(eventually([&] { return stats("troubled").delivered == number; }))
        << stats("troubled").delivered << " of " << number;
    EXPECT_EQ(stats("troubled").dead_letters, 0U);
    EXPECT_EQ(stats("troubled").pending, 0U);
    relay.stop();

    std::map<std::string, std::vector<bool>> told;
    for (const std::string& body : host.taken()) {
        for (const auto& [id, over] : type.said(body)) told[id].push_back(over);
    }
    using Steps = std::vector<bool>;
    const std::map<std::string, Steps> expected{
        {"i1", {false, true}}, {"i2", {false, true}}, {"i3", {false, true}}, {"i4", {false}}};
    EXPECT_EQ(told, expected);
    if (kind == Kind::kTooMany) {
        const auto at = host.refused_at();
        ASSERT_GE(at.size(), 2U);
        for (std::size_t i = 1; i < at.size(); ++i)
            EXPECT_GE(at[i] - at[i - 1], 990ms) << "Retry-After was 1 s, the back-off is 100 ms at most";
    }
}

INSTANTIATE_TEST_SUITE_P(Receivers, Trouble, ::testing::ValuesIn(cases()),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace sockdog
