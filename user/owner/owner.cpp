#include "owner/owner.h"

#include <string_view>

namespace sockdog {

namespace {

/// A unit that holds whatever its people started: no name for any one program.
bool is_gathering(std::string_view unit) {
    return unit.starts_with("session-") && unit.ends_with(".scope");
}

/// Whether the unit is the owner's own. Around a container it usually is not: either the container's scope (a
/// name that is an id) or the runtime's service (containerd.service with the cgroupfs driver). Podman alone
/// runs a container as a service of its own (Quadlet: "web.service/libpod-payload-ID").
bool names_owner(const Owner& owner, std::string_view unit) {
    if (unit.empty() || is_gathering(unit)) return false;
    if (owner.container_id.empty()) return true;
    return owner.container_runtime == "podman" && unit.find(owner.container_id) == std::string_view::npos;
}

/// user@1000.service as the only unit stands for the user's manager, which names nothing below it.
bool has_user_unit(const Owner& owner) {
    return names_owner(owner, owner.user_unit);
}
bool has_unit(const Owner& owner) {
    return owner.user_unit.empty() && names_owner(owner, owner.unit);
}

}  // namespace

std::string Owner::display_name() const {
    if (!bosh_job.empty()) {
        const bool same = bpm_process.empty() || bpm_process == bosh_job;
        return same ? bosh_job : bosh_job + "/" + bpm_process;
    }
    if (has_user_unit(*this)) return user_unit;
    if (has_unit(*this)) return unit;
    if (!container_id.empty()) return container_id.substr(0, 12);  // as docker and crictl print them
    std::string base = executable.substr(executable.rfind('/') + 1);
    if (!base.empty()) return base;
    if (!comm.empty()) return comm;
    return "pid " + std::to_string(process.pid);
}

std::string Owner::stable_key() const {
    if (!bosh_job.empty()) return "bosh:" + bosh_job + (bpm_process.empty() ? "" : "/" + bpm_process);
    // Two users may each run an app.service: the manager's unit tells them apart.
    if (has_user_unit(*this)) return "unit:" + unit + "/" + user_unit;
    if (has_unit(*this)) return "unit:" + unit;
    if (!container_id.empty()) return "container:" + container_id;
    const std::string& program = executable.empty() ? comm : executable;
    // Never one key for all processes that nothing is known about.
    if (program.empty()) {
        return "pid:" + std::to_string(process.pid) + "/" + std::to_string(process.start_ticks);
    }
    return "exe:" + program + "@" + cgroup;
}

}  // namespace sockdog
