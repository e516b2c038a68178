// One command as a child in a process group of its own: no shell, stdin from /dev/null or a few bytes that
// are given to it, the end of its output kept, killed as a group at its time limit. Loop thread, nothing
// blocks.
//
//   running --ends--> done(status, output)
//      \--timeout: TERM to the group--> terminating --grace: KILL to the group--> killed --it will not die-->
//      done(abandoned)
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "remedy/sd_ptr.h"

namespace sockdog {

struct ChildEnd {
    bool timed_out = false;
    bool abandoned = false;  // not even SIGKILL ended it: stuck in the kernel
    int status = 0;          // exit status, or the number of the signal
    bool signalled = false;
    std::string output;  // the last 4 KiB of stdout and stderr together, raw bytes
};

class ChildProcess {
  public:
    using Done = std::function<void(const ChildEnd&)>;
    /// `grace` between TERM and KILL, and between KILL and giving up on it.
    ChildProcess(sd_event* loop, Duration timeout, Duration grace, Done done);
    /// Sends TERM to a group that is still running: its time is over with ours. `done` is not called.
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    /// `environment` is the whole of it, "NAME=value". Programs without a slash are looked for in PATH of
    /// `environment`'s standard value, kPath. Once; `done` is only ever called after a success, from the
    /// loop. `input`, up to kMostInput bytes, is what it can read from its standard input: the way for
    /// secrets, which others could see among arguments.
    Status start(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                 std::string_view input = {});
    [[nodiscard]] bool finished() const { return !done_; }

    static constexpr std::size_t kMostInput = 16384;  // a pipe holds 64 KiB: writing never waits
    static constexpr std::size_t kKeptOutput = 4096;
    static constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

  private:
    enum class Stage : std::uint8_t { kRunning, kTerminating, kKilled };
    Status watch(UniqueFd output);
    void read_output();
    void ended();
    void signal_group(int signal) const;
    void next_stage();
    void finish();

    static int on_output(sd_event_source* source, int fd, std::uint32_t events, void* self);
    static int on_exit(sd_event_source* source, int fd, std::uint32_t events, void* self);
    static int on_timer(sd_event_source* source, std::uint64_t usec, void* self);

    sd_event* loop_;
    Duration timeout_;
    Duration grace_;
    Done done_;
    Stage stage_ = Stage::kRunning;
    int pid_ = -1;  // leader of the group; -1 once it was reaped
    UniqueFd pidfd_;
    UniqueFd output_;
    ChildEnd end_;
    SdPtr<sd_event_source> output_source_;
    SdPtr<sd_event_source> exit_source_;
    SdPtr<sd_event_source> timer_;
};

}  // namespace sockdog
