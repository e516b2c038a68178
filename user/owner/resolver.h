// Resolves processes to owners through /proc and remembers them, so that a process that is gone keeps its name.
// Promises: bounded memory (least recently used of the dead go first), never blocks but on /proc. Loop thread.
#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
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
};
CgroupFacts parse_cgroup_path(std::string_view path);
/// The path that names the unit, from the whole of /proc/PID/cgroup: v2's "0::", or v1's "name=systemd", whichever tells more
/// (hybrid has both). Pure.
std::string choose_cgroup_path(std::string_view proc_cgroup);

class OwnerResolver {
  public:
    explicit OwnerResolver(ProcRoot proc, std::size_t remembered_dead = 4096);

    /// The owner as far as it is or was known. Never fails: an unseen and vanished process has only its id and `alive == false`.
    const Owner& resolve(ProcessId process);
    /// Reads comm, command line and cgroup anew (they change on exec and on moves between cgroups).
    const Owner& refresh(ProcessId process);
    /// True when the pid still belongs to this very process.
    [[nodiscard]] bool is_alive(ProcessId process) const;
    void mark_dead(ProcessId process);
    [[nodiscard]] std::size_t size() const { return known_.size(); }

  private:
    struct Entry {
        Owner owner;
        std::list<ProcessId>::iterator dead_position;
    };
    Owner read(ProcessId process) const;
    void forget_surplus();

    ProcRoot proc_;
    std::size_t remembered_dead_;
    std::unordered_map<ProcessId, Entry> known_;
    std::list<ProcessId> dead_;  // oldest first
};

}  // namespace sockdog
