#include "remedy/destroy.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/text.h"
#include "detect/evidence.h"
#include "probe/namespaces.h"

namespace sockdog {
namespace {

// The kernel's own limit of fds of a process is 2^20 by default (fs.nr_open).
constexpr std::size_t kMostFds = std::size_t{1} << 22;

/// 123 of "socket:[123]", 0 of anything else.
std::uint64_t socket_inode(std::string_view link) {
    constexpr std::string_view kBegin = "socket:[";
    std::uint64_t inode = 0;
    if (!link.starts_with(kBegin)) return 0;
    std::from_chars(link.data() + kBegin.size(), link.data() + link.size(), inode);
    return inode;
}

Result<std::set<std::uint64_t>> inodes_of(const ProcRoot& proc, std::uint32_t pid) {
    const auto folder = proc.path() / std::to_string(pid) / "fd";
    std::set<std::uint64_t> inodes;
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error);
    for (std::size_t seen = 0; !error && entry != std::filesystem::directory_iterator() && seen < kMostFds;
         entry.increment(error), ++seen) {
        const auto link = proc.read_link(pid, "fd/" + entry->path().filename().string());
        if (const std::uint64_t inode = link ? socket_inode(*link) : 0; inode != 0) inodes.insert(inode);
    }
    if (error) return Error::from_errno("list " + folder.string(), error.value());
    return inodes;
}

Status check_process(const ProcRoot& proc, ProcessId process) {
    const std::string pid = "pid " + std::to_string(process.pid);
    if (!process.known()) return make_error("it is not known which process leaks", ESRCH);
    const auto found = proc.identify(process.pid);
    if (!found) return make_error(pid + " is gone, and its sockets with it", ESRCH);
    if (*found != process)
        return make_error(pid + " belongs to another process now than the one that leaked", ESRCH);
    return Ok{};
}

/// The namespace of the process's sockets; invalid where it is our own.
Result<UniqueFd> netns_of(const ProcRoot& proc, std::uint32_t pid) {
    const auto path = proc.path() / std::to_string(pid) / "ns/net";
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0) return Error::from_errno("open " + path.string());
    if (static_cast<std::uint32_t>(status.st_ino) == own_network_namespace()) return UniqueFd();
    return fd;
}

bool may_destroy(const ProcRoot& proc) {
    if (::geteuid() != 0) return false;  // sockdogd takes word of it from root only
    const auto status = proc.read_global("self/status");
    if (!status) return true;  // the kernel will say
    constexpr std::string_view kLine = "CapEff:";
    const auto at = status->find(kLine);
    if (at == std::string::npos) return true;
    std::uint64_t effective = 0;
    const std::string_view rest = trim(std::string_view(*status).substr(at + kLine.size(), 20));
    std::from_chars(rest.data(), rest.data() + rest.size(), effective, 16);
    return (effective >> CAP_NET_ADMIN & 1U) != 0;
}

Result<std::vector<DiagSocket>> list_close_wait(SockDiag& diag) {
    auto sockets = diag.close_wait();
    // ENOENT of the kernel means "no such protocol", and would be read as "no such socket".
    if (!sockets && sockets.error().code == ENOENT)
        return make_error("this kernel cannot list TCP sockets; load its module tcp_diag (modprobe tcp_diag)",
                          EOPNOTSUPP);
    return sockets;
}

/// The identity is checked before and after: fds read in between are those of this very process.
Result<DestroyPlan> look(const ProcRoot& proc, const Finding& finding, SockDiag& diag) {
    const std::uint32_t pid = finding.process.pid;
    const auto inodes = inodes_of(proc, pid);
    const auto same = check_process(proc, finding.process);
    if (!same) return same.error();
    if (!inodes) return inodes.error();
    const auto sockets = list_close_wait(diag);
    if (!sockets) return sockets.error();
    return choose_doomed(*sockets, *inodes, finding);
}

Result<SockDiag> enter(const ProcRoot& proc, ProcessId process) {
    const auto there = check_process(proc, process);
    if (!there) return there.error();
    const auto netns = netns_of(proc, process.pid);
    if (!netns) return netns.error();
    return SockDiag::open(*netns);
}

Error told(const Error& refusal) {
    if (refusal.code == EOPNOTSUPP)
        return make_error("this kernel cannot destroy sockets (it is built without CONFIG_INET_DIAG_DESTROY)",
                          EOPNOTSUPP);
    if (refusal.code == EPERM)
        return make_error("the kernel does not permit it; that needs root (CAP_NET_ADMIN)", EPERM);
    return refusal;
}

SocketFate fate_of(const Status& answer) {
    if (answer) return SocketFate::kDestroyed;
    return answer.error().code == ENOENT ? SocketFate::kVanished : SocketFate::kRefused;
}

}  // namespace

std::string_view to_string(SocketFate fate) {
    switch (fate) {
        case SocketFate::kDestroyed:
            return "destroyed";
        case SocketFate::kVanished:
            return "vanished";
        case SocketFate::kRefused:
            return "refused";
    }
    return "unknown";
}

std::uint32_t DestroyResult::count(SocketFate fate) const {
    return static_cast<std::uint32_t>(std::count(fates.begin(), fates.end(), fate));
}

DestroyPlan choose_doomed(const std::vector<DiagSocket>& sockets, const std::set<std::uint64_t>& inodes,
                          const Finding& finding) {
    DestroyPlan plan;
    const bool local = finding.role == SocketRole::kAccepted || finding.role == SocketRole::kListening;
    for (const DiagSocket& socket : sockets) {
        // Asked for in the dump, and asked here again: nothing else is ever destroyed.
        if (socket.state != TcpState::kCloseWait || socket.inode == 0 || !inodes.contains(socket.inode))
            continue;
        const Endpoint end = unmapped(local ? socket.local : socket.remote);
        if (finding.endpoint.family != 0 && end != unmapped(finding.endpoint))
            plan.elsewhere++;
        else if (socket.recv_queue_bytes == 0)
            plan.already_read++;
        else
            plan.chosen.push_back(socket);
    }
    return plan;
}

Result<DestroyPlan> plan_destroy(const ProcRoot& proc, const Incident& incident) {
    auto diag = enter(proc, incident.latest.process);
    if (!diag) return diag.error();
    auto plan = look(proc, incident.latest, *diag);
    if (plan) plan->permitted = may_destroy(proc);
    return plan;
}

Result<DestroyResult> destroy_planned(const ProcRoot& proc, const Incident& incident,
                                      const DestroyPlan& plan) {
    auto diag = enter(proc, incident.latest.process);
    if (!diag) return diag.error();
    const auto now = look(proc, incident.latest, *diag);
    if (!now) return now.error();
    std::set<std::uint64_t> still;
    for (const DiagSocket& socket : now->chosen) still.insert(socket.cookie());
    DestroyResult result;
    for (const DiagSocket& socket : plan.chosen) {
        const bool hopeless =
            result.refusal && (result.refusal->code == EPERM || result.refusal->code == EOPNOTSUPP);
        if (hopeless || !still.contains(socket.cookie())) {
            result.fates.push_back(hopeless ? SocketFate::kRefused : SocketFate::kVanished);
            continue;
        }
        const Status answer = diag->destroy(socket);
        result.fates.push_back(fate_of(answer));
        if (result.fates.back() == SocketFate::kRefused && !result.refusal)
            result.refusal = told(answer.error());
    }
    return result;
}

}  // namespace sockdog
