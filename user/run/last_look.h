// Sockets that a program closed only because it ended: an interpreter that shuts down closes what it still
// holds, and the kernel sees an ordinary close(). What was over for long at a look shortly before the end,
// and was closed since, is told apart here. One thread.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "probe/books.h"
#include "run/leak.h"
#include "run/tree.h"

namespace sockdog {

class LastLook {
  public:
    /// How long the peer must have been gone at the look. A pool that reaps what is over when it is asked
    /// next keeps such connections for a while, too.
    static constexpr Duration kLingered = 1s;
    /// Between two looks: twenty times what one takes, within these bounds. A hundred thousand sockets take
    /// 50 ms.
    static constexpr Duration kPause = 200ms;
    static constexpr Duration kLongestPause = 600ms;
    /// From a look that still saw a connection to the end of its process. An interpreter that shuts down
    /// closes sockets early, and then takes a while.
    static constexpr Duration kShutdown = 1s;

    /// Looks where one is due.
    void turn(const Books& books, const Tree& tree, MonoTime now);
    void process_ended(ProcessId process, MonoTime at, const std::string& comm);
    /// Of processes that ended, in the state of the look. Those that were left open after all are among them.
    [[nodiscard]] const std::vector<HeldSocket>& lingered() const { return lingered_; }

  private:
    using Key = std::pair<std::uint64_t, MonoTime>;        // of a socket: id, and when it was opened
    std::map<ProcessId, std::map<Key, HeldSocket>> seen_;  // within kShutdown before the last look
    std::vector<HeldSocket> lingered_;
    MonoTime next_;
};

}  // namespace sockdog
