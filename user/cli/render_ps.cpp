#include <algorithm>
#include <tuple>

#include "cli/render.h"
#include "cli/table.h"
#include "cli/words.h"

namespace sockdog {
namespace {

/// Characters of a container id that its own tools show.
constexpr std::size_t kShortId = 12;

std::uint64_t failures(const Gauges& g) {
    return g.connect_refused + g.connect_timed_out + g.connect_address_unavailable + g.connect_failed_other;
}

std::uint32_t others(const Gauges& g) {
    std::uint32_t named = 0;
    for (const TcpState state : {TcpState::kEstablished, TcpState::kCloseWait, TcpState::kListen,
                                 TcpState::kFinWait2, TcpState::kClose}) {
        named += g.in(state);
    }
    return g.total() - named;
}

std::uint64_t rank(const ProcessView& view, SortKey key) {
    const Gauges& g = view.gauges;
    switch (key) {
        case SortKey::kCloseWait:
            return g.in(TcpState::kCloseWait);
        case SortKey::kTotal:
            return g.total();
        case SortKey::kEstablished:
            return g.in(TcpState::kEstablished);
        case SortKey::kListen:
            return g.in(TcpState::kListen);
        case SortKey::kFinWait2:
            return g.in(TcpState::kFinWait2);
        case SortKey::kDead:
            return g.in(TcpState::kClose);
        case SortKey::kOpened:
            return g.opened;
        case SortKey::kFailed:
            return failures(g);
        case SortKey::kPid:
        case SortKey::kName:
            break;
    }
    return 0;
}

void sort_processes(std::vector<ProcessView>& processes, SortKey key) {
    std::stable_sort(processes.begin(), processes.end(), [key](const ProcessView& a, const ProcessView& b) {
        const std::uint32_t a_pid = a.owner.process.pid;
        const std::uint32_t b_pid = b.owner.process.pid;
        if (key == SortKey::kPid) return a_pid < b_pid;
        if (key == SortKey::kName)
            return std::tuple(name_of(a.owner), a_pid) < std::tuple(name_of(b.owner), b_pid);
        const auto order = [key](const ProcessView& view) {
            return std::tuple(rank(view, key), view.gauges.total());
        };
        const auto a_order = order(a);
        const auto b_order = order(b);
        return a_order != b_order ? a_order > b_order : a_pid < b_pid;
    });
}

std::vector<Column> columns() {
    const auto number = [](const char* title, int expendable) {
        return Column{title, Align::kRight, expendable, 0, false};
    };
    return {number("PID", 0),
            Column{"NAME", Align::kLeft, 0, 12, false},
            Column{"COMM", Align::kLeft, 6, 8, false},
            Column{"UNIT", Align::kLeft, 9, 12, true},
            number("ESTAB", 1),
            number("CLOSE_WAIT", 0),
            number("LISTEN", 5),
            number("FIN_WAIT2", 4),
            number("DEAD", 2),
            number("OTHER", 7),
            number("OPENED", 10),
            number("ACCEPTED", 11),
            number("CLOSED", 12),
            number("FAILED", 3),
            Column{"INCIDENT", Align::kLeft, 1, 0, true}};
}

Cell counter(std::uint64_t value, Tone tone = Tone::kPlain) {
    return {std::to_string(value), value == 0 ? Tone::kDim : tone};
}

}  // namespace

std::string name_of(const Owner& owner) {
    if (!owner.process.known()) return "(no process)";
    std::string name = owner.display_name();
    if (name.empty()) name = owner.comm;
    return name.empty() ? "?" : name;
}

std::string unit_of(const Owner& owner) {
    if (!owner.container_id.empty()) {
        const std::string runtime = owner.container_runtime.empty() ? "container" : owner.container_runtime;
        return runtime + ":" + owner.container_id.substr(0, kShortId);
    }
    return owner.user_unit.empty() ? owner.unit : owner.user_unit;
}

std::string pid_text(const ProcessId& process) {
    return process.known() ? std::to_string(process.pid) : "-";
}

std::string render_ps(std::vector<ProcessView> processes, SortKey sort, bool all, const Style& style) {
    if (!all) std::erase_if(processes, [](const ProcessView& view) { return view.gauges.total() == 0; });
    if (processes.empty())
        return all ? "No process is in the books.\n" : "No process has a TCP socket now.\n";
    sort_processes(processes, sort);
    Table table(columns());
    for (const ProcessView& view : processes) {
        const Gauges& g = view.gauges;
        std::string incidents;
        for (const std::string& id : view.incidents) incidents += (incidents.empty() ? "" : ",") + id;
        const Tone tone = incidents.empty() ? Tone::kPlain : Tone::kBad;
        table.add({pid_text(view.owner.process), name_of(view.owner), view.owner.comm, unit_of(view.owner),
                   counter(g.in(TcpState::kEstablished)), counter(g.in(TcpState::kCloseWait), tone),
                   counter(g.in(TcpState::kListen)), counter(g.in(TcpState::kFinWait2)),
                   counter(g.in(TcpState::kClose)), counter(others(g)), counter(g.opened),
                   counter(g.accepted), counter(g.closed), counter(failures(g), Tone::kWarning),
                   Cell{incidents, tone}});
    }
    return table.render(style);
}

}  // namespace sockdog
