#include "remedy/child_process.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <chrono>
#include <csignal>
#include <utility>

#include "base/spawn_plan.h"

namespace sockdog {
namespace {

// Reads a turn of the loop: a command that floods its output must not keep the loop from anything else. 64
// KiB is a pipe.
constexpr int kReadsPerTurn = 16;

std::uint64_t usec_of(Duration d) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(d).count());
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> out;
    out.reserve(strings.size() + 1);
    for (const auto& s : strings) out.push_back(const_cast<char*>(s.c_str()));  // exec does not write to them
    out.push_back(nullptr);
    return out;
}

/// A group of its own, nothing of ours open, `in` to read or nothing where it is none, output into `out`.
int prepare(SpawnPlan& plan, int in, int out) {
    auto* actions = &plan.actions;
    int r = plan.begin(POSIX_SPAWN_SETPGROUP);
    if (r == 0) r = posix_spawnattr_setpgroup(&plan.attributes, 0);
    if (r == 0) {
        r = in < 0 ? posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0)
                   : posix_spawn_file_actions_adddup2(actions, in, 0);
    }
    if (r == 0) r = posix_spawn_file_actions_adddup2(actions, out, 1);
    if (r == 0) r = posix_spawn_file_actions_adddup2(actions, out, 2);
    if (r == 0) r = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    if (r == 0) r = posix_spawn_file_actions_addchdir_np(actions, "/");
    return r;
}

/// Close-on-exec and above the standard three, which the file actions overwrite one after the other.
bool lift(UniqueFd& fd) {
    if (fd.get() <= 2) fd.reset(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
    return fd.valid();
}

Status make_pipe(UniqueFd& reader, UniqueFd& writer) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno("make a pipe");
    reader.reset(ends[0]);
    writer.reset(ends[1]);
    if (!lift(reader) || !lift(writer)) return Error::from_errno("prepare a pipe");
    return Ok{};
}

/// A pipe with all of `input` in it and nobody to write more; none without input.
Result<UniqueFd> filled_pipe(std::string_view input) {
    if (input.empty()) return UniqueFd();
    if (input.size() > ChildProcess::kMostInput)
        return make_error("the command is given too much to read", E2BIG);
    UniqueFd reader;
    UniqueFd writer;
    if (auto made = make_pipe(reader, writer); !made) return made.error();
    // A user with too many pipes gets them a page large: better an error than a wait.
    if (::fcntl(writer.get(), F_SETFL, O_NONBLOCK) != 0) return Error::from_errno("prepare a pipe");
    if (::write(writer.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size()))
        return Error::from_errno("fill a pipe");
    return reader;
}

/// The first executable file of that name in kPath; the name itself when it has a slash or nothing is found.
std::string look_up(const std::string& program) {
    if (program.find('/') != std::string::npos) return program;
    std::string_view rest = ChildProcess::kPath;
    while (!rest.empty()) {
        const auto colon = rest.find(':');
        std::string candidate = std::string(rest.substr(0, colon)) + "/" + program;
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
        rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
    }
    return program;
}

}  // namespace

ChildProcess::ChildProcess(sd_event* loop, Duration timeout, Duration grace, Done done)
    : loop_(loop), timeout_(timeout), grace_(grace), done_(std::move(done)) {}

ChildProcess::~ChildProcess() {
    if (pid_ <= 0) return;
    signal_group(SIGTERM);
    ::waitpid(pid_, nullptr, WNOHANG);
}

