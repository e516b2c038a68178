// The grammar of cgroup paths: systemd's (docs/CGROUP_DELEGATION.md of systemd) at the front, the container
// runtimes' behind.
//
//   /SLICE.../UNIT/...                         UNIT belongs to the system manager; below it all is delegated
//   /SLICE.../user@UID.service/SLICE.../UNIT   the inner UNIT belongs to that user's manager
//   .../RUNTIME-ID.scope, .../pod<uid>/ID      containers, wherever they stand; the innermost is the
//   process's
#include <algorithm>
#include <array>

#include "base/text.h"
#include "owner/bosh.h"
#include "owner/container_names.h"
#include "owner/resolver.h"

namespace sockdog {

namespace {

/// systemd puts '_' before names that the kernel's own files could be taken for: "_cpu.service",
/// "__x.service".
std::string unescape(std::string_view component) {
    if (component.starts_with('_')) component.remove_prefix(1);
    return std::string(component);
}

std::vector<std::string> components(std::string_view path) {
    std::vector<std::string> parts;
    for (const std::string& part : split(path, '/')) {
        // "/.." stands in front of cgroups outside the reader's cgroup namespace; the way up tells nothing.
        if (!part.empty() && part != "..") parts.push_back(unescape(part));
    }
    return parts;
}

bool is_slice(std::string_view name) {
    return name.ends_with(".slice");
}

/// The kinds of unit that processes live in. "docker-x.scope" is one too; ".service" alone is not.
bool is_unit(std::string_view name) {
    static constexpr std::array<std::string_view, 5> kSuffixes{".service", ".scope", ".socket", ".mount",
                                                               ".swap"};
    return std::ranges::any_of(
        kSuffixes, [&](std::string_view s) { return name.size() > s.size() && name.ends_with(s); });
}

bool is_user_manager(std::string_view unit) {
    constexpr std::string_view kFront = "user@";
    constexpr std::string_view kBack = ".service";
    if (!unit.starts_with(kFront) || !unit.ends_with(kBack)) return false;
    const std::string_view uid = unit.substr(kFront.size(), unit.size() - kFront.size() - kBack.size());
    return !uid.empty() && uid.find_first_not_of("0123456789") == std::string_view::npos;
}

/// The first component behind any slices, if it is a unit; `at` moves behind it.
std::string take_unit(const std::vector<std::string>& parts, std::size_t& at) {
    std::size_t next = at;
    while (next < parts.size() && is_slice(parts[next])) ++next;
    if (next == parts.size() || !is_unit(parts[next])) return {};
    at = next + 1;
    return parts[next];
}

/// One hierarchy's line of /proc/PID/cgroup, "ID:CONTROLLERS:PATH".
struct Hierarchy {
    std::string_view controllers;
    std::string_view path;
    bool is_v2 = false;
};

std::optional<Hierarchy> parse_line(std::string_view line) {
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    Hierarchy hierarchy;
    hierarchy.controllers = line.substr(first + 1, second - first - 1);
    hierarchy.path = line.substr(second + 1);  // may hold ':' itself
    hierarchy.is_v2 = line.substr(0, first) == "0" && hierarchy.controllers.empty();
    // The kernel says so of a v2 cgroup that was removed while a zombie is still in it.
    constexpr std::string_view kDeleted = " (deleted)";
    if (hierarchy.path.ends_with(kDeleted)) hierarchy.path.remove_suffix(kDeleted.size());
    if (!hierarchy.path.starts_with('/')) return std::nullopt;
    return hierarchy;
}

/// How much a path tells, most telling fact first.
int worth(std::string_view path) {
    const CgroupFacts facts = parse_cgroup_path(path);
    int worth = path == "/" ? 0 : 1;
    if (!facts.unit.empty()) worth += 2;
    if (!facts.user_unit.empty()) worth += 4;
    if (!facts.pod_uid.empty()) worth += 8;
    if (!facts.container_id.empty() || !facts.bosh_job.empty()) worth += 16;
    return worth;
}

}  // namespace

CgroupFacts parse_cgroup_path(std::string_view path) {
    CgroupFacts facts;
    const std::vector<std::string> parts = components(path);
    std::size_t at = 0;
    facts.unit = take_unit(parts, at);
    if (is_user_manager(facts.unit)) facts.user_unit = take_unit(parts, at);

    bool below_kubepods = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::string& part = parts[i];
        below_kubepods = below_kubepods || part.find("kubepods") != std::string::npos;
        if (auto uid = parse_pod_uid(part, below_kubepods)) facts.pod_uid = std::move(*uid);
        if (auto names = parse_bpm_id(part)) {
            facts.bosh_job = std::move(names->job);
            facts.bpm_process = std::move(names->process);
        }
        if (auto container = parse_container(part, i == 0 ? std::string_view{} : parts[i - 1])) {
            facts.container_id = std::move(container->id);
            facts.container_runtime = std::move(container->runtime);
            // What runs in a container of the job (an application on a Diego cell) is not the job.
            facts.bosh_job.clear();
            facts.bpm_process.clear();
        }
    }
    return facts;
}

std::string choose_cgroup_path(std::string_view proc_cgroup) {
    // In order of trust where they tell the same: v2, systemd's v1 hierarchy, any other. The last is for
    // hosts without systemd (v1 with OpenRC, runit): there the runtimes use the controllers' hierarchies
    // alone.
    std::string best;
    int best_rank = -1;
    for (const std::string& line : split(proc_cgroup, '\n')) {
        const auto hierarchy = parse_line(line);
        if (!hierarchy) continue;
        const int trust = hierarchy->is_v2 ? 2 : hierarchy->controllers == "name=systemd" ? 1 : 0;
        const int rank = worth(hierarchy->path) * 4 + trust;
        if (rank <= best_rank) continue;
        best_rank = rank;
        best = hierarchy->path;
    }
    return best;
}

}  // namespace sockdog
