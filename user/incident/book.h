// Findings over time become incidents: opened, growing, escalated, resolved, with hysteresis. Loop thread.
//
//   state     | finding present              | finding absent                       | process gone
//   ----------|------------------------------|--------------------------------------|------------------------
//   (none)    | opened                       | -                                    | -
//   open      | grew (at most per repeat)    | after resolve_after: resolved        | after gone_after:
//   resolved
//             | escalated (critical now)     |                                      |
//   resolved  | opened again, a new id       | -                                    | -
//
// Processes of one owner that leak to the same endpoint (pre-fork workers) are one incident: their numbers
// are added up, and the worst offender stands for them. Critical stays critical until the incident is
// resolved; churn is none by its count. A leak that turns into a class that it was not told as grows,
// whatever `repeat` says; so it does when attempts begin to fail for want of what it took. Same calls, same
// revisions.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "incident/incident.h"

namespace sockdog {

struct Hysteresis {
    /// An incident stays open while the leak pauses for less than this.
    Duration resolve_after = 5min;
    /// The same where the offender's process has ended: its sockets are gone with it.
    Duration gone_after = 10s;
    /// A "grew" revision at most this often, and only when leaked rose by a quarter or more.
    Duration repeat = 10min;
    /// Leaked sockets at which a warning becomes critical.
    std::uint32_t critical_leaked = 500;
};

/// A finding whose owner and policy are known.
struct Observed {
    Finding finding;
    Owner owner;
    std::string policy = "default";
    std::optional<Hysteresis> hysteresis;  // the policy's own, else the book's
};

/// What makes two findings the same incident; valid UTF-8, so that it reads back from the journal as it was.
std::string incident_key(const Finding& finding, const Owner& owner);

class IncidentBook {
  public:
    explicit IncidentBook(Hysteresis hysteresis = {});

    /// Takes up the open incidents of the journal after a restart; `next_id` is one above the highest number
    /// ever given.
    void restore(std::vector<Incident> open, std::uint64_t next_id);
    void set_hysteresis(Hysteresis hysteresis) { hysteresis_ = hysteresis; }

    /// One tick: all findings that hold now. `is_alive` tells whether an offender still runs. Returns
    /// unnumbered revisions in the order to be journalled. `blind` true: the walk failed or lost data;
    /// absence then proves nothing.
    template <typename IsAlive>
    std::vector<Revision> update(const Now& now, std::span<const Observed> observed, IsAlive is_alive,
                                 bool blind = false);

    /// A step of a remedy; one that needs a person, as kGaveUp does, also escalates. Nothing when the
    /// incident is not open.
    std::optional<Revision> add_remedy(const Now& now, const std::string& id, const RemedyReport& report);

    [[nodiscard]] std::vector<Incident> open_incidents() const;
    [[nodiscard]] const Incident* find(const std::string& id) const;

  private:
    struct Entry {
        Incident incident;
        MonoTime last_seen;
        MonoTime last_told;
        std::uint32_t leaked_told = 0;
        std::set<LeakClass> told_as;
        bool suffering_told = false;
        bool restored = false;  // and not seen since: its clocks start at the next update
        std::optional<Hysteresis> hysteresis;
    };
    std::vector<Revision> update_impl(const Now& now, std::span<const Observed> observed,
                                      const std::map<std::string, bool>& alive_by_key, bool blind);

    Revision open(const Now& now, const std::string& key, const Observed& observed);
    std::optional<Revision> renew(const Now& now, Entry& entry, const Observed& observed);
    std::optional<std::string> why_resolved(const Now& now, const Entry& entry, bool alive) const;
    void start_clocks(const Now& now, bool blind);

    Hysteresis hysteresis_;
    std::uint64_t next_id_ = 1;
    std::optional<MonoTime> last_update_;
    std::map<std::string, Entry> open_;  // by Incident::key
};

template <typename IsAlive>
std::vector<Revision> IncidentBook::update(const Now& now, std::span<const Observed> observed,
                                           IsAlive is_alive, bool blind) {
    std::map<std::string, bool> alive;
    for (const auto& [key, entry] : open_) alive[key] = is_alive(entry.incident.latest.process);
    return update_impl(now, observed, alive, blind);
}

}  // namespace sockdog
