// Callers that asked for more than one reply: followers of the journal and of the trace. Loop thread.
#pragma once

#include <cstdint>
#include <list>

#include "probe/books.h"
#include "query/varlink_server.h"
#include "store/journal.h"

namespace sockdog {

/// Followers of the journal, each with a place of its own. A chunk per pump, so that a long past fills no
/// queue.
class RevisionStreams {
  public:
    explicit RevisionStreams(const Journal& journal) : journal_(journal) {}
    /// Revisions(after, limit): one chunk, or with "more" all that come.
    void serve(Call call);
    /// Sends what is new. True when somebody has more to come: call again soon.
    bool pump();

  private:
    struct Follower {
        Call call;
        std::uint64_t after;
        std::size_t limit;
        bool greeted = false;
    };
    enum class Sent { kNothingMore, kMore, kGone };
    Sent send(Follower& follower);

    const Journal& journal_;
    std::list<Follower> followers_;
};

/// Followers of the transitions, of one process or of all. The kernel side traces only while there is one.
class TraceStreams {
  public:
    explicit TraceStreams(Books& books) : books_(books) {}
    /// `process` not known: all.
    void add(Call call, ProcessId process);
    /// Hands over what the kernel side wrote. True while anybody follows.
    bool pump();

  private:
    struct Follower {
        Call call;
        ProcessId process;
    };
    void aim();

    Books& books_;
    std::list<Follower> followers_;
    std::list<ProcessId> aimed_;
};

}  // namespace sockdog
