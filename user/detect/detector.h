// The detectors: pure functions of history, sockets, limits and now. The same scene gives the same verdict.
// Any thread.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "detect/exhaustion.h"
#include "detect/finding.h"
#include "detect/history.h"
#include "detect/limits.h"

namespace sockdog {

using SocketRefs = std::vector<const SocketRecord*>;
/// Sockets by endpoint, see by_endpoint().
using SocketGroups = std::map<EndpointKey, SocketRefs>;

struct Scene {
    Now now;
    ProcessId process;
    const ProcessHistory* history = nullptr;  // with this walk already added
    std::span<const SocketRecord> sockets;    // all sockets of the process, as of now
    Limits limits;
    const HostUse* host = nullptr;  // nothing: what goes beyond the process is not known
    std::optional<FdUse> fds;       // likewise
};

struct Verdict {
    std::vector<Finding> findings;
    /// When nothing but time is missing for a verdict (a dwell not yet reached): the moment to look again.
    std::optional<MonoTime> look_again;
};

// One class each; `groups` are the scene's sockets.
Verdict detect_close_wait(const Scene& scene, const SocketGroups& groups);
Verdict detect_idle_growth(const Scene& scene, const SocketGroups& groups);
Verdict detect_backlog(const Scene& scene, const SocketGroups& groups);
Verdict detect_dead_fd(const Scene& scene, const SocketGroups& groups);
Verdict detect_half_closed(const Scene& scene, const SocketGroups& groups);
Verdict detect_unused(const Scene& scene, const SocketGroups& groups);
Verdict detect_inherited(const Scene& scene, const SocketGroups& groups);
Verdict detect_churn(const Scene& scene, const SocketGroups& groups);
/// All detectors, one finding for each place (role, endpoint, namespace), with what it uses up; look_again is
/// the earliest.
Verdict detect(const Scene& scene);

/// Whether the gauges alone make a walk over the sockets worthwhile. Cheap: no socket is read. Never false
/// for a process that detect() would find leaking.
bool is_suspect(const ProcessHistory& history, const Limits& limits);

/// How much history the detectors want: what to give ProcessHistory::trim().
Duration history_needed(const Limits& limits);

}  // namespace sockdog
