#include "relay/quiet.h"

#include <fnmatch.h>

#include <algorithm>

namespace sockdog {
namespace {

bool fits(const std::string& pattern, const std::string& text) {
    return pattern.empty() || ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

void hold(std::vector<OutboxItem>& items, WallTime until, const std::string& why) {
    for (OutboxItem& item : items) {
        item.held = true;
        item.next_attempt = until;
        item.last_error = why;
    }
}

}  // namespace

bool ReceiverMatch::matches(const Incident& incident) const {
    const Owner& owner = incident.owner;
    return fits(unit, owner.unit.empty() ? owner.display_name() : owner.unit) &&
           fits(leak_class, std::string(to_string(cause_of(incident.latest)))) &&
           fits(policy, incident.policy) && fits(container, owner.container_id);
}

bool silenced_by(const Silence& silence, const Incident& incident) {
    return ReceiverMatch{silence.unit, silence.leak_class, "", ""}.matches(incident);
}

Status Quiet::apply(const Revision& revision, WallTime now, std::vector<OutboxItem>& items) {
    std::size_t openings = 0;
    if (revision.kind == RevisionKind::kOpened && flap_.openings > 0) {
        const auto since = std::chrono::floor<std::chrono::milliseconds>(revision.at - flap_.window);
        const auto counted = outbox_.count_opening(revision.incident.key, revision.at, since);
        if (!counted) return counted.error();
        openings = *counted;
    }
    if (items.empty() || revision.kind == RevisionKind::kResolved) return Ok{};
    const auto silences = outbox_.silences(now);
    if (!silences) return silences.error();
    // The last to end; they are in the order of their ends.
    const auto silence = std::find_if(silences->rbegin(), silences->rend(), [&](const Silence& one) {
        return silenced_by(one, revision.incident);
    });
    if (silence != silences->rend()) {
        std::erase_if(items, [](const OutboxItem& item) { return item.standing != Standing::kOpen; });
        hold(items, silence->until, "silence " + std::to_string(silence->id));
        if (revision.kind == RevisionKind::kOpened) ++silenced_;
    } else if (flap_.openings > 0 && openings >= flap_.openings) {
        hold(items, std::chrono::ceil<std::chrono::milliseconds>(now + flap_.hold), "flaps");
        ++flapped_;
    }
    return Ok{};
}

}  // namespace sockdog
