#include "cli/backtest.h"

#include "base/text.h"
#include "cli/render.h"
#include "cli/table.h"
#include "cli/words.h"
#include "incident/json.h"

namespace sockdog {
namespace {

using nlohmann::json;

constexpr std::size_t kDetailIndent = 4;

std::size_t width_of(const Style& style) {
    return style.width == 0 ? std::string::npos : style.width;
}

std::string ended(const Incident& incident) {
    if (incident.open()) return "still open";
    return format_local(*incident.resolved_at) + ": " + incident.resolve_reason;
}

std::vector<Cell> row(const Incident& incident) {
    const Finding& worst = incident.worst;
    const bool critical = incident.latest.severity == Severity::kCritical;
    return {format_local(incident.opened_at),
            std::string(to_string(incident.latest.leak_class)),
            Cell{std::string(to_string(incident.latest.severity)), critical ? Tone::kBad : Tone::kWarning},
            name_of(incident.owner),
            worst.endpoint.family == 0 ? "-" : worst.endpoint.to_string(),
            std::to_string(worst.leaked),
            ended(incident)};
}

std::string again(const BacktestIncident& one) {
    if (one.again == 0) return "";
    return "; as nothing was done about the recorded leak, again after the cooldown, " +
           count_of(one.again, "time");
}

std::string remedies(const BacktestIncident& one, const Style& style) {
    const std::string margin(kDetailIndent, ' ');
    const auto line = [&](const RemedyReport& report, const std::string& what, const std::string& more) {
        const std::string text =
            format_local(report.at) + ": " + what + " " + report.action + " " + report.target + more;
        return margin + wrap(printable(text), width_of(style), kDetailIndent * 2) + "\n";
    };
    std::string lines;
    for (const RemedyReport& held : one.held) lines += line(held, "held back", " (" + held.reason + ")");
    if (one.fired) lines += line(*one.fired, "would have fired", again(one));
    return lines;
}

/// The table's lines with those of the remedies between them.
std::string incidents(const Backtest& backtest, const Style& style) {
    if (backtest.incidents.empty()) return "";
    constexpr std::size_t kWholeTime = 23;
    Table table({Column{"OPENED", Align::kLeft, 0, 0, false}, Column{"CLASS", Align::kLeft, 2, 0, false},
                 Column{"SEVERITY", Align::kLeft, 3, 0, false}, Column{"WHO", Align::kLeft, 0, 10, false},
                 Column{"ENDPOINT", Align::kLeft, 0, kWholeEndpoint, false},
                 Column{"LEAKED", Align::kRight, 0, 0, false},
                 Column{"ENDED", Align::kLeft, 1, kWholeTime, false}});
    for (const BacktestIncident& one : backtest.incidents) table.add(row(one.incident));
    const std::vector<std::string> lines = split(table.render(style), '\n');
    std::string text = lines.front() + "\n";
    for (std::size_t i = 0; i < backtest.incidents.size(); ++i)
        text += lines.at(i + 1) + "\n" + remedies(backtest.incidents[i], style);
    return text + "\n";
}

std::string processes(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " process" : " processes");
}

std::string summary(const Backtest& backtest) {
    const std::size_t fired = backtest.fired();
    return format_duration(backtest.watched) + " of samples of " + processes(backtest.processes) + ": " +
           count_of(backtest.incidents.size(), "incident") + ", " + std::to_string(fired) +
           (fired == 1 ? " remedy" : " remedies") + " would have fired. (" + format_local(backtest.from) +
           " to " + format_local(backtest.to) + ")";
}

std::string limits_of_samples(const Backtest& backtest) {
    std::string note;
    if (backtest.walked < backtest.processes) {
        note = "Of " + processes(backtest.processes - backtest.walked) +
               " there are only counts: never suspects under the configuration that recorded, so that their "
               "sockets were not looked at. A stricter configuration may find more than this. ";
    }
    return note +
           "Nothing was restarted in these samples, so that budgets, and whether a remedy helps, are not "
           "told.";
}

}  // namespace

std::string render_backtest(const Backtest& backtest, const Style& style) {
    return incidents(backtest, style) + wrap(summary(backtest), width_of(style), 0) + "\n" +
           wrap(limits_of_samples(backtest), width_of(style), 0) + "\n";
}

json backtest_json(const Backtest& backtest) {
    json all = json::array();
    for (const BacktestIncident& one : backtest.incidents) {
        all.push_back({{"incident", one.incident},
                       {"fired", one.fired ? json(*one.fired) : json()},
                       {"again", one.again},
                       {"held", one.held}});
    }
    return {{"from", format_rfc3339(backtest.from)},
            {"to", format_rfc3339(backtest.to)},
            {"watched_seconds", std::chrono::duration<double>(backtest.watched).count()},
            {"runs", backtest.runs},
            {"processes", backtest.processes},
            {"processes_with_sockets", backtest.walked},
            {"remedies_fired", backtest.fired()},
            {"incidents", std::move(all)}};
}

}  // namespace sockdog
