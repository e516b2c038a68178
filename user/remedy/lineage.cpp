#include "remedy/lineage.h"

#include <algorithm>

#include "base/text.h"
#include "remedy/protected.h"

namespace sockdog {
namespace {

constexpr std::size_t kMostGenerations = 64;

bool may_stand_for_it(const ProcRoot& proc, std::uint32_t pid, const RemedySettings& settings) {
    const auto executable = proc.executable(pid);
    const auto comm = proc.read(pid, "comm");
    if (!executable || !comm) return false;
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
        const auto parent = proc.parent(lineage.back());
        if (!parent || *parent <= 1 || !may_stand_for_it(proc, *parent, settings)) break;
        // A chain that was read while pids were reused may bite its own tail.
        if (std::find(lineage.begin(), lineage.end(), *parent) != lineage.end()) break;
        lineage.push_back(*parent);
    }
    return lineage;
}

}  // namespace sockdog
