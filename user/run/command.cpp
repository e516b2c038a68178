#include "run/command.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

namespace sockdog {
namespace {

Status make_pipe(UniqueFd& reader, UniqueFd& writer) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno("make a pipe");
    reader.reset(ends[0]);
    writer.reset(ends[1]);
    return Ok{};
}

ssize_t read_all(int fd, void* into, std::size_t size) {
    ssize_t got = 0;
    do {
        got = ::read(fd, into, size);
    } while (got < 0 && errno == EINTR);
    return got;
}

/// Groups before the gid, the gid before the uid: afterwards nothing of it is allowed.
int become(const Credentials& user) {
    if (::setgroups(user.groups.size(), user.groups.data()) != 0) return errno;
    if (::setgid(user.gid) != 0 || ::setuid(user.uid) != 0) return errno;
    ::setenv("HOME", user.home.c_str(), 1);
    ::setenv("USER", user.name.c_str(), 1);
    ::setenv("LOGNAME", user.name.c_str(), 1);
    return 0;
}

[[noreturn]] void child(const std::vector<char*>& argv, const std::optional<Credentials>& user,
                        const sigset_t& mask, int gate, int error) {
    char byte = 0;
    if (read_all(gate, &byte, 1) != 1) ::_exit(kExitNotExecutable);  // nobody is there to watch
    int code = user ? become(*user) : 0;
    if (code == 0) {
        ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
        ::execvp(argv[0], argv.data());
        code = errno;
    }
    [[maybe_unused]] const ssize_t told = ::write(error, &code, sizeof code);
    ::_exit(kExitNotExecutable);
}

}  // namespace

Result<Credentials> credentials_of(const std::string& user) {
    const passwd* entry = ::getpwnam(user.c_str());
    if (entry == nullptr) {
        uid_t uid = 0;
        const auto [end, error] = std::from_chars(user.data(), user.data() + user.size(), uid);
        if (error == std::errc{} && end == user.data() + user.size()) entry = ::getpwuid(uid);
    }
    if (entry == nullptr) return make_error("--user: there is no user '" + user + "'", EINVAL);
    Credentials found{entry->pw_name, entry->pw_uid, entry->pw_gid, {}, entry->pw_dir};
    int count = 64;
    found.groups.resize(64);
    if (::getgrouplist(entry->pw_name, entry->pw_gid, found.groups.data(), &count) < 0) {
        count = std::clamp(count, 0, 65536);  // NGROUPS_MAX
        found.groups.resize(static_cast<std::size_t>(count));
        if (::getgrouplist(found.name.c_str(), found.gid, found.groups.data(), &count) < 0)
            return make_error("--user: the groups of '" + user + "' cannot be read", EINVAL);
    }
    found.groups.resize(static_cast<std::size_t>(count));
    return found;
}

Result<Command> Command::prepare(const std::vector<std::string>& argv, const std::optional<Credentials>& user,
                                 const sigset_t& mask) {
    if (argv.empty()) return make_error("the command is empty", EINVAL);
    std::vector<char*> words;
    for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));  // not written to
    words.push_back(nullptr);
    Command command;
    UniqueFd gate;
    UniqueFd error;
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return Error::from_errno("make a pair of sockets");
    gate.reset(ends[0]);
    command.gate_.reset(ends[1]);
    if (auto made = make_pipe(command.error_, error); !made) return made.error();
    command.pid_ = ::fork();
    if (command.pid_ < 0) return Error::from_errno("fork");
    if (command.pid_ == 0) {
        // Else it would wait for itself when we are gone.
        command.gate_.reset();
        child(words, user, mask, gate.get(), error.get());
    }
    command.pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, command.pid_, 0)));
    if (!command.pidfd_) return Error::from_errno("open a pidfd");
    return command;
}

Command::~Command() {
    // Moved from, let go, or never made.
    if (pid_ <= 0 || !gate_) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

int Command::let_go() {
    const char byte = 1;
    // MSG_NOSIGNAL: somebody may have killed it meanwhile, which its status will tell.
    const bool waits = ::send(gate_.get(), &byte, 1, MSG_NOSIGNAL) == 1;
    int code = 0;
    // The kernel closes the other end at exec.
    if (!waits || read_all(error_.get(), &code, sizeof code) != sizeof code) code = 0;
    gate_.reset();
    error_.reset();
    return code;
}

std::optional<CommandEnd> Command::ended() {
    int status = 0;
    if (gone_ || ::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    gone_ = true;
    CommandEnd end;
    if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
    if (WIFEXITED(status)) end.status = WEXITSTATUS(status);
    return end;
}

void Command::forward(int signal) const {
    // Until it is reaped its pid is its own.
    if (!gone_) ::kill(pid_, signal);
}

}  // namespace sockdog
