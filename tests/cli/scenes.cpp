#include "cli/scenes.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sockdog::scenes {

void use_zone() {
    ::setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    ::tzset();
}

Now now() {
    return {MonoTime(100000s), parse_rfc3339("2026-11-22T19:50:00.000Z")};
}

Style plain(std::size_t width) {
    Style style;
    style.width = width;
    return style;
}

Endpoint endpoint(const char* text) {
    return parse_endpoint(text).value();
}

Owner monitor() {
    Owner owner;
    owner.process = {4242, 777};
    owner.comm = "ruby";
    owner.executable = "/opt/ruby/bin/ruby";
    owner.command_line = "/opt/ruby/bin/ruby bin/health_monitor -c /etc/health_monitor.yml";
    owner.uid = 998;
    owner.unit = "health_monitor.service";
    return owner;
}

Owner nginx() {
    Owner owner;
    owner.process = {811, 300};
    owner.comm = "nginx";
    owner.executable = "/usr/sbin/nginx";
    owner.container_id = std::string(64, 'c');
    owner.container_runtime = "docker";
    return owner;
}

ProcessView leaking_process() {
    ProcessView view;
    view.owner = monitor();
    view.gauges.sockets[static_cast<std::size_t>(TcpState::kCloseWait)] = 57;
    view.gauges.sockets[static_cast<std::size_t>(TcpState::kEstablished)] = 40;
    view.gauges.sockets[static_cast<std::size_t>(TcpState::kSynSent)] = 1;
    view.gauges.opened = 120;
    view.gauges.closed = 22;
    view.gauges.connect_refused = 3;
    view.incidents = {"i7"};
    return view;
}

ProcessView healthy_process() {
    ProcessView view;
    view.owner = nginx();
    view.gauges.sockets[static_cast<std::size_t>(TcpState::kListen)] = 2;
    view.gauges.sockets[static_cast<std::size_t>(TcpState::kEstablished)] = 12;
    view.gauges.accepted = 90210;
    view.gauges.closed = 90198;
    return view;
}

SocketView leaked_socket(std::uint64_t id, Duration dwell) {
    SocketView view = socket_in(TcpState::kCloseWait, id);
    view.socket.state_since = now().mono - dwell;
    view.socket.opened = now().mono - dwell - 5s;
    view.socket.recv_queue_bytes = 32;
    view.socket.idle_received = dwell;
    view.socket.idle_sent = dwell;
    return view;
}

SocketView socket_in(TcpState state, std::uint64_t id) {
    SocketView view;
    view.socket.id = id;
    view.socket.inode = 9000 + id;
    view.socket.owner = monitor().process;
    view.socket.state = state;
    view.socket.role = SocketRole::kOpened;
    view.socket.local = endpoint("10.0.0.5:40000");
    view.socket.local.port = static_cast<std::uint16_t>(40000 + id);
    view.socket.remote = endpoint("10.0.0.6:25555");
    view.socket.netns = 4026531840;
    view.socket.has_fd = true;
    view.socket.holders = 1;
    view.owner_name = "health_monitor.service";
    view.comm = "ruby";
    return view;
}

Finding close_wait() {
    Finding f;
    f.process = monitor().process;
    f.endpoint = endpoint("10.0.0.6:25555");
    f.netns = 4026531840;
    f.leaked = 57;
    f.close_wait = 57;
    f.established = 40;
    f.oldest_dwell = 33min + 20s;
    f.slope_per_minute = 12;
    f.window = 5min;
    f.opened_in_window = 65;
    f.closed_in_window = 5;
    f.recv_queue_median = 32;
    f.recv_queue_max = 32;
    f.requests_per_connection = 1;
    f.growing_windows = 3;
    return f;
}

Finding idle_growth() {
    Finding f = close_wait();
    f.leak_class = LeakClass::kIdleGrowth;
    f.severity = Severity::kCritical;
    f.leaked = 510;
    f.established = 512;
    f.idle = 510;
    f.close_wait = 0;
    f.recv_queue_median = 0;
    f.recv_queue_max = 0;
    return f;
}

Incident incident(const std::string& id, const Finding& finding) {
    Incident i;
    i.id = id;
    i.policy = "default";
    i.owner = monitor();
    i.first = finding;
    i.first.leaked = 9;
    i.latest = finding;
    i.worst = finding;
    i.opened_at = now().wall - 38min;
    i.updated_at = now().wall - 10s;
    return i;
}

StatusView status() {
    StatusView s;
    s.version = "0.1.0";
    s.pid = 312;
    s.started_at = now().wall - 26h;
    s.books_since = now().wall - 26h;
    s.books_pinned_at = "/sys/fs/bpf/sockdog/0123456789abcdef";
    s.sockets = 812;
    s.max_sockets = 262144;
    s.processes = 31;
    s.max_processes = 16384;
    s.totals.sockets[static_cast<std::size_t>(TcpState::kEstablished)] = 700;
    s.totals.sockets[static_cast<std::size_t>(TcpState::kCloseWait)] = 57;
    s.totals.sockets[static_cast<std::size_t>(TcpState::kListen)] = 55;
    s.config_file = "/etc/sockdog/sockdog.yaml";
    s.config_loaded_at = now().wall - 26h;
    s.memory_bytes = 12 * 1024 * 1024;
    s.cpu_seconds = 75.5;
    s.open_fds = 23;
    return s;
}

ExplainView leak_story() {
    ExplainView view;
    view.process = leaking_process();
    view.incidents = {incident("i7", close_wait())};
    view.socket_count = 98;
    view.fd_limit = 1024;
    view.policy = "default";
    for (std::uint64_t i = 0; i < 12; ++i) view.sockets.push_back(leaked_socket(i, 2000s - i * 5s));
    return view;
}

void expect_golden(const std::string& name, const std::string& actual) {
    std::ifstream file(std::string(SOCKDOG_SOURCE_DIR) + "/tests/cli/golden/" + name);
    std::stringstream expected;
    expected << file.rdbuf();
    if (file && expected.str() == actual) return;
    const std::filesystem::path folder = std::filesystem::path(SOCKDOG_BINARY_DIR) / "cli_golden";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / name) << actual;
    ADD_FAILURE() << "differs from tests/cli/golden/" << name << "; the actual text is in " << folder / name
                  << ":\n"
                  << actual;
}

}  // namespace sockdog::scenes
