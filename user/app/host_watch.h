// What goes beyond one process: who holds the local ports of each network namespace, who fails for want of
// them, and how near each process is to its limit of fds. Looks at all sockets only when the counts say that
// something is short, or nearly. Loop thread.
#pragma once

#include <map>
#include <set>
#include <span>
#include <unordered_map>

#include "base/proc_root.h"
#include "config/config.h"
#include "detect/exhaustion.h"
#include "probe/books.h"

namespace sockdog {

class HostWatch {
  public:
    HostWatch(Books& books, const ProcRoot& proc) : books_(books), proc_(proc) {}

    /// Whether a look at all sockets is due: connects failed since the last one, or gauges come near a limit.
    [[nodiscard]] bool is_due(const Now& now, const Config& config, std::span<const GaugeSample> samples);
    /// The look. False: the walk failed.
    bool look(const Now& now, const Config& config);
    /// What is known by now; stale parts are left out.
    [[nodiscard]] const HostUse& use() const { return use_; }

    /// To be looked at one by one: it holds most of what is short, fails for want of it, or is near a limit
    /// of its own.
    [[nodiscard]] bool wants(ProcessId process) const { return wanted_.contains(process); }
    /// Is this sample near a limit of its own? Reads /proc at most once a minute and process, and only for
    /// those with some dozens of sockets.
    bool is_near_limit(const Now& now, const GaugeSample& sample, double share);

    [[nodiscard]] std::optional<FdUse> fds(ProcessId process) const;
    /// Makes sure that the ports of these namespaces are known, where that can be found out.
    void learn_ports(const Now& now, std::span<const SocketRecord> sockets);
    void forget(ProcessId process) { facts_.erase(process); }

  private:
    struct Facts {
        std::uint32_t netns = 0;
        std::uint64_t fd_limit = 0;
        MonoTime read_at{};
    };
    const Facts& facts(const Now& now, ProcessId process);
    void ask_ports(const Now& now, std::uint32_t netns);

    Books& books_;
    const ProcRoot& proc_;
    HostUse use_;
    std::set<ProcessId> wanted_;
    std::unordered_map<ProcessId, Facts> facts_;
    std::uint64_t failures_seen_ = 0;
    std::optional<MonoTime> last_look_;
    std::map<std::uint32_t, MonoTime> asked_;  // for the ports of which namespace, and when
};

}  // namespace sockdog
