// Resolves processes to owners through /proc and remembers them, so that a process that is gone keeps its
// name. Promises: bounded memory (least recently used of the dead go first; the living are checked at every
// doubling, so exits that nobody told are noticed), never blocks but on /proc. Reading "exe" of other users'
// processes needs CAP_SYS_PTRACE; without it the executable stays empty. Loop thread.
#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/proc_root.h"
#include "owner/owner.h"

namespace sockdog {

/// What a cgroup path tells. `path` is one hierarchy's path as in /proc/PID/cgroup. Pure.
struct CgroupFacts {
    std::string unit;
    std::string user_unit;
    std::string container_id;
    std::string container_runtime;
    std::string pod_uid;
    std::string bosh_job;  // of the bpm container, unless a container stands below it
    std::string bpm_process;
};
CgroupFacts parse_cgroup_path(std::string_view path);
/// The path that tells most, from the whole of /proc/PID/cgroup: v2's "0::", or v1's "name=systemd" (hybrid
/// has both), or on hosts without systemd another v1 hierarchy; in this order where they tell the same. Pure.
std::string choose_cgroup_path(std::string_view proc_cgroup);

class OwnerResolver {
  public:
    explicit OwnerResolver(ProcRoot proc, std::size_t remembered_dead = 4096);

    /// The owner as far as it is or was known. Never fails: an unseen and vanished process has only its id
    /// and `alive == false`. From memory where it was resolved before. The reference is good until the next
    /// call that is not const.
    const Owner& resolve(ProcessId process);
    /// Reads comm, command line and cgroup anew (they change on exec and on moves between cgroups), and
    /// notices death. A dying process keeps what it was.
    const Owner& refresh(ProcessId process);
    /// True when the pid still belongs to this very process; a zombie's does.
    [[nodiscard]] bool is_alive(ProcessId process) const;
    /// Alive and able to hold a socket: false also for a process of which only the zombie is left (its files
    /// are closed). A leader that ended before its other threads is a zombie too, and runs.
    [[nodiscard]] bool runs(ProcessId process) const;
    void mark_dead(ProcessId process);
    [[nodiscard]] std::size_t size() const { return known_.size(); }

  private:
    struct Entry {
        Owner owner;
        std::list<ProcessId>::iterator dead_position;  // end() while alive
    };
    struct Reading {
        Owner owner;
        bool exiting = false;
    };
    [[nodiscard]] Reading read(ProcessId process) const;
    Entry& insert(ProcessId process);
    void bury(Entry& entry);
    void touch(Entry& entry);
    void sweep();
    void forget_surplus();

    ProcRoot proc_;
    std::size_t remembered_dead_;
    std::size_t sweep_at_;  // entries taken for alive at which they are checked
    std::unordered_map<ProcessId, Entry> known_;
    std::list<ProcessId> dead_;  // oldest first
};

}  // namespace sockdog
