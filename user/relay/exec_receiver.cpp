#include "relay/exec_receiver.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "base/spawn_plan.h"
#include "base/text.h"
#include "relay/format.h"

namespace sockdog {
namespace {

constexpr int kDataError = 65;

Result<UniqueFd> file_with(const std::string& body) {
    UniqueFd file(::memfd_create("sockdog-alert", MFD_CLOEXEC));
    if (!file) return Error::from_errno("memfd_create");
    std::size_t done = 0;
    while (done < body.size()) {
        const ssize_t n = ::write(file.get(), body.data() + done, body.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return Error::from_errno("write the alert");
        done += static_cast<std::size_t>(n);
    }
    if (::lseek(file.get(), 0, SEEK_SET) != 0) return Error::from_errno("lseek");
    return file;
}

/// In a process group of its own, so that what it starts ends with it.
Result<pid_t> spawn(const std::vector<std::string>& command, int input, const std::string& key) {
    SpawnPlan plan;
    int error = plan.begin(POSIX_SPAWN_SETPGROUP);
    if (error == 0) error = posix_spawn_file_actions_adddup2(&plan.actions, input, 0);
    if (error == 0) error = posix_spawn_file_actions_addopen(&plan.actions, 1, "/dev/null", O_WRONLY, 0);
    if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(&plan.actions, 3);
    std::vector<std::string> words = command;
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::array<std::string, 3> entries{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                       "LANG=C.UTF-8", "SOCKDOG_IDEMPOTENCY_KEY=" + key};
    std::vector<char*> environment;
    environment.reserve(entries.size() + 1);
    for (std::string& entry : entries) environment.push_back(entry.data());
    environment.push_back(nullptr);
    pid_t pid = 0;
    if (error == 0)
        error = posix_spawn(&pid, command.front().c_str(), &plan.actions, &plan.attributes, arguments.data(),
                            environment.data());
    if (error != 0) return Error::from_errno("start " + command.front(), error);
    return pid;
}

Delivery verdict_on(int status) {
    using enum Delivery::Verdict;
    if (WIFSIGNALED(status))
        return {kRetry, "the command was ended by signal " + std::to_string(WTERMSIG(status)), std::nullopt};
    const int code = WEXITSTATUS(status);
    if (code == 0) return {kDelivered, "exit status 0", std::nullopt};
    return {code == kDataError ? kRejected : kRetry, "exit status " + std::to_string(code), std::nullopt};
}

}  // namespace

Result<std::unique_ptr<Receiver>> ExecReceiver::create(const ReceiverSettings& settings,
                                                       const Sender& sender) {
    if (settings.command.empty() || !settings.command.front().starts_with('/'))
        return make_error("command must begin with the absolute path of a program", EINVAL);
    if (::access(settings.command.front().c_str(), X_OK) != 0)
        return Error::from_errno("command " + printable(settings.command.front()));
    UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!stop) return Error::from_errno("eventfd");
    return std::unique_ptr<Receiver>(new ExecReceiver(settings, sender, std::move(stop)));
}

std::optional<std::string> ExecReceiver::render(const Revision& revision) const {
    return render_event(revision, sender_);
}

void ExecReceiver::interrupt() {
    ::eventfd_write(stop_.get(), 1);
}

Delivery ExecReceiver::deliver(std::span<const OutboxItem> items) {
    const auto retry = [](const std::string& detail) {
        return Delivery{Delivery::Verdict::kRetry, printable(detail), std::nullopt};
    };
    pollfd stopped{stop_.get(), POLLIN, 0};
    if (::poll(&stopped, 1, 0) > 0) return retry("interrupted");
    const auto input = file_with(items.front().body);
    if (!input) return retry(input.error().message);
    const auto pid = spawn(settings_.command, input->get(), items.front().idempotency_key);
    if (!pid) return retry(pid.error().message);
    const UniqueFd ended(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
    std::array<pollfd, 2> fds{{{ended.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(settings_.timeout).count();
    const int ready = ended ? ::poll(fds.data(), fds.size(), static_cast<int>(timeout)) : -1;
    const bool over = ready > 0 && (fds[0].revents & POLLIN) != 0;
    if (!over) ::kill(-*pid, SIGKILL);
    int status = 0;
    while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (over) return verdict_on(status);
    return retry(ready == 0 ? "the command took longer than " + format_duration(settings_.timeout)
                            : "interrupted");
}

}  // namespace sockdog
