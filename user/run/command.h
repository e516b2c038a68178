// The command as a child that keeps our terminal, process group and standard streams. It is made first and
// runs only when it is let go: whoever watches it is ready by then. One thread.
#pragma once

#include <sys/types.h>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "run/report.h"

namespace sockdog {

/// Whose rights the command gets.
struct Credentials {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
    std::string home;
};
/// By name or number; ENOENT where there is no such user.
Result<Credentials> credentials_of(const std::string& user);

class Command {
  public:
    /// Forks. With `user` groups, gid and uid are set and HOME, USER and LOGNAME are that user's. `mask` is
    /// the signal mask that the command begins with.
    static Result<Command> prepare(const std::vector<std::string>& argv,
                                   const std::optional<Credentials>& user, const sigset_t& mask);
    Command(Command&&) = default;
    Command& operator=(Command&&) = delete;
    /// Kills it where it was never let go.
    ~Command();

    [[nodiscard]] pid_t pid() const { return pid_; }
    /// Readable when it ended.
    [[nodiscard]] int pidfd() const { return pidfd_.get(); }
    /// Lets it exec; the errno where that failed, 0 where it runs. Waits until one of both is known.
    int let_go();
    /// Nothing while it runs. Reaps.
    std::optional<CommandEnd> ended();
    void forward(int signal) const;

  private:
    Command() = default;
    pid_t pid_ = -1;
    UniqueFd pidfd_;
    UniqueFd gate_;   // a byte lets it go
    UniqueFd error_;  // the errno of exec; its end is success
    bool gone_ = false;
};

}  // namespace sockdog
