// A real Alertmanager, of package prometheus-alertmanager.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/eventfd.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/unique_fd.h"
#include "relay/dispatcher.h"
#include "relay/fake_agent.h"
#include "relay/fake_receiver.h"
#include "relay/real_peer.h"
#include "relay/revisions.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

using nlohmann::json;
using test::eventually;
using test::FakeReceiver;
using test::make_revision;
using test::RealPeer;
using ::testing::SizeIs;

class RealAlertmanager : public ::testing::Test {
  protected:
    void SetUp() override {
        const std::string program = RealPeer::find("prometheus-alertmanager");
        if (program.empty()) GTEST_SKIP() << "no prometheus-alertmanager (package of that name)";
        const std::string config =
            folder_.put("alertmanager.yml",
                        "route:\n"
                        "  receiver: hook\n"
                        "  group_by: [alertname, host]\n"
                        "  group_wait: 2s\n"
                        "  group_interval: 1s\n"
                        "  repeat_interval: 1h\n"
                        "receivers:\n"
                        "  - name: hook\n"
                        "    webhook_configs:\n"
                        "      - {url: '" +
                            hook_.url("/from-alertmanager") + "', send_resolved: true}\n");
        peer_ = std::make_unique<RealPeer>(std::vector<std::string>{
            program, "--config.file=" + config, "--storage.path=" + (folder_ / "data").string(),
            "--web.listen-address=127.0.0.1:" + std::to_string(port_), "--cluster.listen-address="});
        ASSERT_TRUE(test::answers(port_));
        ASSERT_TRUE(eventually([this] { return httplib::Client(url()).Get("/-/ready")->status == 200; }));
        RelaySettings settings;
        settings.control_socket = folder_ / "control";
        settings.outbox_file = folder_ / "outbox.db";
        settings.machine_id_file = folder_.put("machine-id", "0123456789abcdef0123456789abcdef\n");
        ReceiverSettings receiver;
        receiver.name = "am";
        receiver.type = "alertmanager";
        receiver.url = url();
        receiver.repeat = 1s;
        settings.receivers = {receiver};
        dispatcher_ = Dispatcher::create(settings).value();
        thread_ = std::thread([this] { EXPECT_TRUE(dispatcher_->run(stop_.get()).ok()); });
    }
    void TearDown() override {
        if (!thread_.joinable()) return;
        ::eventfd_write(stop_.get(), 1);
        thread_.join();
    }
    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    json active() {
        httplib::Client client(url());
        const auto answer = client.Get("/api/v2/alerts?active=true");
        return answer ? json::parse(answer->body, nullptr, false) : json();
    }
    /// What Alertmanager told its own receiver.
    std::vector<json> notifications() {
        std::vector<json> all;
        for (const auto& got : hook_.received()) all.push_back(json::parse(got.body));
        return all;
    }

    const fixtures::TempDir folder_;
    const int port_ = test::unused_port();
    FakeReceiver hook_;
    test::FakeAgent agent_{folder_ / "control"};
    std::unique_ptr<RealPeer> peer_;
    std::unique_ptr<Dispatcher> dispatcher_;
    UniqueFd stop_{::eventfd(0, EFD_CLOEXEC)};
    std::thread thread_;
};

TEST_F(RealAlertmanager, IncidentsAppearOnceAreGroupedStayAndResolve) {
    // Of this moment: for what began longer than its group_wait ago Alertmanager does not wait.
    const WallTime now = read_now().wall;
    const auto tell = [&](std::uint64_t number, std::uint64_t incident, RevisionKind kind) {
        auto revision = make_revision(number, "i" + std::to_string(incident), kind);
        revision.incident.opened_at = now;
        agent_.add(revision);
    };
    for (std::uint64_t n = 1; n <= 3; ++n) tell(n, n, RevisionKind::kOpened);
    ASSERT_TRUE(eventually([this] { return active().size() == 3; })) << active();
    ASSERT_TRUE(hook_.wait_for(1));
    EXPECT_THAT(notifications()[0]["alerts"], SizeIs(3)) << "one group";
    EXPECT_EQ(notifications()[0]["commonLabels"]["alertname"], "SockdogLeak");

    // They would have ended by themselves four repeats after they were told.
    std::this_thread::sleep_for(6s);
    EXPECT_THAT(active(), SizeIs(3));
    EXPECT_THAT(hook_.received(), SizeIs(1)) << "nothing new, nobody is told";

    for (std::uint64_t n = 1; n <= 3; ++n) tell(3 + n, n, RevisionKind::kResolved);
    ASSERT_TRUE(eventually([this] { return active().empty(); })) << active();
    ASSERT_TRUE(eventually([this] { return notifications().back()["status"] == "resolved"; }));
}

TEST_F(RealAlertmanager, AnEscalationReplacesTheWarning) {
    agent_.add(make_revision(1));
    ASSERT_TRUE(eventually([this] { return active().size() == 1; }));
    EXPECT_EQ(active()[0]["labels"]["severity"], "warning");
    agent_.add(make_revision(2, "i1", RevisionKind::kEscalated));
    ASSERT_TRUE(eventually([this] {
        const json alerts = active();
        return alerts.size() == 1 && alerts[0]["labels"]["severity"] == "critical";
    })) << active();
}

TEST_F(RealAlertmanager, ATestAppearsAndGoes) {
    const auto delivery = dispatcher_->test("am");
    ASSERT_TRUE(delivery.ok());
    EXPECT_EQ(delivery->verdict, Delivery::Verdict::kDelivered) << delivery->detail;
    EXPECT_EQ(dispatcher_->test("amm").error().message, "there is no receiver \"amm\"; did you mean \"am\"?");
}

}  // namespace
}  // namespace sockdog
