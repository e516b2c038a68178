#include "kernel/census.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unordered_map>

namespace sockdog::testing {
namespace {

/// Value of the "tr" column for TIME_WAIT sockets (get_timewait4_sock), whose "st" may say FIN_WAIT2.
constexpr unsigned kTimeWaitTimer = 3;

struct Row {
    std::string local;  // as printed: hexadecimal address and port
    std::string remote;
    std::size_t state = 0;
    std::uint64_t inode = 0;
};

void read_table(const char* path, std::vector<Row>& rows) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        std::istringstream words(line);
        std::string number, queues, timer, retransmits, uid, timeout;
        Row row;
        words >> number >> row.local >> row.remote >> std::hex >> row.state >> queues >> timer >>
            retransmits >> uid >> timeout >> std::dec >> row.inode;
        if (!words || std::stoul(timer.substr(0, 2), nullptr, 16) == kTimeWaitTimer) continue;
        if (row.state < kTcpStateCount) rows.push_back(std::move(row));
    }
}

std::unordered_map<std::uint64_t, pid_t> holders_of_inodes(const std::vector<pid_t>& processes) {
    std::unordered_map<std::uint64_t, pid_t> holders;
    for (const pid_t pid : processes) {
        std::error_code ignored;
        for (const auto& entry :
             std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", ignored)) {
            const std::string target = std::filesystem::read_symlink(entry.path(), ignored).string();
            if (target.starts_with("socket:[")) holders[std::stoull(target.substr(8))] = pid;
        }
    }
    return holders;
}

}  // namespace

Census take_census(const std::vector<pid_t>& processes) {
    Census census;
    for (const pid_t pid : processes) census.by_process[pid] = {};
    const auto holders = holders_of_inodes(processes);
    std::vector<Row> rows;
    read_table("/proc/net/tcp", rows);
    read_table("/proc/net/tcp6", rows);

    std::unordered_map<std::string, pid_t> listeners;
    for (const Row& row : rows) {
        const auto holder = holders.find(row.inode);
        if (holder == holders.end()) continue;
        census.by_process[holder->second][row.state]++;
        if (row.state == static_cast<std::size_t>(TcpState::kListen)) listeners[row.local] = holder->second;
    }
    for (const Row& row : rows) {
        if (row.inode != 0) continue;
        const auto listener = listeners.find(row.local);
        const auto state = static_cast<TcpState>(row.state);
        if (state == TcpState::kEstablished || state == TcpState::kCloseWait) {
            if (listener != listeners.end()) census.by_process[listener->second][row.state]++;
        } else if (listener != listeners.end() || listeners.contains(row.remote)) {
            census.in_motion[row.state]++;
        }
    }
    return census;
}

}  // namespace sockdog::testing
