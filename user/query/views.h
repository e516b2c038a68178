// What the daemon answers and the CLI shows: plain structs with JSON both ways. Field names are stable
// (docs/json.md). Incidents travel as incident/json.h has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "callsite/call_site.h"
#include "incident/json.h"
#include "owner/owner.h"
#include "probe/types.h"

namespace sockdog {

/// GetStatus() -> {status: StatusView}
struct StatusView {
    std::string version;
    std::uint32_t pid = 0;
    WallTime started_at;
    WallTime books_since;
    std::string books_pinned_at;   // folder in bpffs; empty: they end with sockdogd
    std::string books_not_pinned;  // why, where they were to be; else empty
    std::uint64_t sockets = 0;     // booked now
    std::uint64_t max_sockets = 0;
    std::uint32_t processes = 0;  // with gauges
    std::uint32_t max_processes = 0;
    Gauges totals;  // over all processes
    LossCounters losses;
    std::uint32_t open_incidents = 0;
    std::uint32_t critical_incidents = 0;
    std::optional<std::string> held;  // why remedies are on hold
    std::string config_file;
    WallTime config_loaded_at;
    std::string config_error;  // of the last reload, empty when it was good
    std::uint64_t last_revision = 0;
    std::uint64_t memory_bytes = 0;  // RSS of sockdogd
    double cpu_seconds = 0;          // of sockdogd
    double cpu_share = 0;            // of one core: the most that looking at sockets may take
    std::uint64_t throttled = 0;     // looks put off for that since the start
    std::optional<WallTime> last_throttled;
    std::uint32_t open_fds = 0;   // of sockdogd
    std::uint64_t walks = 0;      // over sockets of suspects, since the start
    double loop_lag_seconds = 0;  // the longest turn of the loop within the last minute
    std::uint64_t bpf_runs = 0;   // of its programs, and their time; 0 unless kernel.bpf_stats_enabled
    double bpf_seconds = 0;
    std::vector<Capability> capabilities;
};

/// ListProcesses(exact: ?bool) -> {processes: []ProcessView}; exact sweeps the fds first.
struct ProcessView {
    Owner owner;
    Gauges gauges;
    std::vector<std::string> incidents;  // ids of open incidents
};

/// ListSockets(pid: ?int, unit: ?string, state: ?string) -> {sockets: []SocketView}
struct SocketView {
    SocketRecord socket;
    std::string owner_name;  // Owner::display_name()
    std::string comm;
    std::string opened_at;  // "/srv/director.rb:72 perform_request": the application's line; empty: unknown
};

/// Sockets of one process that were opened at the same place. Ids of call sites do not travel.
struct CallSiteView {
    CallSite site;
    std::uint32_t sockets = 0;     // open now
    std::uint32_t close_wait = 0;  // of these
};

/// Trace(pid: ?int) more -> {event: TraceEvent}*
/// ListIncidents(all: ?bool) -> {incidents: []Incident}
/// Explain(pid: ?int, incident: ?string) -> {explanation: ExplainView}
struct ExplainView {
    ProcessView process;              // of the pid, or of the incident's latest offender
    std::vector<Incident> incidents;  // of that process, or the one asked for; newest first
    std::vector<SocketView> sockets;  // the leaked ones first, at most 20
    std::uint32_t socket_count = 0;   // in all
    std::vector<std::string>
        notes;  // sentences: why there is no incident, which guard rail held, what is not known
    std::uint64_t fd_limit = 0;            // RLIMIT_NOFILE soft, 0 unknown
    std::string policy;                    // that applies to the process
    std::vector<CallSiteView> call_sites;  // the most sockets first, at most 200
    std::uint32_t without_call_site = 0;   // sockets with an fd whose opening nobody watched; no listeners
};

/// Revisions(after: int, limit: ?int) more -> {revisions: []Revision, last: int}*  (more: waits for new ones)
/// Reload() -> {}  error InvalidConfig(reason); Hold(reason: ?string) -> {}; Release() -> {}; both act: root
/// only.

void to_json(nlohmann::json& j, const Gauges& v);
void from_json(const nlohmann::json& j, Gauges& v);
void to_json(nlohmann::json& j, const LossCounters& v);
void from_json(const nlohmann::json& j, LossCounters& v);
void to_json(nlohmann::json& j, const Capability& v);
void from_json(const nlohmann::json& j, Capability& v);
void to_json(nlohmann::json& j, const SocketRecord& v);
void from_json(const nlohmann::json& j, SocketRecord& v);
void to_json(nlohmann::json& j, const TraceEvent& v);
void from_json(const nlohmann::json& j, TraceEvent& v);
void to_json(nlohmann::json& j, const StatusView& v);
void from_json(const nlohmann::json& j, StatusView& v);
void to_json(nlohmann::json& j, const ProcessView& v);
void from_json(const nlohmann::json& j, ProcessView& v);
void to_json(nlohmann::json& j, const SocketView& v);
void from_json(const nlohmann::json& j, SocketView& v);
void to_json(nlohmann::json& j, const CallSiteView& v);
void from_json(const nlohmann::json& j, CallSiteView& v);
void to_json(nlohmann::json& j, const ExplainView& v);
void from_json(const nlohmann::json& j, ExplainView& v);

}  // namespace sockdog
