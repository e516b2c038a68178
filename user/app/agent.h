// The agent: one loop that reads the books, detects, keeps incidents, journals, acts, and answers. Loop
// thread.
//
//   tick: gauges -> suspects -> walk -> findings -> incidents -> journal -> followers
//                                                       \-> remedies (one at a time)
//   A notice of the kernel side, and a dwell about to be reached, bring the next tick forward.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "app/call_sites.h"
#include "app/event_loop.h"
#include "app/streams.h"
#include "app/watch.h"
#include "base/proc_root.h"
#include "config/config.h"
#include "incident/book.h"
#include "owner/resolver.h"
#include "probe/books.h"
#include "query/varlink_server.h"
#include "query/views.h"
#include "remedy/engine.h"
#include "replay/sample_recorder.h"
#include "store/journal.h"

namespace sockdog {

class Agent {
  public:
    /// Opens the books, the journal and the control socket, and takes up where the last agent stopped.
    /// `helper_dir` has the programs that act for it, as sockdog-monit.
    static Result<std::unique_ptr<Agent>> create(EventLoop& loop, Config config,
                                                 const std::string& helper_dir);
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;
    ~Agent();

    /// Reads the configuration file anew; with an error the running configuration stays.
    Status reload();
    /// The end, as somebody asked for it: decides whether the books live on (books.pinned), for which systemd
    /// may be asked, two seconds at most. An agent that ends without it leaves them pinned.
    void leave();

  private:
    friend class Queries;
    Agent(EventLoop& loop, Config config, std::unique_ptr<Books> books, Journal journal);
    Status start(const std::string& helper_dir);
    void take_up_books();
    Status restore();
    void make_remedies(const std::string& helper_dir);

    void tick();
    void on_notices();
    void take_notice(const KernelEvent& event);
    void journal(std::vector<Revision> revisions);
    void on_remedy_report(const std::string& incident_id, const RemedyReport& report);
    void upkeep(const Now& now);
    void watch_losses(const Now& now);
    [[nodiscard]] bool sockets_outlived_somebody(const Now& now);
    void pump_streams();
    [[nodiscard]] OwnerState owner_state(const Incident& incident);
    [[nodiscard]] std::optional<ProcessId> running(const Incident& incident);
    [[nodiscard]] bool uncertain() const;
    /// When an operator last said release, as the journal has it.
    [[nodiscard]] std::optional<WallTime> released_at() const;

    EventLoop& loop_;
    Config config_;
    WallTime config_loaded_at_{};
    std::string config_error_;
    Now started_{};
    ProcRoot proc_;
    std::unique_ptr<Books> books_;
    OwnerResolver resolver_;
    SampleRecorder recorder_;
    Watch watch_;
    CallSites call_sites_;
    IncidentBook incidents_;
    Journal journal_;
    std::unique_ptr<RemedyEngine> remedies_;
    RevisionStreams revision_streams_;
    TraceStreams trace_streams_;
    std::unique_ptr<VarlinkServer> server_;
    EventLoop::Timer tick_timer_;
    EventLoop::Timer pump_timer_;

    std::set<ProcessId> urgent_;
    std::vector<KernelEvent> exits_;  // of processes whose sockets may have outlived them
    MonoTime last_sweep_{};
    MonoTime last_reconcile_{};
    MonoTime last_prune_{};
    std::uint64_t activity_at_sweep_ = 0;
    std::uint64_t unbooked_at_sweep_ = 0;
    LossCounters known_losses_;
    std::optional<MonoTime> lost_at_;
    bool journalled_ = true;  // the last revisions were written
};

}  // namespace sockdog
