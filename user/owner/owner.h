// Who a process is, in the words of operators: executable, unit, container, pod, BOSH job.
#pragma once

#include <cstdint>
#include <string>

#include "base/process_id.h"

namespace sockdog {

/// Empty fields are not known or do not apply. Bytes come from processes and may be hostile: print through
/// printable().
struct Owner {
    ProcessId process;
    bool alive = true;  // false: from memory, the process is gone
    std::string comm;
    std::string executable;    // target of /proc/PID/exe without " (deleted)"
    std::string command_line;  // arguments joined with single spaces, the first 8 KiB
    std::uint32_t uid = 0;     // effective
    std::string cgroup;        // path below the hierarchy that systemd uses: "/system.slice/nginx.service"
    std::string unit;          // systemd unit: "nginx.service", "session-2.scope"
    std::string user_unit;     // unit of a user's own manager, "app.service" below user@1000.service
    std::string container_id;  // innermost; 64 hex digits for docker, containerd, cri-o and podman, a handle
                               // for garden
    std::string container_runtime;  // "docker", "containerd", "cri-o", "podman", "garden"; empty where the
                                    // path does not tell
    std::string pod_uid;            // Kubernetes, with dashes
    std::string bosh_job;           // /var/vcap/jobs/JOB
    std::string bpm_process;        // process of that job under bpm

    /// The name an operator uses: BOSH job (JOB/PROCESS where they differ), user unit, unit, container (12
    /// digits), executable's base name or comm. Units that name no one program are passed over: session
    /// scopes, and around a container its own scope and its runtime's service.
    [[nodiscard]] std::string display_name() const;
    /// What stays the same over a restart: "bosh:JOB/PROCESS" ("bosh:JOB" without bpm), "unit:nginx.service"
    /// or "unit:user@1000.service/app.service", "container:ID", else "exe:PATH@CGROUP" (of an
    /// interpreter with its command line: "exe:PATH@CGROUP python3 app.py"); "pid:PID/START" where
    /// nothing is known. Passes over the same units as display_name().
    [[nodiscard]] std::string stable_key() const;
};

}  // namespace sockdog
