// Who belongs to whom: the processes that an animal started, and those that they started, also after their
// end.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/proc_root.h"
#include "base/process_id.h"

namespace sockdog::zoo {

/// What a process is to the runner.
struct Kin {
    std::string name;   // empty: a stranger
    bool head = false;  // started by the runner, not by one of the family
};

class Family {
  public:
    /// A process that the runner started, by the name of what it is.
    void add(std::uint32_t pid, const std::string& name);
    /// Takes in the children that came since. Often enough that few live and die unseen.
    void look();

    [[nodiscard]] Kin kin(const ProcessId& process) const;
    /// Those of a family that run now.
    [[nodiscard]] std::vector<ProcessId> living(const std::string& name) const;

  private:
    ProcRoot proc_;
    std::map<ProcessId, Kin> members_;
};

/// File descriptors of a process that are sockets.
int count_sockets(std::uint32_t pid);

}  // namespace sockdog::zoo
