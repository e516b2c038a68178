#include "run/runner.h"

#include <poll.h>
#include <sys/signalfd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <memory>

#include "run/command.h"
#include "run/watch_command.h"

namespace sockdog {
namespace {

/// Leftovers wake nobody: how long the kernel's buffer, which holds some ten thousand, waits at most.
constexpr Duration kTurn = 100ms;

/// Signals that are for the command, as a readable fd.
class Forwarding {
  public:
    Forwarding() {
        sigset_t mask;
        sigemptyset(&mask);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&mask, signal);
        ::pthread_sigmask(SIG_BLOCK, &mask, &before_);
        fd_.reset(::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    ~Forwarding() {
        signalfd_siginfo info{};
        for (int i = 0; i < 16 && ::read(fd_.get(), &info, sizeof info) == sizeof info; ++i) {
        }  // they were for the command, which is over
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    Forwarding(const Forwarding&) = delete;
    Forwarding& operator=(const Forwarding&) = delete;

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] const sigset_t& before() const { return before_; }
    void pass_on(const Command& command) const {
        signalfd_siginfo info{};
        for (int i = 0; i < 16 && ::read(fd_.get(), &info, sizeof info) == sizeof info; ++i) {
            // A key at the terminal reaches the whole process group, and so the command, by itself.
            if (info.ssi_code != SI_KERNEL) command.forward(static_cast<int>(info.ssi_signo));
        }
    }

  private:
    sigset_t before_{};
    UniqueFd fd_;
};

/// Until the command ends.
CommandEnd follow(Command& command, WatchCommand& watch, const Forwarding& signals) {
    for (;;) {
        std::array<pollfd, 4> fds{{{watch.fd(), POLLIN, 0},
                                   {watch.names_fd(), POLLIN, 0},
                                   {command.pidfd(), POLLIN, 0},
                                   {signals.fd(), POLLIN, 0}}};
        const Duration wait = watch.next_turn(read_now().mono, kTurn);
        ::poll(fds.data(), fds.size(),
               static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait).count()));
        signals.pass_on(command);
        watch.turn();
        watch.reap_orphans(command.pid());
        if (const auto end = command.ended()) return *end;
    }
}

}  // namespace

Result<RunReport> run_watched(RunPlan plan) {
    std::optional<Credentials> user;
    if (!plan.user.empty()) {
        auto found = credentials_of(plan.user);
        if (!found) return found.error();
        user = std::move(*found);
    }
    auto watch = WatchCommand::open(plan.names_program);
    if (!watch) return watch.error();
    const Forwarding signals;
    auto command = Command::prepare(plan.command, user, signals.before());
    if (!command) return command.error();
    if (auto begun = (*watch)->begin(command->pid()); !begun) return begun.error();

    RunReport report;
    const Now start = read_now();
    report.command = plan.command;
    std::error_code ignored;
    report.working_directory = std::filesystem::current_path(ignored).string();
    report.started = start.wall;
    report.warm_up = plan.warm_up;
    report.allowed = plan.allowed;
    report.classes = plan.classes;
    report.call_sites = !plan.names_program.empty();
    const int start_error = command->let_go();
    report.end = follow(*command, **watch, signals);
    report.end.start_error = start_error;
    const LeakRules rules{start.mono + plan.warm_up, plan.classes};
    auto found = (*watch)->finish(rules);
    if (!found) return found.error();
    if (plan.count_late)
        found->leaks.insert(found->leaks.end(), found->late.begin(), found->late.end());
    else
        report.late = group(found->late);
    report.took = read_now().mono - start.mono;
    report.processes = (*watch)->processes();
    report.notes = (*watch)->notes();
    fill(report, found->leaks, plan.baseline);
    return report;
}

}  // namespace sockdog
