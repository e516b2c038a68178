// A child process that works on a file until it is killed with SIGKILL, and tells each finished step through
// a pipe.
#pragma once

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <cstdint>
#include <functional>
#include <vector>

#include "base/unique_fd.h"

namespace sockdog::testing {

/// Tells one step as done. A pipe write of 8 bytes is all or nothing.
using Report = std::function<void(std::uint64_t)>;

/// Runs `work` in a child, waits for `reports` reports and then `delay_us` more, kills it, and returns all
/// reports.
inline std::vector<std::uint64_t> run_and_kill(const std::function<void(const Report&)>& work,
                                               std::size_t reports, unsigned delay_us) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    const pid_t child = ::fork();
    if (child < 0) std::abort();
    if (child == 0) {
        ::close(ends[0]);
        ::alarm(60);  // never outlives a parent that died
        work([&](std::uint64_t value) {
            if (::write(ends[1], &value, sizeof value) != sizeof value) ::_exit(3);
        });
        ::_exit(2);  // work() is endless: coming back is an error that it met
    }
    const UniqueFd read_end(ends[0]);
    ::close(ends[1]);
    std::vector<std::uint64_t> told;
    std::uint64_t value = 0;
    while (told.size() < reports && ::read(read_end.get(), &value, sizeof value) == sizeof value)
        told.push_back(value);
    ::usleep(delay_us);
    ::kill(child, SIGKILL);
    while (::read(read_end.get(), &value, sizeof value) == sizeof value) told.push_back(value);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        return {};  // the caller expects `reports` at least
    return told;
}

}  // namespace sockdog::testing
