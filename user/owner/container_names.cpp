#include "owner/container_names.h"

#include <algorithm>
#include <array>

namespace sockdog {

namespace {

bool is_hex(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// docker, containerd's CRI, cri-o and podman all give 256-bit ids.
bool is_container_id(std::string_view text) {
    return text.size() == 64 && is_hex(text);
}

struct Form {
    std::string_view prefix;
    std::string_view runtime;
};

/// "PREFIX<id>" with or without ".scope". Conmon's own scopes ("libpod-conmon-", "crio-conmon-") hold the
/// monitor, not the container: their rest is no id, so they fall through.
constexpr std::array<Form, 6> kPrefixes{{{"docker-", "docker"},
                                         {"cri-containerd-", "containerd"},
                                         {"nerdctl-", "containerd"},
                                         {"crio-", "cri-o"},
                                         {"libpod-", "podman"},
                                         {"libpod-payload-", "podman"}}};  // podman --cgroups=split (Quadlet)

/// Names of the component above a bare id. containerd's own is PARENT = its namespace.
constexpr std::array<Form, 5> kParents{{{"docker", "docker"},
                                        {"libpod_parent", "podman"},
                                        {"default", "containerd"},
                                        {"k8s.io", "containerd"},
                                        {"moby", "docker"}}};

/// Containers of CF's Diego: "garden/good/HANDLE" or "garden/HANDLE", below garden.service or garden's bpm
/// container. A handle is an instance's GUID, cut to 28 characters by Diego, whole from others.
bool is_garden_handle(std::string_view text, std::string_view before) {
    if (before != "good" && before != "bad" && !before.starts_with("garden")) return false;
    const bool has_size = text.size() == 28 || text.size() == 36;
    return has_size && text.find_first_not_of("0123456789abcdef-") == std::string_view::npos &&
           text[8] == '-';
}

/// A pod's uid: a UUID, or for static pods the 32 digits of their configuration's hash.
bool is_pod_uid(std::string_view text) {
    if (text.size() == 32) return is_hex(text);
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !is_hex(text.substr(i, 1))) return false;
    }
    return true;
}

}  // namespace

std::optional<ContainerName> parse_container(std::string_view component, std::string_view before) {
    constexpr std::string_view kScope = ".scope";
    if (component.ends_with(kScope)) component.remove_suffix(kScope.size());

    // A systemd-style name used as a plain path: "kubepods-...slice:cri-containerd:ID",
    // "system.slice:docker:ID".
    if (const auto last = component.rfind(':'); last != std::string_view::npos && last > 0) {
        const auto first = component.rfind(':', last - 1);
        const auto start = first == std::string_view::npos ? 0 : first + 1;
        const std::string prefix = std::string(component.substr(start, last - start)) + "-";
        const std::string_view id = component.substr(last + 1);
        if (!is_container_id(id)) return std::nullopt;
        const auto* const form = std::ranges::find(kPrefixes, prefix, &Form::prefix);
        return ContainerName{std::string(id),
                             form == kPrefixes.end() ? std::string{} : std::string(form->runtime)};
    }
    for (const auto& [prefix, runtime] : kPrefixes) {
        if (component.starts_with(prefix) && is_container_id(component.substr(prefix.size()))) {
            return ContainerName{std::string(component.substr(prefix.size())), std::string(runtime)};
        }
    }
    if (is_container_id(component)) {
        const auto* const form = std::ranges::find(kParents, before, &Form::prefix);
        return ContainerName{std::string(component),
                             form == kParents.end() ? std::string{} : std::string(form->runtime)};
    }
    if (is_garden_handle(component, before)) return ContainerName{std::string(component), "garden"};
    return std::nullopt;
}

std::optional<std::string> parse_pod_uid(std::string_view component, bool below_kubepods) {
    // A slice's name spells out its parents: "kubepods-burstable-pod<uid>.slice", the uid's dashes as
    // underscores.
    component = component.substr(0, component.find(".slice"));
    std::string uid;
    if (const auto at = component.rfind("-pod");
        at != std::string_view::npos && component.find("kubepods") != std::string_view::npos) {
        uid = component.substr(at + 4);
        std::ranges::replace(uid, '_', '-');
    } else if (below_kubepods && component.starts_with("pod")) {
        uid = component.substr(3);
    }
    if (!is_pod_uid(uid)) return std::nullopt;
    return uid;
}

}  // namespace sockdog