Status ChildProcess::start(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                           std::string_view input) {
    if (argv.empty()) return make_error("the command is empty", EINVAL);
    UniqueFd reader;
    UniqueFd writer;
    if (auto made = make_pipe(reader, writer); !made) return made.error();
    if (::fcntl(reader.get(), F_SETFL, O_NONBLOCK) != 0) return Error::from_errno("prepare a pipe");
    auto in = filled_pipe(input);
    if (!in) return in.error();
    SpawnPlan plan;
    int r = prepare(plan, in->get(), writer.get());
    const std::string program = look_up(argv.front());
    pid_t pid = -1;
    if (r == 0) {
        r = ::posix_spawn(&pid, program.c_str(), &plan.actions, &plan.attributes, pointers(argv).data(),
                          pointers(environment).data());
    }
    if (r != 0) return Error::from_errno("run " + argv.front(), r);
    pid_ = pid;
    auto watched = watch(std::move(reader));
    if (!watched) {
        // Cannot be followed, so it may not run on unseen. SIGKILL: reaping it cannot take long.
        signal_group(SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    return watched;
}

Status ChildProcess::watch(UniqueFd output) {
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidfd_) return Error::from_errno("open a pidfd");
    output_ = std::move(output);
    sd_event_source* raw = nullptr;
    int r = sd_event_add_io(loop_, &raw, output_.get(), EPOLLIN, on_output, this);
    if (r < 0) return Error::from_errno("watch the output", -r);
    output_source_.reset(raw);
    r = sd_event_add_io(loop_, &raw, pidfd_.get(), EPOLLIN, on_exit, this);
    if (r < 0) return Error::from_errno("watch the process", -r);
    exit_source_.reset(raw);
    r = add_timer(loop_, timer_, usec_of(timeout_), on_timer, this);
    if (r < 0) return Error::from_errno("set the timeout", -r);
    return Ok{};
}

void ChildProcess::signal_group(int signal) const {
    // Until the leader is reaped its pid cannot be reused, and so neither can the group's number.
    if (pid_ > 0) ::kill(-pid_, signal);
}

int ChildProcess::on_output(sd_event_source* /*source*/, int /*fd*/, std::uint32_t /*events*/, void* self) {
    static_cast<ChildProcess*>(self)->read_output();
    return 0;
}

void ChildProcess::read_output() {
    std::array<char, 4096> buffer{};
    for (int i = 0; i < kReadsPerTurn; ++i) {
        const ssize_t n = ::read(output_.get(), buffer.data(), buffer.size());
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n <= 0) {
            output_source_.reset();
            return;
        }
        end_.output.append(buffer.data(), static_cast<std::size_t>(n));
        if (end_.output.size() > kKeptOutput) end_.output.erase(0, end_.output.size() - kKeptOutput);
    }
}

int ChildProcess::on_exit(sd_event_source* /*source*/, int /*fd*/, std::uint32_t /*events*/, void* self) {
    static_cast<ChildProcess*>(self)->ended();
    return 0;
}

void ChildProcess::ended() {
    siginfo_t info{};
    // First a look only: as a zombie the leader still keeps the number of the group for us.
    if (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0) {
        return;
    }
    if (stage_ != Stage::kRunning) signal_group(SIGKILL);
    ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG);
    pid_ = -1;
    end_.status = info.si_status;
    end_.signalled = info.si_code != CLD_EXITED;
    read_output();
    finish();
}

int ChildProcess::on_timer(sd_event_source* /*source*/, std::uint64_t /*usec*/, void* self) {
    static_cast<ChildProcess*>(self)->next_stage();
    return 0;
}

void ChildProcess::next_stage() {
    end_.timed_out = true;
    if (stage_ == Stage::kKilled) {
        end_.abandoned = true;
        return finish();
    }
    const bool first = stage_ == Stage::kRunning;
    stage_ = first ? Stage::kTerminating : Stage::kKilled;
    signal_group(first ? SIGTERM : SIGKILL);
    if (add_timer(loop_, timer_, usec_of(grace_), on_timer, this) < 0) {
        signal_group(SIGKILL);
        end_.abandoned = true;
        finish();
    }
}

void ChildProcess::finish() {
    timer_.reset();
    output_source_.reset();
    exit_source_.reset();
    output_.reset();
    if (pid_ < 0) pidfd_.reset();
    const auto done = std::exchange(done_, nullptr);
    const ChildEnd end = end_;
    if (done) done(end);  // may destroy this object: nothing of it is touched afterwards
}

}  // namespace sockdog
