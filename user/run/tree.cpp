#include "run/tree.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>

#include "base/proc_root.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace sockdog {
namespace {

constexpr int kMostReaped = 1024;  // a turn of the loop

/// Where cgroup v2 is mounted; empty: nowhere.
std::string mount_point() {
    const auto mounts = ProcRoot().read_global("self/mountinfo");
    if (!mounts) return {};
    for (const std::string& line : split(*mounts, '\n')) {
        const auto dash = line.find(" - cgroup2 ");
        if (dash == std::string::npos) continue;
        const auto fields = split(line.substr(0, dash), ' ');
        if (fields.size() > 4 && fields[3] == "/") return fields[4];
    }
    return {};
}

/// "/user.slice/..." below the mount; empty: not in one.
std::string own_group() {
    const auto groups = ProcRoot().read_global("self/cgroup");
    if (!groups) return {};
    for (const std::string& line : split(*groups, '\n')) {
        if (line.starts_with("0::/")) return line.substr(3);
    }
    return {};
}

Status write_pid(const std::filesystem::path& group, const std::string& pid) {
    const UniqueFd fd(::open((group / "cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return Error::from_errno("open cgroup.procs");
    if (::write(fd.get(), pid.data(), pid.size()) != static_cast<ssize_t>(pid.size()))
        return Error::from_errno("move a process into a cgroup");
    return Ok{};
}

}  // namespace

Result<CommandCgroup> CommandCgroup::make() {
    const std::string mount = mount_point();
    const std::string own = own_group();
    if (mount.empty() || own.empty()) return make_error("no cgroup v2", ENOENT);
    const std::filesystem::path path =
        std::filesystem::path(mount + own) / ("sockdog-run-" + std::to_string(::getpid()));
    if (::mkdir(path.c_str(), 0755) != 0) return Error::from_errno("make a cgroup");
    CommandCgroup group(path);
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return Error::from_errno("stat a cgroup");
    group.id_ = info.st_ino;
    return group;
}

CommandCgroup::CommandCgroup(CommandCgroup&& other) noexcept
    : path_(std::exchange(other.path_, {})), id_(other.id_) {}

CommandCgroup::~CommandCgroup() {
    if (path_.empty()) return;
    // Daemons of the command live on, in our own group. New ones may be born meanwhile: a few tries.
    for (int i = 0; i < 5 && ::rmdir(path_.c_str()) != 0 && errno == EBUSY; ++i) {
        std::ifstream in(path_ / "cgroup.procs");
        std::string pid;
        for (int n = 0; n < 10'000 && std::getline(in, pid); ++n)
            (void)write_pid(path_.parent_path(), pid).ok();
    }
}

Status CommandCgroup::take(pid_t process) const {
    return write_pid(path_, std::to_string(process));
}

Tree::Tree() {
    ::prctl(PR_GET_CHILD_SUBREAPER, &was_subreaper_);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Tree::~Tree() {
    ::prctl(PR_SET_CHILD_SUBREAPER, was_subreaper_);
}

void Tree::begin(ProcessId command) {
    add(command);
    auto group = CommandCgroup::make();
    if (group && group->take(static_cast<pid_t>(command.pid)).ok()) cgroup_.emplace(std::move(*group));
}

void Tree::add(ProcessId process) {
    if (born_.size() < kMostProcesses)
        born_.insert(process);
    else
        overflowed_ = true;
}

void Tree::on(const FollowEvent& event) {
    if (event.kind == FollowEvent::Kind::kFork) add(event.process);
    if (event.kind == FollowEvent::Kind::kExit && born_.contains(event.process))
        ended_.emplace(event.process, event.at);
}

void Tree::reap_orphans(std::initializer_list<pid_t> own) const {
    for (int i = 0; i < kMostReaped; ++i) {
        siginfo_t info{};
        // A look only.
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
        if (std::ranges::find(own, info.si_pid) != own.end()) return;
        ::waitpid(info.si_pid, nullptr, WNOHANG);
    }
}

bool Tree::holds(const HeldSocket& held) const {
    return born_.contains(held.process) || (cgroup_ && held.socket.cgroup_id == cgroup_->id());
}

std::optional<MonoTime> Tree::end_of(ProcessId process) const {
    const auto found = ended_.find(process);
    return found == ended_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace sockdog
