// The kernel side of one command under watch: books, call sites, its processes, and what these left open. One
// thread.
#pragma once

#include <sys/types.h>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "callsite/known_sites.h"
#include "naming/name_helper.h"
#include "probe/books.h"
#include "probe/call_tracer.h"
#include "run/last_look.h"
#include "run/leak.h"
#include "run/tree.h"

namespace sockdog {

class WatchCommand {
  public:
    static constexpr std::size_t kMostSites = 65536;
    /// A command that is over waits no longer for the names of its last stacks.
    static constexpr Duration kNamesWait = 30s;

    /// `names_program` is the path of sockdog-names; empty: no call sites. EPERM without CAP_BPF and
    /// CAP_PERFMON.
    static Result<std::unique_ptr<WatchCommand>> open(const std::string& names_program);

    /// The command, forked and not yet let go.
    Status begin(pid_t command);
    /// Takes in what the kernel has told; as often as possible, so that stacks get names while their process
    /// lives.
    void turn();
    /// How long fd() may be waited for at most: until the next turn is due.
    [[nodiscard]] Duration next_turn(MonoTime now, Duration most) const;
    void reap_orphans(pid_t command) const { tree_.reap_orphans({command, names_ ? names_->pid() : 0}); }
    struct Findings {
        std::vector<Leak> leaks;
        std::vector<Leak> late;  // closed only by the end of their process
    };
    /// Once the command has ended. Waits for names at most kNamesWait.
    Result<Findings> finish(const LeakRules& rules);

    /// For poll: readable when turn() has something to do.
    [[nodiscard]] int fd() const { return tracer_ ? tracer_->fd() : -1; }
    [[nodiscard]] int names_fd() const { return names_ ? names_->fd() : -1; }
    [[nodiscard]] std::uint32_t processes() const { return tree_.size(); }
    /// What went unseen, in words.
    [[nodiscard]] std::vector<std::string> notes() const;

  private:
    struct Look {
        ProcessId process;
        MonoTime at;
        int turn = 0;
    };
    WatchCommand() = default;
    Status open_names(const std::string& program);
    void ask_for_name(const CallStack& stack);
    void wait_for_names();
    void on_follow(const FollowEvent& event);
    void look_at(Look look);
    void look_again();
    void take_leftovers();
    Leak named(RunClass leak_class, HeldSocket held) const;
    Result<std::vector<HeldSocket>> still_open();

    std::unique_ptr<Books> books_;
    std::unique_ptr<CallTracer> tracer_;  // null: why_no_tracer_
    std::string why_no_tracer_;
    std::unique_ptr<NameHelper> names_;  // null: not asked for, or why_no_names_
    std::string why_no_names_;
    KnownSites sites_{kMostSites};
    std::uint64_t unnamed_ = 0;  // stacks that too many others waited before
    Tree tree_;
    std::vector<Look> looks_;
    std::vector<HeldSocket> left_;
    LastLook last_look_;
    bool left_too_many_ = false;
};

}  // namespace sockdog
