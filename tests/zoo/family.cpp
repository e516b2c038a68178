#include "zoo/family.h"

#include <filesystem>
#include <optional>
#include <sstream>

namespace sockdog::zoo {
namespace {

struct Stat {
    char state = '?';
    std::uint32_t parent = 0;
};

std::optional<Stat> read_stat(const ProcRoot& proc, std::uint32_t pid) {
    const auto text = proc.read(pid, "stat");
    if (!text) return {};
    std::istringstream rest(text->substr(text->rfind(')') + 1));  // comm may hold anything
    Stat stat;
    rest >> stat.state >> stat.parent;
    return stat;
}

}  // namespace

void Family::add(std::uint32_t pid, const std::string& name) {
    if (const auto process = proc_.identify(pid)) members_[*process] = {name, true};
}

void Family::look() {
    std::map<std::uint32_t, ProcessId> identities;
    std::map<std::uint32_t, std::uint32_t> parents;
    for (const std::uint32_t pid : proc_.pids()) {
        const auto identity = proc_.identify(pid);
        const auto stat = read_stat(proc_, pid);
        if (!identity || !stat) continue;
        identities[pid] = *identity;
        parents[pid] = stat->parent;
    }
    // Parents may have higher numbers than their children: again until nobody is added.
    for (bool added = true; added;) {
        added = false;
        for (const auto& [pid, identity] : identities) {
            const auto parent = identities.find(parents[pid]);
            if (members_.contains(identity) || parent == identities.end()) continue;
            const auto member = members_.find(parent->second);
            if (member == members_.end()) continue;
            members_[identity] = {member->second.name, false};
            added = true;
        }
    }
}

Kin Family::kin(const ProcessId& process) const {
    const auto member = members_.find(process);
    return member == members_.end() ? Kin{} : member->second;
}

std::vector<ProcessId> Family::living(const std::string& name) const {
    std::vector<ProcessId> living;
    for (const auto& [process, member] : members_) {
        if (member.name != name) continue;
        const auto now = proc_.identify(process.pid);
        const auto stat = read_stat(proc_, process.pid);
        if (now && *now == process && stat && stat->state != 'Z') living.push_back(process);
    }
    return living;
}

int count_sockets(std::uint32_t pid) {
    int sockets = 0;
    std::error_code error;  // the process may end meanwhile
    std::filesystem::directory_iterator entry("/proc/" + std::to_string(pid) + "/fd", error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        std::error_code closed;
        if (std::filesystem::read_symlink(entry->path(), closed).string().starts_with("socket:")) sockets++;
    }
    return sockets;
}

}  // namespace sockdog::zoo
