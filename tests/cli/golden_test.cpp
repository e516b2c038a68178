#include <gtest/gtest.h>

#include "cli/doctor.h"
#include "cli/render.h"
#include "cli/scenes.h"

namespace sockdog {
namespace {

class Golden : public testing::Test {
  protected:
    void SetUp() override { scenes::use_zone(); }
};

std::vector<ProcessView> processes() {
    ProcessView idle;
    idle.owner.process = {99, 1};
    idle.owner.comm = "idle";
    ProcessView nobody;
    nobody.gauges.sockets[static_cast<std::size_t>(TcpState::kCloseWait)] = 2;
    ProcessView hostile = scenes::healthy_process();
    hostile.owner = Owner{};
    hostile.owner.process = {13, 1};
    hostile.owner.comm = "evil\n\033[2J\xff";
    return {scenes::healthy_process(), idle, nobody, scenes::leaking_process(), hostile};
}

TEST_F(Golden, Ps) {
    scenes::expect_golden("ps_200.txt",
                          render_ps(processes(), SortKey::kCloseWait, false, scenes::plain(200)));
    scenes::expect_golden("ps_80.txt", render_ps(processes(), SortKey::kCloseWait, false, scenes::plain(80)));
    scenes::expect_golden("ps_40.txt", render_ps(processes(), SortKey::kCloseWait, false, scenes::plain(40)));
    scenes::expect_golden("ps_all_by_pid.txt", render_ps(processes(), SortKey::kPid, true, scenes::plain()));
}

TEST_F(Golden, Sockets) {
    std::vector<SocketView> sockets{scenes::socket_in(TcpState::kEstablished, 1),
                                    scenes::leaked_socket(2, 90s), scenes::leaked_socket(3, 2000s),
                                    scenes::socket_in(TcpState::kClose, 4),
                                    scenes::socket_in(TcpState::kListen, 5)};
    sockets[0].socket.holders = 3;
    sockets[4].socket.role = SocketRole::kListening;
    sockets[4].socket.remote = {};
    SocketView waiting = scenes::leaked_socket(6, 10s);
    waiting.socket.role = SocketRole::kAccepted;
    waiting.socket.has_fd = false;
    waiting.socket.owner = {};
    waiting.socket.netns = 4026532000;
    waiting.socket.remote = scenes::endpoint("[2001:db8:1234:5678:9abc:def0:1234:5678]:65535");
    sockets.push_back(waiting);
    scenes::expect_golden("sockets_200.txt", render_sockets(sockets, scenes::now(), scenes::plain(200)));
    scenes::expect_golden("sockets_80.txt", render_sockets(sockets, scenes::now(), scenes::plain(80)));
    EXPECT_EQ(render_sockets({}, scenes::now(), scenes::plain()), "No TCP socket matches.\n");
}

TEST_F(Golden, Incidents) {
    Incident resolved = scenes::incident("i3", scenes::close_wait());
    resolved.resolved_at = scenes::now().wall - 5min;
    resolved.remedies = {
        RemedyReport{RemedyOutcome::kSucceeded, "systemd-restart", "health_monitor.service", "", 1, {}, {}}};
    const std::vector<Incident> incidents{resolved, scenes::incident("i7", scenes::close_wait()),
                                          scenes::incident("i8", scenes::idle_growth())};
    scenes::expect_golden("incidents_200.txt",
                          render_incidents(incidents, scenes::now(), scenes::plain(200)));
    scenes::expect_golden("incidents_80.txt", render_incidents(incidents, scenes::now(), scenes::plain(80)));
    EXPECT_EQ(render_incidents({}, scenes::now(), scenes::plain()), "No incidents.\n");
}

TEST_F(Golden, Status) {
    scenes::expect_golden("status_quiet.txt",
                          render_status(scenes::status(), scenes::now(), scenes::plain()));
    StatusView s = scenes::status();
    s.books_since -= 50h;
    s.books_pinned_at.clear();
    s.books_not_pinned = "another sockdogd keeps its books in /sys/fs/bpf/sockdog\n";
    s.open_incidents = 3;
    s.critical_incidents = 1;
    s.losses.record_refused = 12;
    s.losses.state_repaired = 3;
    s.held = "migration\nuntil 18:00";
    s.config_error = "sockdog.yaml:3:1: unknown key 'limts'\nsockdog.yaml:9:4: not a duration";
    s.capabilities = {{"failures", "tp/syscalls", false, false, "no EMFILE counts", "EINVAL"},
                      {"walk", "iter/tcp", true, true, "", ""}};
    s.cpu_seconds = 1e300;
    s.cpu_share = 0.05;
    s.throttled = 12;
    s.last_throttled = scenes::now().wall - 40s;
    scenes::expect_golden("status_troubled.txt", render_status(s, scenes::now(), scenes::plain()));
}

TEST_F(Golden, Trace) {
    TraceEvent event;
    event.at = scenes::now().mono - 1500ms;
    event.owner = {4242, 777};
    event.comm = "ruby\n";
    event.from = TcpState::kSynSent;
    event.to = TcpState::kEstablished;
    event.local = scenes::endpoint("10.0.0.5:40001");
    event.remote = scenes::endpoint("10.0.0.6:25555");
    std::string text = render_trace(event, scenes::now(), scenes::plain());
    event.from = TcpState::kEstablished;
    event.to = TcpState::kClose;
    event.lived = 200s;
    event.error = ECONNRESET;
    text += render_trace(event, scenes::now(), scenes::plain());
    scenes::expect_golden("trace.txt", text);
}

TEST_F(Golden, Doctor) {
    DoctorReport report;
    report.host = {"6.1.0-28-amd64", "x86_64", true, 0, ~0ULL, 1024, 8 << 20};
    report.capabilities = {
        {"transition", "tp_btf/inet_sock_set_state", true, true, "no detection at all", ""},
        {"failures", "tp/syscalls/sys_exit_socket", false, true, "no EMFILE counts", ""}};
    report.books = {KeepBooks::kRestart, "/sys/fs/bpf/sockdog", true, ""};
    EXPECT_TRUE(report.healthy());
    scenes::expect_golden("doctor_good.txt", render_doctor(report, scenes::plain(120)));
    report.capabilities[1].available = false;
    report.capabilities[1].detail = "Operation not permitted";
    EXPECT_TRUE(report.healthy()) << "an optional part";
    report.capabilities[0].available = false;
    report.books = {KeepBooks::kRestart, "/sys/fs/bpf/sockdog", false, "/sys/fs/bpf is no BPF file system"};
    report.host = {"5.4.0", "x86_64", false, 1000, 0, 1024, 65536};
    EXPECT_FALSE(report.healthy());
    scenes::expect_golden("doctor_bad.txt", render_doctor(report, scenes::plain(120)));
    EXPECT_FALSE(DoctorReport{}.healthy()) << "nothing tried is nothing proved";
}

}  // namespace
}  // namespace sockdog
