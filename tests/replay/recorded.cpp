#include "recorded.h"

#include <algorithm>
#include <sstream>

namespace sockdog::testing {
namespace {

/// Where the simulator's clock starts.
constexpr MonoTime kSimulatorStart{1000h};

std::string supply_in_words(const std::optional<Supply>& supply) {
    if (!supply) return "-";
    std::ostringstream words;
    words << supply->used << '/' << supply->limit << ' ' << supply->growth_per_minute;
    if (supply->runs_out) words << " in " << supply->runs_out->earliest.count();
    return words.str();
}

}  // namespace

Owner owner_of(ProcessId process) {
    Owner owner;
    owner.process = process;
    owner.comm = "monitor";
    owner.executable = "/opt/monitor";
    owner.unit = "monitor.service";
    owner.cgroup = "/system.slice/monitor.service";
    return owner;
}

std::string in_words(const std::vector<Finding>& findings) {
    std::ostringstream words;
    for (const Finding& f : findings) {
        words << to_string(f.leak_class) << ' ' << to_string(f.severity) << ' ' << f.process.pid << ' '
              << f.endpoint.to_string() << ' ' << f.netns << ' ' << f.leaked << ' ' << f.close_wait << ' '
              << f.established << ' ' << f.idle << ' ' << f.oldest_dwell.count() << ' ' << f.slope_per_minute
              << ' ' << f.window.count() << ' ' << f.opened_in_window << ' ' << f.closed_in_window << ' '
              << f.recv_queue_median << ' ' << f.recv_queue_max << ' ' << f.requests_per_connection << ' '
              << f.busy_median.count() << ' ' << f.growing_windows << ' ' << f.plateau_age.count() << ' '
              << f.failures << ' ' << f.victims.size() << ' ' << supply_in_words(f.ports) << ' '
              << supply_in_words(f.fds) << '\n';
    }
    return words.str();
}

std::string in_words(const std::vector<Observed>& observed) {
    std::vector<Finding> findings;
    for (const Observed& one : observed) findings.push_back(one.finding);
    return in_words(findings);
}

Recorded::Recorded(std::filesystem::path file, Config config, std::string boot, WallTime start)
    : simulator(SimOptions{.limits = config.defaults.limits}),
      file_(std::move(file)),
      config_(std::move(config)),
      boot_(std::move(boot)),
      start_(start),
      recorder_(file_, boot_, config_.samples),
      book_(config_.defaults.hysteresis) {}

Now Recorded::now() const {
    return {kSimulatorStart + simulator.elapsed(),
            start_ + std::chrono::duration_cast<WallTime::duration>(simulator.elapsed())};
}

void Recorded::run(Duration end, const Simulator::Script& script) {
    simulator.blind(true);  // this is the watch here
    simulator.run(end, [&](Simulator& s) {
        script(s);
        const bool again = look_again_ && *look_again_ <= now().mono;
        if (s.elapsed() < next_tick_ && !again) return;
        if (s.elapsed() >= next_tick_) next_tick_ = s.elapsed() + config_.tick;
        turn();
    });
}

/// As Watch::look(), for one process.
void Recorded::turn() {
    const Now now = this->now();
    const Limits& limits = config_.defaults.limits;
    history_.add(now.mono, simulator.gauges());
    const bool suspect = is_suspect(history_, limits);
    recorder_.gauges(now, owner_of(process_), history_, suspect);
    if (!suspect && !look_again_) {
        findings_.clear();
    } else if ((look_again_ && *look_again_ <= now.mono) ||
               (suspect && now.mono - last_walk_ >= config_.walk_interval)) {
        last_walk_ = now.mono;
        ++walks;
        std::vector<SocketRecord> sockets = simulator.sockets();
        for (SocketRecord& s : sockets) s.owner = process_;
        history_.add_walk(now.mono, sockets);
        HostUse host;
        host.tuples = count_ports(sockets);
        for (const auto& [tuple, use] : host.tuples) host.local_ports[tuple.netns] = local_ports;
        for (auto& [tuple, use] : host.tuples) use.used += 7;  // of somebody else
        host.shortages = shortages;
        const Scene scene{.now = now,
                          .process = process_,
                          .history = &history_,
                          .sockets = sockets,
                          .limits = limits,
                          .host = local_ports == 0 ? nullptr : &host,
                          .fds = FdUse{sockets.size() + 10, fd_limit}};
        recorder_.walk(scene, owner_of(process_));
        const Verdict verdict = detect(scene);
        findings_ = verdict.findings;
        look_again_ = verdict.look_again;
    }
    history_.trim(history_needed(limits));
    std::vector<Observed> observed;
    for (const Finding& finding : findings_) observed.push_back({finding, owner_of(process_), "default", {}});
    if (!observed.empty()) told.push_back({now.wall, in_words(observed)});
    for (Revision& revision :
         book_.update(now, observed, [&](ProcessId process) { return process == process_; }))
        revisions.push_back(std::move(revision));
    recorder_.end_turn(now, {.incidents_open = !book_.open_incidents().empty()});
}

void Recorded::process_is_replaced_by(ProcessId process) {
    recorder_.ended(now(), process_);
    process_ = process;
    history_ = {};
    findings_.clear();
    look_again_.reset();
}

void Recorded::unwatched_until(Duration end, const Simulator::Script& script) {
    simulator.blind(true);
    simulator.run(end, script);
    next_tick_ = end;
    restart_agent();
}

void Recorded::restart_agent() {
    history_ = {};
    findings_.clear();
    look_again_.reset();
    recorder_ = SampleRecorder(file_, boot_, config_.samples);
}

}  // namespace sockdog::testing
