#include <algorithm>

#include "cli/render.h"
#include "cli/table.h"
#include "cli/words.h"

namespace sockdog {
namespace {

Tone tone_of(const Incident& incident) {
    if (!incident.open()) return Tone::kDim;
    return incident.latest.severity == Severity::kCritical ? Tone::kBad : Tone::kWarning;
}

std::string remedy_text(const Incident& incident) {
    return incident.remedies.empty() ? "" : std::string(to_string(incident.remedies.back().outcome));
}

}  // namespace

std::string render_incidents(const std::vector<Incident>& incidents, const Now& now, const Style& style) {
    if (incidents.empty()) return paint(style, Tone::kGood, "No incidents.") + "\n";
    std::vector<const Incident*> order;
    for (const Incident& incident : incidents) order.push_back(&incident);
    std::stable_sort(order.begin(), order.end(), [](const Incident* a, const Incident* b) {
        if (a->open() != b->open()) return a->open();
        if (a->open() && a->latest.severity != b->latest.severity)
            return a->latest.severity > b->latest.severity;
        return a->opened_at > b->opened_at;
    });
    const bool some_resolved = !order.back()->open();  // they come last
    Table table({Column{"ID", Align::kLeft, 0, 0, false}, Column{"SEVERITY", Align::kLeft, 2, 0, false},
                 Column{"CLASS", Align::kLeft, 3, 0, false}, Column{"WHO", Align::kLeft, 0, 10, false},
                 Column{"PID", Align::kRight, 6, 0, false},
                 Column{"ENDPOINT", Align::kLeft, 1, kWholeEndpoint, false},
                 Column{"LEAKED", Align::kRight, 0, 0, false}, Column{"RATE/MIN", Align::kRight, 4, 0, false},
                 Column{"OPENED", Align::kRight, 5, 0, false}, Column{"STATE", Align::kLeft, 1, 0, true},
                 Column{"REMEDY", Align::kLeft, 8, 0, true}});
    for (const Incident* incident : order) {
        const Finding& f = incident->latest;
        table.add({incident->id, Cell{std::string(to_string(f.severity)), tone_of(*incident)},
                   std::string(to_string(f.leak_class)), name_of(incident->owner), pid_text(f.process),
                   f.endpoint.family == 0 ? "-" : f.endpoint.to_string(), std::to_string(f.leaked),
                   format_rate(f.slope_per_minute), format_duration(since(incident->opened_at, now)) + " ago",
                   some_resolved ? (incident->open() ? "open" : "resolved") : "", remedy_text(*incident)});
    }
    return table.render(style);
}

}  // namespace sockdog
