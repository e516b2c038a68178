#include "incident/book.h"

#include <algorithm>
#include <charconv>

#include "incident/json.h"

namespace sockdog {
namespace {

constexpr std::size_t kRemediesKept = 32;

/// 42 of "i42", 0 of anything else.
std::uint64_t id_number(const std::string& id) {
    std::uint64_t number = 0;
    if (id.size() < 2 || id.front() != 'i') return 0;
    const auto [end, error] = std::from_chars(id.data() + 1, id.data() + id.size(), number);
    return error == std::errc{} && end == id.data() + id.size() ? number : 0;
}

bool worse(const Observed& a, const Observed& b) {
    if (a.finding.leaked != b.finding.leaked) return a.finding.leaked > b.finding.leaked;
    return a.finding.process < b.finding.process;
}

std::uint32_t plus(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{a} + b, UINT32_MAX));
}

/// Adds up what another process of the same owner leaks; what cannot be added stays that of the worst
/// offender.
void take_in(Finding& all, const Finding& one) {
    all.leaked = plus(all.leaked, one.leaked);
    all.close_wait = plus(all.close_wait, one.close_wait);
    all.established = plus(all.established, one.established);
    all.idle = plus(all.idle, one.idle);
    all.oldest_dwell = std::max(all.oldest_dwell, one.oldest_dwell);
    all.slope_per_minute += one.slope_per_minute;
    all.opened_in_window += one.opened_in_window;
    all.closed_in_window += one.closed_in_window;
    all.recv_queue_max = std::max(all.recv_queue_max, one.recv_queue_max);
    all.severity = std::max(all.severity, one.severity);
    all.failures += one.failures;
}

std::map<std::string, Observed> merge(std::span<const Observed> observed) {
    std::vector<const Observed*> ordered;
    for (const Observed& o : observed) ordered.push_back(&o);
    std::stable_sort(ordered.begin(), ordered.end(),
                     [](const auto* a, const auto* b) { return worse(*a, *b); });
    std::map<std::string, Observed> merged;
    for (const Observed* o : ordered) {
        const auto [it, fresh] = merged.try_emplace(incident_key(o->finding, o->owner), *o);
        if (!fresh) take_in(it->second.finding, o->finding);
    }
    return merged;
}

Revision revision(RevisionKind kind, const Now& now, const Incident& incident) {
    return {.number = 0, .kind = kind, .at = now.wall, .incident = incident};
}

bool is_critical(const Finding& finding, const Hysteresis& limits) {
    return is_leak(finding) && finding.leaked >= limits.critical_leaked;
}

/// Attempts fail already, its own or those of others.
bool suffers(const Finding& finding) {
    return finding.failures > 0 || !finding.victims.empty();
}

bool rose_by_a_quarter(std::uint32_t now, std::uint32_t then) {
    return now > then && std::uint64_t{now} * 4 >= std::uint64_t{then} * 5;
}

}  // namespace

std::string incident_key(const Finding& finding, const Owner& owner) {
    const bool nameless = owner.executable.empty() && owner.unit.empty() && owner.user_unit.empty() &&
                          owner.container_id.empty() && owner.bosh_job.empty();
    // Without a name there is nothing that outlives the process, and two strangers are not one offender.
    const std::string who = nameless ? "pid:" + std::to_string(finding.process.pid) + "/" +
                                           std::to_string(finding.process.start_ticks)
                                     : owner.stable_key();
    return json_safe(who) + "|" + std::string(to_string(finding.role)) + "|" + finding.endpoint.to_string() +
           "|" + std::to_string(finding.netns);
}

IncidentBook::IncidentBook(Hysteresis hysteresis) : hysteresis_(hysteresis) {}

void IncidentBook::restore(std::vector<Incident> open, std::uint64_t next_id) {
    next_id_ = std::max(next_id_, next_id);
    for (Incident& incident : open) {
        if (!incident.open()) continue;
        next_id_ = std::max(next_id_, id_number(incident.id) + 1);
        Entry entry;
        entry.restored = true;
        entry.leaked_told = incident.latest.leaked;
        entry.told_as = {incident.first.leak_class, incident.latest.leak_class, incident.worst.leak_class};
        entry.suffering_told = suffers(incident.latest);
        // Two of one key cannot both be seen again; the second is let go of by the hysteresis.
        std::string key = incident.key;
        if (open_.contains(key)) key += "#" + incident.id;
        entry.incident = std::move(incident);
        open_.emplace(std::move(key), std::move(entry));
    }
}

void IncidentBook::start_clocks(const Now& now, bool blind) {
    // The time of a blind update, like that before a restart, is no time of absence.
    const Duration passed =
        last_update_ ? std::max(Duration::zero(), now.mono - *last_update_) : Duration::zero();
    for (auto& [key, entry] : open_) {
        if (entry.restored) {
            entry.last_seen = entry.last_told = now.mono;
            entry.restored = false;
        } else if (blind) {
            entry.last_seen += passed;
        }
    }
    last_update_ = now.mono;
}

