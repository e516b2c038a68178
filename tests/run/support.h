// Leaks made by hand.
#pragma once

#include <string>

#include "run/report.h"

namespace sockdog::testing {

inline const MonoTime kStart{1000s};

/// Opened to 127.0.0.1:80 a second after the start, and left after ten; in its state for five.
inline HeldSocket held(TcpState state, SocketRole role = SocketRole::kOpened) {
    HeldSocket one;
    one.socket.id = 1;
    one.socket.state = state;
    one.socket.role = role;
    one.socket.has_fd = true;
    one.socket.bytes_acked = 1;
    one.socket.remote = *parse_endpoint("127.0.0.1:80");
    one.socket.local = *parse_endpoint("127.0.0.1:40000");
    one.socket.opened = kStart + 1s;
    one.socket.state_since = kStart + 5s;
    one.at = kStart + 10s;
    one.process = {4242, 7};
    one.comm = "client";
    one.process_ended = true;
    return one;
}

inline CallSite site_at(const std::string& file, std::uint32_t line, const std::string& function) {
    CallSite site;
    site.id = line + 1;
    site.frames = {CallFrame{"connect", "/usr/lib/python3/http.py", 9, "", 0, FrameOrigin::kLibrary},
                   CallFrame{function, file, line, "", 0, FrameOrigin::kApplication}};
    site.application = 1;
    return site;
}

inline Leak leak(RunClass leak_class = RunClass::kCloseWait,
                 const CallSite& site = site_at("/src/app/client.py", 42, "fetch")) {
    return Leak{leak_class, held(TcpState::kCloseWait), site};
}

inline RunReport report_of(const std::vector<Leak>& leaks, IgnoreList baseline = {}) {
    RunReport report;
    report.command = {"pytest", "-k", "a <b> & 'c'"};
    report.working_directory = "/src/app";
    report.took = 1500ms;
    report.classes = {kRunClasses.begin(), kRunClasses.end()};
    fill(report, leaks, baseline);
    return report;
}

}  // namespace sockdog::testing
