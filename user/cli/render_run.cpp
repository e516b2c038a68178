#include <cstring>
#include <set>

#include "base/text.h"
#include "cli/render.h"
#include "cli/table.h"
#include "cli/words.h"

namespace sockdog {
namespace {

std::string endpoint_text(const LeakGroup& leak) {
    const std::string to = leak.role == SocketRole::kAccepted ? "on " : "to ";
    if (leak.endpoints.size() == 1) return to + leak.endpoints.begin()->first.to_string();
    return to + count_of(leak.endpoints.size(), "endpoint");
}

std::string who(const LeakGroup& leak) {
    if (leak.processes.size() != 1)
        return leak.comm + " (" + std::to_string(leak.processes.size()) + " processes)";
    return leak.comm + " (pid " + std::to_string(leak.processes.begin()->pid) + ")";
}

std::string leaks_table(const std::vector<LeakGroup>& leaks, bool ignored, const Style& style) {
    Table table({Column{"COUNT", Align::kRight, 0, 0, false}, Column{"CLASS", Align::kLeft, 0, 0, false},
                 Column{"OPENED AT", Align::kLeft, 0, 24, false},
                 Column{"ENDPOINT", Align::kLeft, 2, 0, false}, Column{"OLDEST", Align::kRight, 4, 0, false},
                 Column{"RECV-Q", Align::kRight, 5, 0, false}, Column{"PROCESS", Align::kLeft, 3, 12, false},
                 Column{"IGNORED", Align::kLeft, 1, 16, true}});
    for (const LeakGroup& leak : leaks) {
        table.add({std::to_string(leak.count),
                   Cell{std::string(to_string(leak.leak_class)), ignored ? Tone::kDim : Tone::kBad},
                   leak.place(), endpoint_text(leak), format_duration(leak.oldest),
                   std::to_string(leak.recv_queue_max_bytes), who(leak), leak.reason});
    }
    return table.render(style);
}

/// Why the line is not known, or the frames of each leak.
std::string stacks(const RunReport& report, const Style& style) {
    std::string out;
    for (const LeakGroup& leak : report.leaks) {
        if (leak.site.id == 0) continue;
        out += "\n" + std::string(to_string(leak.leak_class)) + " at " + printable(leak.place()) + ":\n";
        for (std::size_t i = 0; i < leak.site.frames.size(); ++i) {
            const bool application = leak.site.application == i;
            const std::string line = "  " + printable(to_long_string(leak.site.frames[i])) + "\n";
            out += application ? paint(style, Tone::kStrong, line) : line;
        }
    }
    return out;
}

std::string unknown_lines(const RunReport& report) {
    std::set<std::string> reasons;
    for (const LeakGroup& leak : report.leaks) {
        if (leak.site.application_frame() == nullptr && !leak.site.unknown_because.empty())
            reasons.insert(leak.site.unknown_because);
    }
    std::string out;
    for (const std::string& reason : reasons) out += "line not known: " + printable(reason) + "\n";
    return out;
}

/// An interpreter closes what it holds when it shuts down: the leak is there, and hidden.
std::string late_ones(const RunReport& report, const Style& style) {
    if (report.late.empty()) return {};
    const std::size_t width = style.width == 0 ? 100 : style.width;
    const std::string text = count_of(report.late_count(), "connection") +
                             " more had been over for a second or longer and went only with the end of the "
                             "process, as an interpreter that "
                             "shuts down closes what it still holds. Not counted without --count-late:";
    return "\n" + wrap(text, width, 0) + "\n" + leaks_table(report.late, true, style);
}

std::string ending(const RunReport& report) {
    const CommandEnd& end = report.end;
    if (end.start_error != 0) return std::string("cannot be run: ") + std::strerror(end.start_error);
    if (end.signal != 0) return "was killed by signal " + std::to_string(end.signal);
    return end.status == 0 ? "" : "ended with exit code " + std::to_string(end.status);
}

std::string verdict(const RunReport& report, const Style& style) {
    const std::uint32_t leaked = report.leaked();
    std::string text = "sockdog: " + command_text(report.command);
    const std::string end = ending(report);
    if (!end.empty()) text += " " + end + (report.end.start_error == 0 ? "; it" : "");
    if (report.end.start_error != 0) return paint(style, Tone::kBad, text) + "\n";
    if (leaked == 0) {
        text += " leaked no connection";
    } else {
        text += " leaked " + count_of(leaked, "connection");
        if (report.leaks.size() > 1) text += " at " + std::to_string(report.leaks.size()) + " places";
    }
    if (report.allowed > 0) text += " (" + std::to_string(report.allowed) + " allowed)";
    if (report.ignored_count() > 0) text += ", " + std::to_string(report.ignored_count()) + " more ignored";
    return paint(style, report.failed() ? Tone::kBad : Tone::kGood, text + ".") + "\n";
}

}  // namespace

std::string render_run(const RunReport& report, bool full_stacks, const Style& style) {
    std::string out = verdict(report, style);
    if (!report.leaks.empty()) out += leaks_table(report.leaks, false, style);
    out += unknown_lines(report);
    out += late_ones(report, style);
    if (!report.ignored.empty()) out += "\n" + leaks_table(report.ignored, true, style);
    if (full_stacks) out += stacks(report, style);
    for (const IgnoreEntry& entry : report.unused)
        out += "not needed any more: line " + std::to_string(entry.line) + " of the ignored, " +
               printable(entry.site) + "\n";
    for (const std::string& note : report.notes) out += "note: " + printable(note) + "\n";
    return out;
}

}  // namespace sockdog
