#include "remedy/lineage.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "remedy/protected.h"

namespace sockdog {
namespace {

constexpr std::size_t kMostGenerations = 64;

/// Field 4 of /proc/PID/stat; comm, in parentheses before it, may hold anything.
std::optional<std::uint32_t> parent_of(const ProcRoot& proc, std::uint32_t pid) {
    const auto stat = proc.read(pid, "stat");
    if (!stat) return std::nullopt;
    const auto close = stat->rfind(')');
    if (close == std::string::npos || close + 4 >= stat->size()) return std::nullopt;
    std::uint32_t parent = 0;
    const char* begin = stat->data() + close + 4;  // ") S "
    if (std::from_chars(begin, stat->data() + stat->size(), parent).ec != std::errc{}) return std::nullopt;
    return parent;
}

bool may_stand_for_it(const ProcRoot& proc, std::uint32_t pid, const RemedySettings& settings) {
    auto executable = proc.read_link(pid, "exe");
    const auto comm = proc.read(pid, "comm");
    if (!executable || !comm) return false;
    constexpr std::string_view kDeleted = " (deleted)";  // the file was replaced by an upgrade
    if (executable->ends_with(kDeleted)) executable->resize(executable->size() - kDeleted.size());
    const std::string base = executable->substr(executable->rfind('/') + 1);
    return base != "monit" && !is_protected_executable(*executable, settings) &&
           !is_protected_executable(trim(*comm), settings);
}

}  // namespace

Result<std::vector<std::uint32_t>> lineage_of(const ProcRoot& proc, ProcessId process,
                                              const RemedySettings& settings) {
    const auto found = proc.identify(process.pid);
    if (!found) return found.error();
    if (*found != process)
        return make_error("pid " + std::to_string(process.pid) + " belongs to another process now", ESRCH);
    std::vector<std::uint32_t> lineage = {process.pid};
    while (lineage.size() < kMostGenerations) {
        const auto parent = parent_of(proc, lineage.back());
        if (!parent || *parent <= 1 || !may_stand_for_it(proc, *parent, settings)) break;
        // A chain that was read while pids were reused may bite its own tail.
        if (std::find(lineage.begin(), lineage.end(), *parent) != lineage.end()) break;
        lineage.push_back(*parent);
    }
    return lineage;
}

}  // namespace sockdog
