// Incidents, owners and clocks for the tests of remedies.
#pragma once

#include <arpa/inet.h>

#include <string>

#include "base/time.h"
#include "incident/incident.h"
#include "remedy/engine.h"

namespace sockdog::testing {

inline const WallTime kStart = parse_rfc3339("2026-03-01T12:00:00.000Z");

/// `after` since an arbitrary beginning, on both clocks; `wall_jump` moves the wall clock alone.
inline Now at(Duration after, Duration wall_jump = {}) {
    return {MonoTime(100h + after),
            kStart + std::chrono::duration_cast<std::chrono::milliseconds>(after + wall_jump)};
}

inline Owner owner_of(const std::string& unit, std::uint32_t pid = 4242) {
    Owner owner;
    owner.process = {pid, 777};
    owner.comm = "leaky";
    owner.executable = "/usr/bin/leaky";
    owner.unit = unit;
    owner.cgroup = "/system.slice/" + unit;
    return owner;
}

/// Open since kStart, 57 sockets in CLOSE_WAIT.
inline Incident incident_of(const std::string& id, const Owner& owner, std::uint32_t leaked = 57) {
    Incident incident;
    incident.id = id;
    incident.key = "close_wait|" + owner.stable_key();
    incident.owner = owner;
    incident.latest.process = owner.process;
    incident.latest.leaked = leaked;
    incident.latest.close_wait = leaked;
    incident.latest.endpoint = *parse_endpoint("127.0.0.1:25555");
    incident.first = incident.worst = incident.latest;
    incident.opened_at = incident.updated_at = kStart;
    return incident;
}

inline Incident incident_of(const std::string& id = "i1", const std::string& unit = "leaky.service") {
    return incident_of(id, owner_of(unit));
}

/// A policy that acts: systemd restart, everything else as by default.
inline RemedyPolicy acting_policy() {
    RemedyPolicy policy;
    policy.action = RemedyAction::kSystemdRestart;
    policy.dry_run = false;
    return policy;
}

inline RemedyReport report_of(RemedyOutcome outcome, WallTime when, const std::string& reason = "") {
    RemedyReport report;
    report.outcome = outcome;
    report.action = "systemd-restart";
    report.target = "leaky.service";
    report.reason = reason;
    report.attempt = 1;
    report.process = {4242, 777};
    report.at = when;
    return report;
}

}  // namespace sockdog::testing
