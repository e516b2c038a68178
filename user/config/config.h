// The configuration file as plain structs. Files are YAML; every message about them says file:line:column,
// what is allowed and the nearest key. Pure but for reading the files. Any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "detect/limits.h"
#include "incident/book.h"
#include "owner/owner.h"
#include "relay/quiet.h"
#include "relay/receiver.h"
#include "remedy/engine.h"
#include "remedy/policy.h"
#include "web/web_settings.h"

namespace sockdog {

/// Which processes a policy is for: every field that is given must match. unit, executable, command_line,
/// cgroup and container are shell patterns (fnmatch(3): * ? []); uid is a number or a user name.
struct PolicyMatch {
    std::optional<std::string> unit;
    std::optional<std::string> executable;
    std::optional<std::string> command_line;
    std::optional<std::uint32_t> uid;
    std::optional<std::string> cgroup;
    std::optional<std::string> container;  // id or its beginning, or a pattern
};

/// When the lines of code that open a process's connections are looked for: each connect() of such a process
/// costs some microseconds.
enum class CallSiteWatch : std::uint8_t { kNever, kSuspects, kAlways };
/// "never", "suspects", "always".
std::string_view to_string(CallSiteWatch when);

struct Policy {
    std::string name = "default";
    PolicyMatch match;
    bool ignore = false;  // nothing is ever reported about these processes
    Limits limits;
    Hysteresis hysteresis;
    RemedyPolicy remedy;
    CallSiteWatch call_sites = CallSiteWatch::kSuspects;
    std::optional<std::vector<std::string>> alerts;  // receiver names; nothing: all
};
[[nodiscard]] bool matches(const PolicyMatch& match, const Owner& owner);

struct BooksSettings {
    std::uint32_t max_sockets = 262144;         // records; about 135 bytes each when in use
    std::uint32_t max_processes = 16384;        // gauge sets, 256 bytes each
    std::uint32_t event_buffer_bytes = 262144;  // ring buffers, powers of two, multiples of the page
    std::uint32_t trace_buffer_bytes = 4194304;
    Duration sweep_interval = 30s;       // re-attribution by fd, only when something changed
    Duration reconcile_interval = 5min;  // and at once after recursion misses
    SyscallFailures syscall_failures = SyscallFailures::kSuspects;  // EMFILE/ENFILE: taxes every system call
    KeepBooks pinned = KeepBooks::kRestart;
    std::filesystem::path pin_directory = "/sys/fs/bpf/sockdog";  // of a BPF file system
};

/// What is kept for `sockdog backtest`, in samples.db of the state_dir.
struct SamplesSettings {
    bool enabled = true;
    Duration keep = std::chrono::hours(24 * 7);  // a weekly job is in it
    std::uint64_t max_bytes = 256ULL << 20;      // of the file; the oldest go first
};

struct Config {
    std::filesystem::path file;    // that it was read from
    Duration tick = 5s;            // reading the gauges
    Duration walk_interval = 10s;  // least time between two walks over one suspect's sockets
    double cpu_share = 0.05;       // of one core, for walks, sweeps and reconciliation, over a minute
    std::string log_level = "info";
    std::filesystem::path control_socket = "/run/sockdog/control";
    std::string control_group = "sockdog";
    std::filesystem::path state_dir = "/var/lib/sockdog";
    std::filesystem::path relay_state_dir = "/var/lib/sockdog-relay";
    std::filesystem::path relay_socket = "/run/sockdog-relay/control";
    FlapSettings flap;
    WebSettings web;
    Duration keep_resolved = std::chrono::hours(24 * 90);
    SamplesSettings samples;
    BooksSettings books;
    RemedySettings remedies;
    Policy defaults;               // limits and hysteresis of `defaults:`; its remedy is never active
    std::vector<Policy> policies;  // first match wins
    std::vector<ReceiverSettings> receivers;
};

/// The first policy that matches, else the defaults.
const Policy& policy_for(const Config& config, const Owner& owner);

/// Reads `file` and, where it exists, every FILE_STEM.d/*.yaml beside it in the order of names (later ones
/// override scalars, policies and receivers of the same name replace, others are appended). All errors found,
/// one a line.
Result<Config> load_config(const std::filesystem::path& file);
/// The same from text, for tests and --check-config on stdin; `name` stands in messages.
Result<Config> parse_config(std::string_view yaml, const std::string& name);

}  // namespace sockdog
