// What the kernel side says, in the words of user space. Plain values; nothing here refers back to BPF.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/process_id.h"
#include "base/time.h"

namespace sockdog {

/// The states of include/net/tcp_states.h, same numbers. NEW_SYN_RECV and BOUND_INACTIVE never carry a socket
/// of ours.
enum class TcpState : std::uint8_t {
    kUnknown = 0,
    kEstablished = 1,
    kSynSent = 2,
    kSynRecv = 3,
    kFinWait1 = 4,
    kFinWait2 = 5,
    kTimeWait = 6,
    kClose = 7,
    kCloseWait = 8,
    kLastAck = 9,
    kListen = 10,
    kClosing = 11,
};
inline constexpr std::size_t kTcpStateCount = 12;

/// "ESTABLISHED", "CLOSE_WAIT", ... as ss and RFC 9293 spell them (with underscores).
std::string_view to_string(TcpState state);
std::optional<TcpState> tcp_state_from(std::string_view name);

enum class SocketRole : std::uint8_t { kUnknown = 0, kOpened = 1, kAccepted = 2, kListening = 3 };
std::string_view to_string(SocketRole role);

/// How the books came to know the owner.
enum class Attribution : std::uint8_t {
    kNone = 0,       // nobody yet
    kCaller = 1,     // connect() or listen() ran in its context
    kListener = 2,   // accepted: its listener's owner until a sweep finds who holds it
    kHolder = 3,     // a sweep over the fds found it there
    kMoved = 4,      // its recorded owner did not hold it any more, another process did
    kInherited = 5,  // by move, and it was open before its holder was born
};
std::string_view to_string(Attribution attribution);

/// The sockets of one process by state, and what happened to them since the books were opened. Counters only
/// grow.
struct Gauges {
    std::array<std::uint32_t, kTcpStateCount> sockets{};
    std::uint64_t opened = 0;    // connect() calls that sent a SYN
    std::uint64_t accepted = 0;  // children of its listeners
    std::uint64_t closed = 0;    // sockets destroyed
    std::uint64_t peer_closed_first = 0;
    std::uint64_t reset = 0;
    std::uint64_t connect_refused = 0;
    std::uint64_t connect_timed_out = 0;
    std::uint64_t connect_address_unavailable = 0;  // EADDRNOTAVAIL: ephemeral ports exhausted
    std::uint64_t connect_failed_other = 0;
    std::uint64_t too_many_files = 0;  // EMFILE/ENFILE of socket(), accept(); only where opted in
    std::uint64_t inherited = 0;       // sockets that came to it and were open before it was born

    [[nodiscard]] std::uint32_t in(TcpState state) const { return sockets[static_cast<std::size_t>(state)]; }
    [[nodiscard]] std::uint32_t total() const;
    bool operator==(const Gauges&) const = default;
};

/// When EMFILE and ENFILE of socket() and accept() are counted. The tracepoints for that tax every system
/// call of the host.
enum class SyscallFailures : std::uint8_t { kNever, kSuspects, kAlways };
/// "never", "suspects", "always".
std::string_view to_string(SyscallFailures when);

/// How far the books outlive the agent: not at all; over a restart, a crash and an upgrade; over a stop as
/// well.
enum class KeepBooks : std::uint8_t { kNever, kRestart, kAlways };
/// "never", "restart", "always".
std::string_view to_string(KeepBooks how);

struct GaugeSample {
    ProcessId process;
    std::string comm;  // at the time of its first socket; may be hostile bytes
    Gauges gauges;
};

struct Endpoint {
    std::uint8_t family = 0;  // AF_INET or AF_INET6; 0: none
    std::array<std::uint8_t, 16> address{};
    std::uint16_t port = 0;  // host byte order

