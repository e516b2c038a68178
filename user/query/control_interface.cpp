#include "query/varlink_server.h"

namespace sockdog {

// Data, not code: longer than a function should be. tests/query compares it with what views.cpp and
// incident/json.h write.
std::string_view interface_description() {
    static constexpr std::string_view kText = R"(# sockdog: who leaks TCP connections on this host.
# Times are RFC 3339 in UTC; *_seconds are floats; *_monotonic_seconds are CLOCK_MONOTONIC of this host.
# Endpoints read "127.0.0.1:80", "[::1]:80", "*:80", and "" where there is none.
interface io.sockdog.Control

# A pid alone is reused; with its start time (ticks of 10 ms since boot) it is not.
type ProcessId (pid: int, start_ticks: int)

type Owner (
  process: ProcessId,
  # What operators call it: BOSH job, unit, container, executable or comm
  name: string,
  # false: the process is gone, this is from memory
  alive: bool,
  comm: string,
  executable: string,
  command_line: string,
  uid: int,
  cgroup: string,
  unit: string,
  user_unit: string,
  container_id: string,
  container_runtime: string,
  pod_uid: string,
  bosh_job: string,
  bpm_process: string
)

# sockets: by state, as ESTABLISHED or CLOSE_WAIT. The others only grow.
type Gauges (
  sockets: [string]int,
  opened: int,
  accepted: int,
  closed: int,
  peer_closed_first: int,
  reset: int,
  connect_refused: int,
  connect_timed_out: int,
  connect_address_unavailable: int,
  connect_failed_other: int,
  too_many_files: int,
  inherited: int
)

# What the books could not keep, by cause. All zero is the normal state.
type LossCounters (
  record_refused: int,
  gauge_full: int,
  event_dropped: int,
  trace_dropped: int,
  cas_exhausted: int,
  recursion_missed: int,
  state_repaired: int,
  phantom_removed: int,
  drift_corrected: int
)

# A part of the kernel side, and what stops working without it
type Capability (
  name: string,
  hook: string,
  required: bool,
  available: bool,
  without: string,
  detail: string
)

type Status (
  version: string,
  pid: int,
  started_at: string,
  books_since: string,
  # Where they outlive sockdogd, "": nowhere; and why not, where they were to
  books_pinned_at: string,
  books_not_pinned: string,
  sockets: int,
  max_sockets: int,
  processes: int,
  max_processes: int,
  totals: Gauges,
  losses: LossCounters,
  open_incidents: int,
  critical_incidents: int,
  # Why remedies are on hold; null: they are not
  held: ?string,
  config_file: string,
  config_loaded_at: string,
  # Of the last reload, "" when it was good
  config_error: string,
  last_revision: int,
  memory_bytes: int,
  cpu_seconds: float,
  open_fds: int,
  # Of one core: the most that looking at sockets may take; how many looks were put off for that, and when last
  cpu_share: float,
  throttled: int,
  last_throttled: ?string,
  # Over the sockets of suspects
  walks: int,
  # The longest turn of the loop within the last minute
  loop_lag_seconds: float,
  # Of the BPF programs; 0 unless kernel.bpf_stats_enabled
  bpf_runs: int,
  bpf_seconds: float,
  capabilities: []Capability
)

# incidents: ids of those that are open
type Process (owner: Owner, gauges: Gauges, incidents: []string)

type SocketRecord (
  # 16 hexadecimal digits; opaque, stable while the socket lives
  id: string,
  owner: ProcessId,
  state: string,
  # unknown, opened, accepted, listening
  role: string,
  # How the owner is known
  attribution: string,
  local: string,
  remote: string,
  netns: int,
  cgroup_id: int,
  cookie: int,
  inode: int,
  uid: int,
  has_fd: bool,
  orphaned: bool,
  holders: int,
  # Of the process that owned it before; 0: none
  opener_pid: int,
  # null: before the books were opened
  opened_monotonic_seconds: ?float,
  state_since_monotonic_seconds: ?float,
  recv_queue_bytes: int,
  send_queue_bytes: int,
  idle_sent_seconds: float,
  idle_received_seconds: float,
  bytes_received: int,
  bytes_acked: int,
  data_segments_in: int,
  data_segments_out: int
)

# opened_at: file, line and function of the application, as /srv/app/director.rb:72 perform_request; empty: unknown
type Socket (socket: SocketRecord, owner_name: string, comm: string, opened_at: string)

# origin: application, library, runtime, unknown
type CallFrame (function: string, file: string, line: int, module: string, origin: string)

# Sockets of a process that are open now and were opened at the same place. frames: innermost first; application: index of the
# innermost of the application's own
type CallSite (
  sockets: int,
  close_wait: int,
  # native, ruby, python, unknown
  runtime: string,
  accepted: bool,
  frames: []CallFrame,
  application: ?int,
  unknown_because: string
)

# One transition of a socket. error: errno at CLOSE (104 reset, 110 timed out, 111 refused), else 0
type TraceEvent (
  at_monotonic_seconds: float,
  owner: ProcessId,
  comm: string,
  from: string,
  to: string,
  role: string,
  local: string,
  remote: string,
  socket_id: string,
  lived_seconds: float,
  error: int
)

# In seconds from the finding. latest: null where it may stop before
type Forecast (earliest_seconds: float, latest_seconds: ?float)

# What a leak uses up. runs_out: null where it does not grow, or is gone already
type Supply (used: int, limit: int, growth_per_minute: float, runs_out: ?Forecast)

# A process that could not connect for want of a local port
type Victim (process: ProcessId, name: string, failures: int, first: string, last: string)

# A line of code, and how many of the leaked sockets were opened there
type CodePlace (place: string, sockets: int)

# What a detector concluded about one process and one endpoint, in numbers
type Finding (
  # close_wait, idle_growth, backlog, dead_fd, half_closed, unused, inherited, exhaustion, churn
  class: string,
  # warning, critical
  severity: string,
  process: ProcessId,
  role: string,
  endpoint: string,
  netns: int,
  leaked: int,
  close_wait: int,
  established: int,
  idle: int,
  oldest_dwell_seconds: float,
  slope_per_minute: float,
  window_seconds: float,
  opened_in_window: int,
  closed_in_window: int,
  recv_queue_median_bytes: int,
  recv_queue_max_bytes: int,
  requests_per_connection: float,
  busy_median_seconds: float,
  growing_windows: int,
  # Where the leaked sockets were opened, most sockets first; of those whose opening was watched
  opened_by: []CodePlace,
  # inherited: who opened and closed them
  opener_pid: int,
  opener_name: string,
  # backlog: how many the listener lets wait
  backlog_limit: int,
  # churn: how old a connection gets before the peer closes it
  plateau_age_seconds: float,
  # exhaustion: the class of the leak behind it
  cause: ?string,
  ports: ?Supply,
  fds: ?Supply,
  # Its own attempts that failed for want of ports or fds, lately
  failures: int,
  victims: []Victim,
  # What would mend it, a sentence or two
  advice: string
)

# One step of a remedy
type RemedyReport (
  # dry_run, held, started, succeeded, failed, gave_up, by_hand
  outcome: string,
  action: string,
  target: string,
  reason: string,
  attempt: int,
  process: ProcessId,
  at: string,
  # Nothing more will be done by itself for long
  needs_person: bool
)

type Incident (
  id: string,
  key: string,
  policy: string,
  open: bool,
  summary: string,
  owner: Owner,
  first: Finding,
  latest: Finding,
  worst: Finding,
  opened_at: string,
  updated_at: string,
  resolved_at: ?string,
  resolve_reason: string,
  remedies: []RemedyReport
)

# An incident as it was at one moment. Numbers grow for ever, with gaps. kind: opened, grew, escalated, remedied, resolved
type Revision (number: int, kind: string, at: string, incident: Incident)

# sockets: the leaked ones first, at most 20 of socket_count. fd_limit: 0 where it is not known
type Explanation (
  process: Process,
  incidents: []Incident,
  sockets: []Socket,
  socket_count: int,
  notes: []string,
  fd_limit: int,
  policy: string,
  # the most sockets first
  call_sites: []CallSite,
  # sockets with an fd whose opening nobody watched
  without_call_site: int
)

method GetStatus() -> (status: Status)

# exact: look through the fds of all processes first
method ListProcesses(exact: ?bool) -> (processes: []Process)

method ListSockets(pid: ?int, unit: ?string, state: ?string) -> (sockets: []Socket)

# all: the resolved ones, too
method ListIncidents(all: ?bool) -> (incidents: []Incident)

# Of a process, or of an incident's latest offender
method Explain(pid: ?int, incident: ?string) -> (explanation: Explanation)

# Transitions as they happen, of one process or of all. Only with "more"
method Trace(pid: ?int) -> (event: TraceEvent)

# Revisions with a number above "after", oldest first. With "more" it goes on as new ones come
method Revisions(after: int, limit: ?int) -> (revisions: []Revision, last: int)

# Reads the configuration anew. Root only
method Reload() -> ()

# Stops all remedies until Release. Root only
method Hold(reason: ?string) -> ()

# Root only
method Release() -> ()

# What "sockdog destroy" has done to the sockets of an incident, for its story. Root only
method ReportDestroyed(
  incident: string,
  pid: int,
  start_ticks: int,
  destroyed: int,
  vanished: int,
  refused: int,
  # The kernel's words
  refusal: ?string
) -> ()

error NotFound (reason: string)

# The configuration that was loaded stays in force
error InvalidConfig (reason: string)

# The answer, or what it takes to find it, is too large: ask for less
error ResourceExhausted (reason: string)

# Anything else; the log of sockdogd says more
error Failed (reason: string)
)";
    return kText;
}

}  // namespace sockdog
