#include "owner/resolver.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "base/text.h"
#include "owner/bosh.h"

namespace sockdog {

namespace {

/// Longer command lines are cut: Java's class paths reach some KiB, hostile ones a MiB, and thousands are
/// remembered.
constexpr std::size_t kMaxCommandLine = 8192;
/// Processes taken for alive before the first check whether they are; a host's usual number is some hundreds.
constexpr std::size_t kFirstSweep = 1024;

/// Value of "KEY:\tVALUE" in status. Names in status have their newlines escaped by the kernel, so no process
/// can forge one.
std::string_view status_value(std::string_view status, std::string_view key) {
    for (std::size_t at = 0; at < status.size();) {
        const std::size_t end = std::min(status.find('\n', at), status.size());
        const std::string_view line = status.substr(at, end - at);
        if (line.starts_with(key) && line.substr(key.size()).starts_with(':')) {
            return trim(line.substr(key.size() + 1));
        }
        at = end + 1;
    }
    return {};
}

/// The effective uid, second of "Uid:\treal\teffective\tsaved\tfs": with whose rights it runs, what ps(1)
/// calls USER.
std::uint32_t effective_uid(std::string_view status) {
    std::string_view rest = status_value(status, "Uid");
    rest.remove_prefix(std::min(rest.find_first_of(" \t"), rest.size()));
    rest = trim(rest);
    std::uint32_t uid = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), uid);
    return uid;
}

/// Without memory there is no executable and no command line any more: do_exit() (kernel/exit.c) gives up the
/// memory first and closes the files next, while the state is R still. A zombie's cgroup reads "/" in v1
/// hierarchies. Kernel threads never have memory: what was read of them first stays.
bool is_exiting(std::string_view status) {
    return status_value(status, "VmSize").empty();
}

/// Arguments end with a NUL each. Programs that write a title over them (setproctitle) leave a tail of NULs.
std::vector<std::string> parse_arguments(std::string_view cmdline) {
    cmdline = cmdline.substr(0, cmdline.find_last_not_of('\0') + 1);
    if (cmdline.empty()) return {};
    return split(cmdline, '\0');
}

std::string join(const std::vector<std::string>& arguments) {
    std::string line;
    for (const std::string& argument : arguments) {
        if (!line.empty()) line += ' ';
        line += argument;
        if (line.size() >= kMaxCommandLine) break;
    }
    line.resize(std::min(line.size(), kMaxCommandLine));
    return line;
}

/// A login session's processes are people's, who may run a job's own tools by hand: no job.
bool is_peoples(const Owner& owner) {
    return owner.unit.starts_with("session-") || owner.unit.starts_with("user@");
}

void apply_cgroup(Owner& owner, const std::string& proc_cgroup) {
    owner.cgroup = choose_cgroup_path(proc_cgroup);
    CgroupFacts facts = parse_cgroup_path(owner.cgroup);
    owner.unit = std::move(facts.unit);
    owner.user_unit = std::move(facts.user_unit);
    owner.container_id = std::move(facts.container_id);
    owner.container_runtime = std::move(facts.container_runtime);
    owner.pod_uid = std::move(facts.pod_uid);
    owner.bosh_job = std::move(facts.bosh_job);
    owner.bpm_process = std::move(facts.bpm_process);
}

void apply_arguments(Owner& owner, const std::vector<std::string>& arguments) {
    owner.command_line = join(arguments);
    if (!owner.bosh_job.empty() || !owner.container_id.empty() || is_peoples(owner)) return;
    if (auto names = find_bosh_names(owner.executable, arguments)) {
        owner.bosh_job = std::move(names->job);
        owner.bpm_process = std::move(names->process);
    }
}

Owner unknown(ProcessId process) {
    Owner owner;
    owner.process = process;
    owner.alive = false;
    return owner;
}

}  // namespace

OwnerResolver::OwnerResolver(ProcRoot proc, std::size_t remembered_dead)
    : proc_(std::move(proc)),
      remembered_dead_(std::max<std::size_t>(remembered_dead, 1)),
      sweep_at_(kFirstSweep) {}

bool OwnerResolver::is_alive(ProcessId process) const {
    return proc_.is_alive(process);
}

