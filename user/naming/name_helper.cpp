#include "naming/name_helper.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/spawn_plan.h"
#include "naming/wire.h"

namespace sockdog {
namespace {

constexpr int kBufferBytes = 1 << 20;  // what of it is granted says net.core.wmem_max

std::string words_of(int status) {
    if (WIFSIGNALED(status)) return "ended by signal " + std::to_string(WTERMSIG(status));
    return "ended with " + std::to_string(WEXITSTATUS(status));
}

/// stdin is the socket; nothing else of ours is open in it.
Result<pid_t> spawn(const std::string& program, int socket) {
    SpawnPlan plan;
    int error = plan.begin(POSIX_SPAWN_SETPGROUP);  // a key at the terminal is not for it
    if (error == 0) error = posix_spawn_file_actions_adddup2(&plan.actions, socket, 0);
    if (error == 0) error = posix_spawn_file_actions_addopen(&plan.actions, 1, "/dev/null", O_WRONLY, 0);
    if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(&plan.actions, 3);
    std::array<char*, 2> words{const_cast<char*>(program.c_str()), nullptr};  // exec does not write to it
    std::array<char*, 1> environment{nullptr};
    pid_t pid = 0;
    if (error == 0)
        error = posix_spawn(&pid, program.c_str(), &plan.actions, &plan.attributes, words.data(),
                            environment.data());
    if (error != 0) return Error::from_errno("start " + program, error);
    return pid;
}

}  // namespace

NameHelper::~NameHelper() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

Status NameHelper::open() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return Error::from_errno("make a socket to sockdog-names");
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
    for (const int end : ends)
        (void)::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kBufferBytes, sizeof kBufferBytes);
    // Ours alone: a flag of the open socket, and the other end is another one.
    if (::fcntl(ours_.get(), F_SETFL, O_NONBLOCK) != 0)
        return Error::from_errno("do not wait for sockdog-names");
    return Ok{};
}

Status NameHelper::start() {
    if (pid_ != 0) return Ok{};
    auto pid = spawn(options_.program, theirs_.get());
    if (!pid) return pid.error();
    pid_ = *pid;
    return Ok{};
}

void NameHelper::kill() {
    ::kill(pid_, SIGKILL);
    dying_.push_back(pid_);  // it may be stuck in the kernel for a while
    pid_ = 0;
}

bool NameHelper::ask(MonoTime now, const CallStack& stack) {
    if (asked_.size() >= options_.waiting) return false;
    used_ = now;
    if (asked_.empty()) first_since_ = now;
    asked_.push_back(
        {stack.id, stack.process, stack.kind, stack.accepted, naming::encode(naming::Request(stack))});
    const Status started = start();
    if (started) {
        flush();
        return true;
    }
    if (!told_)
        spdlog::warn("lines of code that open connections are not known: {}", started.error().message);
    told_ = true;
    while (!asked_.empty()) fail_first(started.error().message);
    return true;
}

void NameHelper::process_ended(ProcessId process) {
    if (pid_ == 0) return;
    // Its stacks go first; then it ages out of the cache, as where this message is lost.
    const auto unsent = [&](const Asked& asked) {
        return asked.process == process && !asked.message.empty();
    };
    if (std::ranges::any_of(asked_, unsent)) return;
    const auto message = naming::encode(naming::Request(naming::ProcessEnded{process}));
    (void)::send(ours_.get(), message.data(), message.size(), MSG_NOSIGNAL);
}

void NameHelper::flush() {
    for (Asked& asked : asked_) {
        if (asked.message.empty()) continue;
        if (::send(ours_.get(), asked.message.data(), asked.message.size(), MSG_NOSIGNAL) < 0) return;
        asked.message.clear();
        asked.message.shrink_to_fit();
    }
}

void NameHelper::fail_first(const std::string& why) {
    const Asked first = std::move(asked_.front());
    asked_.pop_front();
    first_since_ = used_;
    CallSite site;
    site.id = first.id;
    site.process = first.process;
    site.kind = first.kind;
    site.accepted = first.accepted;
    site.unknown_because = "its frames were not named: " + why;
    take_(std::move(site));
}

void NameHelper::on_readable() {
    std::vector<std::uint8_t> buffer(naming::kMostBytes + 1);
    for (;;) {
        const ssize_t got = ::recv(ours_.get(), buffer.data(), buffer.size(), 0);
        if (got <= 0) break;
        auto site = naming::decode_site({buffer.data(), static_cast<std::size_t>(got)});
        if (!site) {
            spdlog::warn("sockdog-names: {}", site.error().message);
            continue;
        }
        const auto known = std::ranges::find(asked_, site->id, &Asked::id);
        if (known == asked_.end() || known->process != site->process) continue;  // given up on
        // Earlier ones were read by a process that was ended before it answered.
        while (asked_.front().id != site->id) fail_first("sockdog-names was ended");
        asked_.pop_front();
        first_since_ = read_now().mono;
        take_(std::move(*site));
    }
    flush();
}

void NameHelper::turn(MonoTime now) {
    on_readable();
    std::erase_if(dying_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
    int status = 0;
    std::string why;
    if (pid_ != 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = 0;
        why = "sockdog-names " + words_of(status);
    } else if (pid_ != 0 && !asked_.empty() && now - first_since_ > options_.patience) {
        kill();
        why = "it took longer than " + format_duration(options_.patience);
    } else if (pid_ != 0 && asked_.empty() && now - used_ > options_.idle) {
        kill();
    }
    if (why.empty()) return;
    spdlog::warn("call sites: {}", why);
    used_ = now;
    if (!asked_.empty()) fail_first(why);
    if (!asked_.empty() && start()) flush();
}

}  // namespace sockdog
