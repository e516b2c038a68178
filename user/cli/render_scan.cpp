#include <algorithm>

#include "cli/render.h"
#include "cli/scan.h"
#include "cli/table.h"
#include "cli/words.h"

namespace sockdog {
namespace {

std::string hint(const ScanGroup& g) {
    switch (g.kind) {
        case ScanKind::kCloseWait:
            if (g.recv_queue_median == 0) return "read EOF, did not close";
            return g.recv_queue_median <= 64 ? "abandoned: FIN never read" : "abandoned: data never read";
        case ScanKind::kDead:
            return "reset or timed out, fd still open";
        case ScanKind::kNotAccepted:
            return "acceptor is stuck: peers gave up";
        case ScanKind::kUnread:
            return "body begun and abandoned";
        case ScanKind::kIdle:
            return "ever more, none reused";
    }
    return {};
}

std::string endpoint_text(const ScanGroup& g) {
    return std::string(g.accepted ? "on " : "to ") + (g.endpoint.family == 0 ? "-" : g.endpoint.to_string());
}

std::string growth_text(const ScanGroup& g) {
    if (!g.before) return {};
    const std::int64_t growth = std::int64_t{g.count} - std::int64_t{*g.before};
    return (growth >= 0 ? "+" : "") + std::to_string(growth);
}

std::string group_table(const ScanReport& report, const Style& style) {
    const auto number = [](const char* title, int expendable, bool hide = false) {
        return Column{title, Align::kRight, expendable, 0, hide};
    };
    Table table({Column{"KIND", Align::kLeft, 0, 0, false}, number("COUNT", 0), number("PID", 0),
                 Column{"NAME", Align::kLeft, 0, 10, false},
                 Column{"ENDPOINT", Align::kLeft, 1, kWholeEndpoint + 3, false}, number("STAYED", 2, true),
                 number("GREW", 2, true), number("OLDEST", 5), number("IDLE", 4), number("RECV-Q", 3),
                 Column{"HINT", Align::kLeft, 6, 16, false}});
    for (const ScanGroup& g : report.groups) {
        table.add({Cell{std::string(to_string(g.kind)), g.suspicious ? Tone::kBad : Tone::kPlain},
                   std::to_string(g.count), pid_text(g.process), g.process.known() ? g.name : "(no process)",
                   endpoint_text(g), g.before ? std::to_string(g.stayed) : "", growth_text(g),
                   g.oldest ? format_duration(*g.oldest) : "-", format_duration(g.longest_idle),
                   std::to_string(g.recv_queue_median), hint(g)});
    }
    return table.render(style);
}

std::string verdict(const ScanReport& report, const Style& style) {
    std::vector<ProcessId> processes;
    for (const ScanGroup& g : report.groups) {
        if (g.suspicious) processes.push_back(g.process);
    }
    std::sort(processes.begin(), processes.end());
    processes.erase(std::unique(processes.begin(), processes.end()), processes.end());
    if (processes.empty()) return paint(style, Tone::kGood, "Nothing suspicious.") + "\n";
    const std::string verb = processes.size() == 1 ? " looks" : " look";
    return paint(style, Tone::kBad,
                 count_of(processes.size(), "process") + verb + " as if leaking connections.") +
           "\n";
}

std::string caveat(const ScanReport& report, const Style& style) {
    const std::size_t width = style.width == 0 ? 100 : std::min<std::size_t>(style.width, 100);
    const std::string text = report.watched > Duration::zero()
                                 ? "Two looks, " + format_duration(report.watched) +
                                       " apart. STAYED: of the first look, still there. sockdogd watches for "
                                       "longer and knows more."
                                 : "One look cannot tell how long sockets have been in their state (OLDEST "
                                   "is '-') nor whether they become more: a count "
                                   "alone is no verdict. 'sockdog scan --watch 60s' looks twice.";
    return wrap(text, width, 0) + "\n";
}

}  // namespace

std::string render_scan(const ScanReport& report, const ScanResult& look, const Style& style) {
    std::string out = verdict(report, style) + caveat(report, style) + "\n";
    if (!report.groups.empty()) out += group_table(report, style) + "\n";
    return out + render_ps(look.processes, SortKey::kCloseWait, false, style);
}

}  // namespace sockdog
