// JSON of the commands that need no daemon; the shapes inside are those of the control socket.

#include "cli/doctor.h"
#include "cli/scan.h"

namespace sockdog {
namespace {

using nlohmann::json;

json group_json(const ScanGroup& g) {
    json j{{"kind", to_string(g.kind)},
           {"suspicious", g.suspicious},
           {"process", g.process},
           {"name", json_safe(g.name)},
           {"role", g.accepted ? "accepted" : "opened"},
           {"endpoint", g.endpoint.family == 0 ? "" : g.endpoint.to_string()},
           {"netns", g.netns},
           {"count", g.count},
           {"longest_idle_seconds", std::chrono::duration<double>(g.longest_idle).count()},
           {"recv_queue_median_bytes", g.recv_queue_median},
           {"recv_queue_max_bytes", g.recv_queue_max}};
    if (g.oldest) j["oldest_dwell_seconds"] = std::chrono::duration<double>(*g.oldest).count();
    if (g.before) {
        j["before"] = *g.before;
        j["stayed"] = g.stayed;
    }
    return j;
}

}  // namespace

json scan_json(const ScanReport& report, const ScanResult& look) {
    json groups = json::array();
    for (const ScanGroup& g : report.groups) groups.push_back(group_json(g));
    return {{"suspicious", report.suspicious()},
            {"watched_seconds", std::chrono::duration<double>(report.watched).count()},
            {"groups", std::move(groups)},
            {"processes", look.processes},
            {"sockets", look.sockets}};
}

json doctor_json(const DoctorReport& report) {
    const HostFacts& host = report.host;
    json held = json::array();
    for (const PrivilegeView& privilege : privileges(host)) {
        if (privilege.held) held.push_back(privilege.name);
    }
    json j{{"healthy", report.healthy()},
           {"kernel", json_safe(host.kernel)},
           {"machine", json_safe(host.machine)},
           {"btf", host.btf},
           {"euid", host.euid},
           {"privileges", std::move(held)},
           {"fd_limit", host.fd_limit},
           {"memlock_bytes", host.memlock_bytes},
           {"capabilities", report.capabilities},
           {"books",
            {{"pinned", to_string(report.books.pinned)},
             {"directory", json_safe(report.books.directory)},
             {"in_use", report.books.in_use},
             {"problem", json_safe(report.books.problem)}}}};
    if (!report.failure.empty()) j["failure"] = json_safe(report.failure);
    return j;
}

}  // namespace sockdog
