#include "query/views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <set>

#include "idl.h"
#include "query/varlink_server.h"

namespace sockdog {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

SocketRecord record() {
    SocketRecord r;
    r.id = 0xffff888103a0c000;
    r.owner = {4242, 99};
    r.state = TcpState::kCloseWait;
    r.role = SocketRole::kOpened;
    r.attribution = Attribution::kCaller;
    r.local = *parse_endpoint("10.0.0.1:40000");
    r.remote = *parse_endpoint("[2001:db8::1]:443");
    r.netns = 4026531840;
    r.cgroup_id = 77;
    r.cookie = 5;
    r.inode = 123456;
    r.uid = 1000;
    r.has_fd = true;
    r.holders = 2;
    r.opened = MonoTime(1234567891234567ns);
    r.recv_queue_bytes = 32;
    r.send_queue_bytes = 1;
    r.idle_sent = 1500ms;
    r.idle_received = 3h;
    r.bytes_received = 1ULL << 40U;
    r.data_segments_out = 3;
    return r;
}

Gauges gauges() {
    Gauges g;
    for (std::size_t i = 1; i < kTcpStateCount; ++i) g.sockets[i] = static_cast<std::uint32_t>(i * 10);
    g.opened = 1;
    g.connect_address_unavailable = 7;
    g.too_many_files = 9;
    return g;
}

ProcessView process() {
    ProcessView p;
    p.owner.process = {4242, 99};
    p.owner.comm = "leaky";
    p.owner.unit = "leaky.service";
    p.gauges = gauges();
    p.incidents = {"i1", "i2"};
    return p;
}

ExplainView explanation() {
    ExplainView e;
    CallSiteView site;
    site.site.kind = RuntimeKind::kRuby;
    site.site.frames = {{"connect", "/usr/lib/ruby/socket.rb", 70, "", 0, FrameOrigin::kLibrary},
                        {"perform_request", "/srv/director.rb", 72, "", 0, FrameOrigin::kApplication},
                        {"main", "", 0, "/usr/bin/ruby", 0, FrameOrigin::kRuntime}};
    site.site.application = 1;
    site.sockets = 64;
    site.close_wait = 60;
    e.call_sites = {site, {}};
    e.call_sites[1].site.unknown_because = "it has ended";
    e.without_call_site = 3;
    e.process = process();
    Incident incident;
    incident.id = "i1";
    incident.remedies.emplace_back();
    e.incidents.push_back(incident);
    e.sockets.push_back({record(), "leaky.service", "leaky", "/srv/director.rb:72 f"});
    e.socket_count = 57;
    e.notes = {"no policy allows a remedy"};
    e.fd_limit = 1024;
    e.policy = "default";
    return e;
}

StatusView status() {
    StatusView s;
    s.version = "0.1.0";
    s.pid = 7;
    s.started_at = WallTime(1'795'376'623'123ms);
    s.totals = gauges();
    s.losses.drift_corrected = 3;
    s.held = "deploy";
    s.cpu_seconds = 1.25;
    s.capabilities.push_back(
        {"transition", "tp_btf/inet_sock_set_state", true, true, "no detection at all", ""});
    return s;
}

TraceEvent event() {
    TraceEvent e;
    e.at = MonoTime(5s);
    e.owner = {1, 2};
    e.comm = "curl";
    e.from = TcpState::kSynSent;
    e.to = TcpState::kClose;
    e.role = SocketRole::kOpened;
    e.remote = *parse_endpoint("127.0.0.1:80");
    e.socket_id = 0xffff888103a0c001;
    e.lived = 250us;
    e.error = 111;
    return e;
}

/// Through text and back: the JSON is the same again, so that nothing is lost on the way.
template <typename T>
void expect_round_trip(const T& value) {
    const json first = value;
    const json second = json::parse(first.dump()).get<T>();
    EXPECT_EQ(first, second);
}

TEST(Views, ComeBackFromTextAsTheyWere) {
    expect_round_trip(record());
    expect_round_trip(gauges());
    expect_round_trip(process());
    expect_round_trip(explanation());
    expect_round_trip(status());
    expect_round_trip(event());
    expect_round_trip(SocketView{});
    expect_round_trip(ExplainView{});
    expect_round_trip(StatusView{});
    expect_round_trip(TraceEvent{});
}

TEST(Views, KeepEachValue) {
    const auto r = json::parse(json(record()).dump()).get<SocketRecord>();
    EXPECT_EQ(r.id, 0xffff888103a0c000U);
    EXPECT_EQ(r.state, TcpState::kCloseWait);
    EXPECT_EQ(r.remote, record().remote);
    EXPECT_EQ(r.idle_received, 3h);
    EXPECT_FALSE(r.state_since);
    ASSERT_TRUE(r.opened);
    EXPECT_EQ(*r.opened, *record().opened) << "to the nanosecond up to 104 days of uptime";
    const auto g = json(gauges()).get<Gauges>();
    EXPECT_EQ(g.sockets, gauges().sockets);
    EXPECT_EQ(json(status()).get<StatusView>().held, "deploy");
    EXPECT_EQ(json(event()).get<TraceEvent>().error, 111);
}

TEST(Views, MakeHostileBytesValidUtf8) {
    auto view = process();
    view.owner.comm = "\xff\xfe\n\x1b[2J";
    SocketView socket{record(), "bad\x80name", "c\xc3", "/\xff.rb:1 f"};
    EXPECT_NO_THROW((void)json(view).dump());
    EXPECT_NO_THROW((void)json(socket).dump());
    EXPECT_EQ(json(socket).get<SocketView>().comm, "c\\xc3");
    StatusView s;
    s.config_error = s.config_file = "\xff";
    s.held = "\xff";
    EXPECT_NO_THROW((void)json(s).dump());
    auto e = event();
    e.comm = "\xff";
    EXPECT_NO_THROW((void)json(e).dump());
}

TEST(Views, ReadWhatAnOlderDaemonLeavesOut) {
    EXPECT_EQ(json::object().get<StatusView>().pid, 0U);
    EXPECT_FALSE(json::object().get<StatusView>().held);
    EXPECT_TRUE(json::object().get<ProcessView>().incidents.empty());
    EXPECT_EQ(json::object().get<ExplainView>().socket_count, 0U);
    EXPECT_EQ(json({{"state", "LISTEN"}, {"role", "listening"}, {"new_field", 1}}).get<SocketRecord>().state,
              TcpState::kListen);
    EXPECT_EQ(json({{"pid", nullptr}, {"held", nullptr}}).get<StatusView>().pid, 0U);
}

TEST(Views, RefuseAWrongShape) {
    const auto with = [](const json& good, const char* key, json bad) {
        json j = good;
        j[key] = std::move(bad);
        return j;
    };
    const json socket = record();
    for (const auto& bad :
         {with(socket, "state", "SLEEPING"), with(socket, "state", 8), with(socket, "role", "boss"),
          with(socket, "attribution", "?"), with(socket, "local", "nowhere"), with(socket, "id", "xyz"),
          with(socket, "id", "00112233445566778"), with(socket, "uid", -1),
          with(socket, "netns", 1ULL << 40U), with(socket, "has_fd", "yes"),
          with(socket, "opened_monotonic_seconds", "now"), json::array(), json(7)}) {
        EXPECT_THROW((void)bad.get<SocketRecord>(), json::exception) << bad;
    }
    EXPECT_THROW((void)json({{"sockets", {{"SLEEPING", 1}}}}).get<Gauges>(), json::exception);
    EXPECT_THROW((void)json({{"sockets", json::array()}}).get<Gauges>(), json::exception);
    EXPECT_THROW((void)json({{"incidents", {1}}}).get<ProcessView>(), json::exception);
    EXPECT_THROW((void)json({{"capabilities", 1}}).get<StatusView>(), json::exception);
    EXPECT_THROW((void)json({{"socket", nullptr}}).get<SocketView>(), json::exception);
    EXPECT_THROW((void)json({{"from", "CLOSE"}}).get<TraceEvent>(), json::exception);
}

TEST(Interface, IsValidVarlink) {
    const auto idl = testing::Idl::parse(interface_description());
    ASSERT_TRUE(idl.error.empty()) << idl.error;
    EXPECT_EQ(idl.name, kInterface);
    EXPECT_EQ(idl.methods,
              (std::set<std::string>{"GetStatus", "ListProcesses", "ListSockets", "ListIncidents", "Explain",
                                     "Trace", "Revisions", "Reload", "Hold", "Release", "ReportDestroyed"}));
    EXPECT_EQ(idl.errors,
              (std::set<std::string>{"NotFound", "InvalidConfig", "ResourceExhausted", "Failed"}));
}

TEST(Interface, TheRelaysIsValidVarlinkToo) {
    const auto idl = testing::Idl::parse(relay_interface_description());
    ASSERT_TRUE(idl.error.empty()) << idl.error;
    EXPECT_EQ(idl.name, kRelayInterface);
    EXPECT_EQ(idl.methods,
              (std::set<std::string>{"GetStatus", "ListAlerts", "TestReceiver", "RetryAlerts",
                                     "DiscardAlerts", "ListSilences", "AddSilence", "EndSilence"}));
    EXPECT_TRUE(kRelay.has_method("AddSilence"));
    EXPECT_FALSE(kRelay.has_method("Hold"));
}

TEST(Interface, TheParserOfThisTestRefusesWhatIsNotVarlink) {
    for (const char* bad :
         {"", "interface x", "interface a.b\nmethod foo() -> ()", "interface a.b\nmethod Foo()",
          "interface a.b\ntype T (a_: int)", "interface a.b\ntype T (a: integer)",
          "interface a.b\ntype T (a: int,)", "interface a.b\ntype T (a: int)\ntype T (b: int)"}) {
        EXPECT_FALSE(testing::Idl::parse(bad).error.empty()) << bad;
    }
}

TEST(Interface, DeclaresExactlyTheFieldsThatAreSent) {
    const auto idl = testing::Idl::parse(interface_description());
    Revision revision;
    revision.incident = explanation().incidents.front();
    EXPECT_EQ(idl.mismatch("Status", status()), "");
    EXPECT_EQ(idl.mismatch("Status", StatusView{}), "");
    EXPECT_EQ(idl.mismatch("Process", process()), "");
    EXPECT_EQ(idl.mismatch("Socket", SocketView{record(), "a", "b", "c"}), "");
    EXPECT_EQ(idl.mismatch("TraceEvent", event()), "");
    EXPECT_EQ(idl.mismatch("Explanation", explanation()), "");
    EXPECT_EQ(idl.mismatch("Revision", revision), "");
    json wrong = process();
    wrong["gauges"]["opened"] = "many";
    EXPECT_THAT(idl.mismatch("Process", wrong), HasSubstr("gauges.opened"));
}

}  // namespace
}  // namespace sockdog
