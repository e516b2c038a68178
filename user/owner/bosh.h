// BOSH's names for a process: the job below /var/vcap, and the process of that job where bpm runs it. Pure,
// any thread. Promises: a job is named only where the process itself comes from /var/vcap, never because it
// has such a file open.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sockdog {

struct BoshNames {
    std::string job;
    std::string process;  // empty without bpm
};

/// From a cgroup component that bpm's runc made: "bpm-cloud_controller_ng.2eworker_1".
std::optional<BoshNames> parse_bpm_id(std::string_view component);
/// From what runs: `executable` as in Owner, `arguments` with argv[0] first.
std::optional<BoshNames> find_bosh_names(std::string_view executable, std::span<const std::string> arguments);

}  // namespace sockdog
