// Destroying sockets by hand: those of one incident's process that are in CLOSE_WAIT and whose end the
// program has not read. For `sockdog destroy`, never for a policy: it frees ports, not file descriptors.
// Reads /proc, asks sock_diag; blocks; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "base/proc_root.h"
#include "base/result.h"
#include "incident/incident.h"
#include "remedy/sock_diag.h"

namespace sockdog {

/// What there is to destroy, as of one look.
struct DestroyPlan {
    std::vector<DiagSocket> chosen;
    std::uint32_t already_read = 0;  // in CLOSE_WAIT, but the program has read the end: it may be at work
    std::uint32_t elsewhere = 0;     // in CLOSE_WAIT, but of another endpoint than the incident's
    bool permitted = false;          // this process may destroy sockets, and may tell sockdogd about it
};

enum class SocketFate : std::uint8_t {
    kDestroyed,
    kVanished,  // closed, or not to be chosen any more, since the look
    kRefused,   // by the kernel
};
/// "destroyed", "vanished", "refused".
std::string_view to_string(SocketFate fate);

struct DestroyResult {
    std::vector<SocketFate> fates;  // one for each chosen, in their order
    std::optional<Error> refusal;   // of the first that was refused
    [[nodiscard]] std::uint32_t count(SocketFate fate) const;
};

/// Those of `sockets` whose file is one of `inodes`, sorted out by the incident's finding. Pure.
DestroyPlan choose_doomed(const std::vector<DiagSocket>& sockets, const std::set<std::uint64_t>& inodes,
                          const Finding& finding);

/// Looks. ESRCH: the process is gone or another has its pid. EPERM: not root. EOPNOTSUPP: no tcp_diag.
Result<DestroyPlan> plan_destroy(const ProcRoot& proc, const Incident& incident);

/// Looks again, and destroys those of the plan that would still be chosen. The first that the kernel refuses
/// for want of a right (EPERM) or of support (EOPNOTSUPP) ends it: all others would be, too.
Result<DestroyResult> destroy_planned(const ProcRoot& proc, const Incident& incident,
                                      const DestroyPlan& plan);

}  // namespace sockdog
