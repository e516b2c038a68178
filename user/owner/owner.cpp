#include "owner/owner.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace sockdog {

namespace {

/// Bytes of the command line that go into a key.
constexpr std::size_t kKeyArguments = 256;

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

/// Programs that are known by what they run. Versions follow the name: python3.11, ruby3.1.
bool is_interpreter(std::string_view base) {
    constexpr std::string_view kInterpreters[] = {"python", "ruby", "node", "java", "perl",
                                                  "php",    "bash", "dash", "sh"};
    for (const std::string_view name : kInterpreters) {
        if (!base.starts_with(name)) continue;
        if (base.substr(name.size()).find_first_not_of("0123456789.") == std::string_view::npos) return true;
    }
    return false;
}

/// What an interpreter runs: its first argument that is no option; empty where there is none.
std::string_view script_of(const Owner& owner) {
    if (!is_interpreter(base_name(owner.executable))) return {};
    std::string_view rest = owner.command_line;
    for (bool first = true; !rest.empty(); first = false) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        const std::string_view argument = rest.substr(0, end);
        if (argument == "-c" || argument == "-e") return {};  // code on the command line has no name
        if (!first && !argument.empty() && argument.front() != '-') return argument;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return {};
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
    if (const auto script = base_name(script_of(*this)); !script.empty()) return std::string(script);
    if (const auto base = base_name(executable); !base.empty()) return std::string(base);
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
    // All scripts of a host share their interpreter: what it was started with tells them apart, and is the
    // same again after a restart.
    const std::string started_as =
        script_of(*this).empty() ? "" : " " + command_line.substr(0, kKeyArguments);
    return "exe:" + program + "@" + cgroup + started_as;
}

}  // namespace sockdog
