// What one component of a cgroup path says about containers and pods. Names as the runtimes write them. Pure,
// any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sockdog {

struct ContainerName {
    std::string id;
    std::string runtime;  // empty where the name does not tell
};

/// `before` is the component above, which names the runtime of a bare id ("docker/ID").
std::optional<ContainerName> parse_container(std::string_view component, std::string_view before);

/// A Kubernetes pod's uid, with dashes; `below_kubepods`: a component above is kubelet's.
std::optional<std::string> parse_pod_uid(std::string_view component, bool below_kubepods);

}  // namespace sockdog