    auto operator<=>(const Endpoint&) const = default;
    /// "127.0.0.1:80", "[::1]:80", "*:80" for the wildcard; v4-mapped IPv6 prints as IPv4.
    [[nodiscard]] std::string to_string() const;
};
/// The inverse of Endpoint::to_string; nothing where the text is no endpoint.
std::optional<Endpoint> parse_endpoint(std::string_view text);

/// One TCP socket as the kernel and the books have it at the moment of a walk.
struct SocketRecord {
    std::uint64_t id = 0;  // the kernel's identity of the socket while it lives; opaque
    ProcessId owner;
    TcpState state = TcpState::kUnknown;
    SocketRole role = SocketRole::kUnknown;
    Attribution attribution = Attribution::kNone;
    Endpoint local;
    Endpoint remote;
    std::uint32_t netns = 0;  // inode number of its network namespace
    std::uint64_t cgroup_id = 0;
    std::uint64_t cookie = 0;  // SO_COOKIE where one was made, else 0
    std::uint64_t inode = 0;   // of the fd's socket file; 0 without an fd
    std::uint32_t uid = 0;
    bool has_fd = false;             // false: never accepted, or closed and on its way out
    bool orphaned = false;           // closed by the program, the kernel still works on it
    std::uint32_t opener_pid = 0;    // of the process that owned it before its present owner; 0: none
    std::uint32_t holders = 0;       // processes that held an fd of it in the last sweep; 0: not swept yet
    std::optional<MonoTime> opened;  // nothing: before the books were opened
    std::optional<MonoTime> state_since;  // nothing: before the books were opened
    std::uint32_t recv_queue_bytes = 0;  // Recv-Q as ss shows it (FIN counts as 1); accept backlog for LISTEN
    std::uint32_t send_queue_bytes = 0;  // Send-Q; largest backlog for LISTEN
    Duration idle_sent{};                // since the last data segment was sent
    Duration idle_received{};            // since the last data segment arrived
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_acked = 0;
    std::uint32_t data_segments_in = 0;
    std::uint32_t data_segments_out = 0;
    std::uint64_t call_site = 0;  // CallStack::id of the connect() or accept() it came from; 0: not captured

    /// Time since data last moved in either direction.
    [[nodiscard]] Duration idle() const { return idle_sent < idle_received ? idle_sent : idle_received; }
};

/// connect() calls of one process that found no free local port (EADDRNOTAVAIL), from one address to one
/// endpoint.
struct Shortage {
    ProcessId process;
    Endpoint local;  // port 0
    Endpoint remote;
    std::uint32_t netns = 0;
    std::uint64_t failures = 0;
    MonoTime first;
    MonoTime last;
};

/// A message of the kernel side that wakes the loop (limit crossed) or waits for its next turn (the others).
struct KernelEvent {
    enum class Kind : std::uint8_t {
        kCloseWaitLimit = 1,      // value: sockets in CLOSE_WAIT at the crossing
        kAddressUnavailable = 2,  // first EADDRNOTAVAIL of the process
        kTooManyFiles = 3,        // first EMFILE/ENFILE of the process
        kProcessExit = 4,         // a process with gauges ended; its sockets may have outlived it
    };
    Kind kind{};
    MonoTime at;
    ProcessId process;
    std::uint32_t value = 0;
    std::string comm;
};

/// One transition of a traced socket.
struct TraceEvent {
    MonoTime at;
    ProcessId owner;
    std::string comm;
    TcpState from = TcpState::kUnknown;
    TcpState to = TcpState::kUnknown;
    SocketRole role = SocketRole::kUnknown;
    Endpoint local;
    Endpoint remote;
    std::uint64_t socket_id = 0;
    Duration lived{};  // since it was opened; 0 where that is not known
    int error = 0;     // sk_err at ->CLOSE: 104 reset, 110 timed out, 111 refused
};

/// A socket that the kernel closed because the process that held it ended: the program never did.
struct LeftSocket {
    MonoTime at;
    ProcessId process;    // that ended; need not be the owner in the books, which the next sweep would find
    std::string comm;     // of its main thread; may be hostile bytes
    SocketRecord socket;  // as it was left: state, times, queues
};

/// Everything that the books could not keep, by cause, since they were opened. All zero is the normal state.
struct LossCounters {
    std::uint64_t record_refused = 0;    // sockets not booked: the map was full or an allocation failed
    std::uint64_t gauge_full = 0;        // processes without gauges: the table was full
    std::uint64_t event_dropped = 0;     // ring buffer full: kernel events
    std::uint64_t trace_dropped = 0;     // ring buffer full: trace events
    std::uint64_t cas_exhausted = 0;     // a transition lost 16 races in a row
    std::uint64_t recursion_missed = 0;  // program runs that the kernel's recursion guard skipped
    std::uint64_t state_repaired = 0;    // records whose state a reconcile pass put right
    std::uint64_t phantom_removed = 0;   // records of sockets that had gone unseen
    std::uint64_t drift_corrected =
        0;  // gauges that a reconcile pass put right, summed over processes and states
    [[nodiscard]] std::uint64_t lost() const {
        return record_refused + gauge_full + event_dropped + trace_dropped + cas_exhausted;
    }
};

/// Runs of the BPF programs that keep the books, and the time in them. The kernel counts them only while
/// kernel.bpf_stats_enabled is set.
struct ProgramRuns {
    std::uint64_t count = 0;
    Duration time{};
};

/// One line of `sockdog doctor`: a part of the kernel side, and what stops working without it.
struct Capability {
    std::string name;       // "transition"
    std::string hook;       // "tp_btf/inet_sock_set_state"
    bool required = false;  // sockdogd does not start without it
    bool available = false;
    std::string without;  // "no detection at all"
    std::string detail;   // the kernel's words when not available, else empty
};

}  // namespace sockdog
