// Where the sockets of suspects are opened: has their stacks told by the kernel, and named by a process of
// its own, for as long as they are under suspicion. Costs nothing before the first one. Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "base/proc_root.h"
#include "base/process_id.h"
#include "base/time.h"
#include "callsite/known_sites.h"
#include "naming/name_helper.h"
#include "probe/books.h"
#include "probe/call_tracer.h"

namespace sockdog {

class CallSites {
  public:
    /// Kept under watch after it was wanted last: a suspicion comes and goes.
    static constexpr Duration kLinger = 10min;
    static constexpr std::size_t kMostProcesses = 256;
    static constexpr std::size_t kMostSites = 16384;
    /// Finding out what runs in a process takes milliseconds: so many a turn, the others in the next.
    static constexpr std::size_t kNewEachTurn = 4;
    /// From an exec to finding out what runs now: an interpreter has to begin first.
    static constexpr Duration kAfterExec = 2s;

    using OnReadable = std::function<Status(int fd, std::function<void()> callback)>;
    /// Both outlive it. `on_readable` is asked when the first process is watched, and once for an fd.
    CallSites(const Books& books, const ProcRoot& proc, OnReadable on_readable)
        : books_(books), proc_(proc), on_readable_(std::move(on_readable)) {}
    /// Path of sockdog-names, before the first want().
    void name_by(std::string program) { program_ = std::move(program); }

    /// Once a turn: whose call sites are wanted now.
    void want(MonoTime now, const std::set<ProcessId>& processes);
    /// Null for 0, and for what was never seen, has no names yet, or was forgotten.
    [[nodiscard]] const CallSite* find(std::uint64_t call_site) const;
    /// A sentence for people about a process that is watched: what runs in it, and why its lines are not
    /// known.
    [[nodiscard]] std::optional<std::string> about(ProcessId process) const;

  private:
    struct Watched {
        MonoTime wanted;
        std::string about;
        std::optional<MonoTime> look_again;  // it runs another program since
    };
    /// False where the kernel does not offer it, which is told once.
    bool open();
    Status open_both();
    void watch(MonoTime now, ProcessId process);
    void drain();

    const Books& books_;
    const ProcRoot& proc_;
    OnReadable on_readable_;
    std::unique_ptr<CallTracer> tracer_;
    std::string program_;
    std::unique_ptr<NameHelper> names_;
    KnownSites sites_{kMostSites};
    std::unordered_map<ProcessId, Watched> watched_;
    bool refused_ = false;
};

}  // namespace sockdog
