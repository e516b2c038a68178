#include "remedy/protected.h"

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "base/text.h"
#include "remedy/target.h"

namespace sockdog {
namespace {

// Every pattern is here because restarting it takes away the way in (sshd, gettys, the network), what
// everything else hangs on (init, dbus, logind and their kin), whole sets of other people's programs
// (container runtimes, user managers, display managers), or the watchdog that is just deciding.
constexpr std::array kUnits = {
    "init.scope",
    "systemd-*",
    "dbus*",
    "user@*.service",
    "user-runtime-dir@*",
    "ssh.service",
    "ssh.socket",
    "ssh@*",
    "sshd.service",
    "sshd.socket",
    "sshd@*",
    "sshd-*",
    "getty@*",
    "*-getty@*",
    "*-getty.service",
    "polkit.service",
    "NetworkManager*",
    "networking.service",
    "network.service",
    "wpa_supplicant*",
    "display-manager.service",
    "gdm*.service",
    "docker*",
    "containerd*",
    "crio*",
    "cri-o*",
    "cri-dockerd*",
    "podman.service",
    "podman.socket",
    "kubelet*",
    "k3s*",
    "k0s*",
    "rke2-*",
    "snap.docker.*",
    "snap.microk8s.*",
    "snap.lxd.*",
    "lxc*",
    "lxd*",
    "incus*",
    "libvirtd*",
    "virtqemud*",
    "nomad.service",
    "sockdog*",
};

constexpr std::array kExecutables = {
    "init",           "systemd",   "systemd-*",   "dbus-daemon",  "dbus-broker*", "sshd",
    "sshd-*",         "agetty",    "getty",       "login",        "polkitd",      "NetworkManager",
    "wpa_supplicant", "dockerd",   "docker-init", "docker-proxy", "containerd",   "containerd-shim*",
    "runc",           "crun",      "crio",        "cri-dockerd",  "conmon",       "podman",
    "kubelet",        "k3s*",      "k0s",         "rke2",         "lxd",          "incusd",
    "libvirtd",       "virtqemud", "nomad",       "sockdog",      "sockdogd",     "sockdog-*",
};

bool like(const char* pattern, const std::string& text) {
    return ::fnmatch(pattern, text.c_str(), 0) == 0;
}

}  // namespace

bool is_protected_unit(std::string_view unit, const RemedySettings& settings) {
    const std::string name(unit);
    const auto matches = [&](const char* pattern) { return like(pattern, name); };
    return std::any_of(kUnits.begin(), kUnits.end(), matches) ||
           std::any_of(settings.protected_units.begin(), settings.protected_units.end(),
                       [&](const std::string& pattern) { return matches(pattern.c_str()); });
}

bool is_protected_executable(std::string_view path, const RemedySettings& settings) {
    const std::string whole(path);
    const std::string base(base_name(path));
    return std::any_of(kExecutables.begin(), kExecutables.end(),
                       [&](const char* pattern) { return like(pattern, base); }) ||
           std::any_of(settings.protected_executables.begin(), settings.protected_executables.end(),
                       [&](const std::string& pattern) {
                           const bool by_path = pattern.find('/') != std::string::npos;
                           return like(pattern.c_str(), by_path ? whole : base);
                       });
}

std::optional<std::string> protection_of(const Owner& owner, const RemedySettings& settings,
                                         RemedyAction action) {
    if (owner.process.pid == 1) return "pid 1 is never acted on";
    if (owner.process.pid == static_cast<std::uint32_t>(::getpid())) return "sockdog does not act on itself";
    const bool spares_its_manager = action == RemedyAction::kSystemdRestart && !owner.user_unit.empty() &&
                                    user_manager_uid(owner.unit).has_value();
    if (!owner.unit.empty() && !spares_its_manager && is_protected_unit(owner.unit, settings)) {
        return printable(owner.unit) + " is on the list of protected units";
    }
    if (!owner.user_unit.empty() && is_protected_unit(owner.user_unit, settings)) {
        return printable(owner.user_unit) + " is on the list of protected units";
    }
    // comm can be set by the process itself, but only ever adds protection here.
    if (is_protected_executable(owner.comm, settings)) {
        return printable(owner.comm) + " is on the list of protected programs";
    }
    if (owner.executable.empty()) {
        return "its executable cannot be read, so it cannot be told from a protected one";
    }
    if (is_protected_executable(owner.executable, settings)) {
        return printable(owner.executable) + " is on the list of protected programs";
    }
    return std::nullopt;
}

}  // namespace sockdog