std::vector<Revision> IncidentBook::update_impl(const Now& now, std::span<const Observed> observed,
                                                const std::map<std::string, bool>& alive_by_key, bool blind) {
    start_clocks(now, blind);
    std::vector<Revision> revisions;
    const auto merged = merge(observed);
    for (const auto& [key, one] : merged) {
        const auto it = open_.find(key);
        if (it == open_.end()) {
            revisions.push_back(open(now, key, one));
        } else if (auto told = renew(now, it->second, one)) {
            revisions.push_back(std::move(*told));
        }
    }
    if (blind) return revisions;
    for (auto it = open_.begin(); it != open_.end();) {
        const auto alive = alive_by_key.find(it->first);
        const auto why = merged.contains(it->first)
                             ? std::nullopt
                             : why_resolved(now, it->second, alive == alive_by_key.end() || alive->second);
        if (!why) {
            ++it;
            continue;
        }
        Incident& incident = it->second.incident;
        incident.resolved_at = incident.updated_at = now.wall;
        incident.resolve_reason = *why;
        revisions.push_back(revision(RevisionKind::kResolved, now, incident));
        it = open_.erase(it);
    }
    return revisions;
}

Revision IncidentBook::open(const Now& now, const std::string& key, const Observed& observed) {
    Entry entry;
    Incident& incident = entry.incident;
    incident.id = "i" + std::to_string(next_id_++);
    incident.key = key;
    incident.policy = observed.policy;
    incident.owner = observed.owner;
    incident.latest = observed.finding;
    const auto& limits = observed.hysteresis.value_or(hysteresis_);
    if (is_critical(incident.latest, limits)) incident.latest.severity = Severity::kCritical;
    incident.first = incident.worst = incident.latest;
    incident.opened_at = incident.updated_at = now.wall;
    entry.last_seen = entry.last_told = now.mono;
    entry.leaked_told = incident.latest.leaked;
    entry.told_as = {incident.latest.leak_class};
    entry.suffering_told = suffers(incident.latest);
    entry.hysteresis = observed.hysteresis;
    return revision(RevisionKind::kOpened, now,
                    open_.insert_or_assign(key, std::move(entry)).first->second.incident);
}

std::optional<Revision> IncidentBook::renew(const Now& now, Entry& entry, const Observed& observed) {
    Incident& incident = entry.incident;
    entry.last_seen = now.mono;
    entry.hysteresis = observed.hysteresis;
    const Hysteresis limits = observed.hysteresis.value_or(hysteresis_);
    const bool was_critical = incident.latest.severity == Severity::kCritical;
    incident.policy = observed.policy;
    incident.owner = observed.owner;
    incident.latest = observed.finding;
    incident.updated_at = now.wall;
    if (was_critical || is_critical(incident.latest, limits)) incident.latest.severity = Severity::kCritical;
    if (incident.latest.leaked > incident.worst.leaked) incident.worst = incident.latest;

    const bool escalated = !was_critical && incident.latest.severity == Severity::kCritical;
    const bool turned = !entry.told_as.contains(incident.latest.leak_class);
    const bool suffering = !entry.suffering_told && suffers(incident.latest);
    const bool grew = rose_by_a_quarter(incident.latest.leaked, entry.leaked_told) &&
                      now.mono - entry.last_told >= limits.repeat;
    if (!escalated && !turned && !suffering && !grew) return std::nullopt;
    entry.last_told = now.mono;
    entry.leaked_told = incident.latest.leaked;
    entry.told_as.insert(incident.latest.leak_class);
    entry.suffering_told = entry.suffering_told || suffering;
    return revision(escalated ? RevisionKind::kEscalated : RevisionKind::kGrew, now, incident);
}

std::optional<std::string> IncidentBook::why_resolved(const Now& now, const Entry& entry, bool alive) const {
    const Hysteresis limits = entry.hysteresis.value_or(hysteresis_);
    const Duration absent = now.mono - entry.last_seen;
    if (!alive && absent >= limits.gone_after) return "process ended";
    if (absent >= limits.resolve_after)
        return "below the limits for " + format_duration(limits.resolve_after);
    return std::nullopt;
}

std::optional<Revision> IncidentBook::add_remedy(const Now& now, const std::string& id,
                                                 const RemedyReport& report) {
    const auto it =
        std::find_if(open_.begin(), open_.end(), [&](const auto& e) { return e.second.incident.id == id; });
    if (it == open_.end()) return std::nullopt;
    Incident& incident = it->second.incident;
    incident.remedies.push_back(report);
    if (incident.remedies.size() > kRemediesKept) incident.remedies.erase(incident.remedies.begin());
    incident.updated_at = now.wall;
    const bool escalates = (report.needs_person || report.outcome == RemedyOutcome::kGaveUp) &&
                           incident.latest.severity != Severity::kCritical;
    if (escalates) incident.latest.severity = Severity::kCritical;
    return revision(escalates ? RevisionKind::kEscalated : RevisionKind::kRemedied, now, incident);
}

std::vector<Incident> IncidentBook::open_incidents() const {
    std::vector<Incident> all;
    for (const auto& [key, entry] : open_) all.push_back(entry.incident);
    std::sort(all.begin(), all.end(), [](const Incident& a, const Incident& b) {
        return std::pair(id_number(a.id), a.id) < std::pair(id_number(b.id), b.id);
    });
    return all;
}

const Incident* IncidentBook::find(const std::string& id) const {
    for (const auto& [key, entry] : open_) {
        if (entry.incident.id == id) return &entry.incident;
    }
    return nullptr;
}

}  // namespace sockdog