bool OwnerResolver::runs(ProcessId process) const {
    if (!is_alive(process)) return false;
    const std::string stat = proc_.read(process.pid, "stat").value_or({});
    const std::size_t name_end = stat.rfind(')');  // comm may hold anything, parentheses too
    if (name_end == std::string::npos || name_end + 2 >= stat.size()) return false;
    const std::vector<std::string> fields = split(std::string_view(stat).substr(name_end + 2), ' ');
    constexpr std::size_t kThreads = 17;  // proc(5): field 20, num_threads; the state is field 3
    const bool zombie = fields[0] == "Z" || fields[0] == "X";
    return !zombie || (fields.size() > kThreads && fields[kThreads] != "0" && fields[kThreads] != "1");
}

OwnerResolver::Reading OwnerResolver::read(ProcessId process) const {
    Reading reading{unknown(process), false};
    if (!is_alive(process)) return reading;
    Owner& owner = reading.owner;
    owner.comm = proc_.read(process.pid, "comm").value_or({});
    if (owner.comm.ends_with('\n')) owner.comm.pop_back();  // the kernel's; any other is the name's own
    owner.executable = proc_.executable(process.pid).value_or({});
    apply_cgroup(owner, proc_.read(process.pid, "cgroup").value_or({}));
    apply_arguments(owner, parse_arguments(proc_.read(process.pid, "cmdline").value_or({})));
    // Read last: where there is memory still, all of the above was read with it.
    const std::string status = proc_.read(process.pid, "status").value_or({});
    reading.exiting = is_exiting(status);
    owner.uid = effective_uid(status);
    owner.alive = true;
    // The pid may have passed to another process halfway: then nothing read above can be trusted.
    if (!is_alive(process)) reading.owner = unknown(process);
    return reading;
}

const Owner& OwnerResolver::resolve(ProcessId process) {
    const auto found = known_.find(process);
    if (found == known_.end()) return insert(process).owner;
    if (!found->second.owner.alive) touch(found->second);
    return found->second.owner;
}

const Owner& OwnerResolver::refresh(ProcessId process) {
    const auto found = known_.find(process);
    if (found == known_.end()) return insert(process).owner;
    Entry& entry = found->second;
    if (!entry.owner.alive) {
        touch(entry);
        return entry.owner;  // a pair of pid and start time never comes back
    }
    Reading reading = read(process);
    if (!reading.owner.alive) {
        bury(entry);
        forget_surplus();  // never this entry: it is the newest of at least one
        return entry.owner;
    }
    // What a dying process has lost already is kept from before.
    if (!reading.exiting) entry.owner = std::move(reading.owner);
    return entry.owner;
}

void OwnerResolver::mark_dead(ProcessId process) {
    const auto found = known_.find(process);
    if (found != known_.end() && found->second.owner.alive) {
        bury(found->second);
        forget_surplus();
    }
}

OwnerResolver::Entry& OwnerResolver::insert(ProcessId process) {
    if (known_.size() - dead_.size() >= sweep_at_) sweep();
    Owner owner = read(process).owner;
    const bool alive = owner.alive;
    Entry& entry = known_.emplace(process, Entry{std::move(owner), dead_.end()}).first->second;
    if (!alive) {
        bury(entry);
        forget_surplus();
    }
    return entry;
}

void OwnerResolver::bury(Entry& entry) {
    entry.owner.alive = false;
    entry.dead_position = dead_.insert(dead_.end(), entry.owner.process);
}

void OwnerResolver::touch(Entry& entry) {
    dead_.splice(dead_.end(), dead_, entry.dead_position);
}

/// Exits may go unnoticed (a lost event, a process that was gone before it was resolved): every doubling,
/// look.
void OwnerResolver::sweep() {
    for (auto& [process, entry] : known_) {
        if (entry.owner.alive && !is_alive(process)) bury(entry);
    }
    forget_surplus();
    sweep_at_ = std::max(kFirstSweep, 2 * (known_.size() - dead_.size()));
}

void OwnerResolver::forget_surplus() {
    while (dead_.size() > remembered_dead_) {
        known_.erase(dead_.front());
        dead_.pop_front();
    }
}

}  // namespace sockdog
