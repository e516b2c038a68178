#include "replay/sample_recorder.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "store/sample_codec.h"

namespace sockdog {
namespace {

/// How far back the past of a new suspect is told: the default limits look back ten minutes
/// (history_needed()).
constexpr Duration kPast = 15min;
constexpr Duration kHeartbeat = 1min;
constexpr Duration kRetry = 1min;
constexpr Duration kPruneEvery = 1h;

bool same(const Owner& a, const Owner& b) {
    return a.comm == b.comm && a.executable == b.executable && a.command_line == b.command_line &&
           a.uid == b.uid && a.cgroup == b.cgroup && a.unit == b.unit && a.user_unit == b.user_unit &&
           a.container_id == b.container_id && a.pod_uid == b.pod_uid && a.bosh_job == b.bosh_job &&
           a.bpm_process == b.bpm_process;
}

}  // namespace

SampleRecorder::SampleRecorder(std::filesystem::path file, std::string boot_id, SamplesSettings settings)
    : file_(std::move(file)), boot_id_(std::move(boot_id)), settings_(settings) {}

void SampleRecorder::set_settings(SamplesSettings settings) {
    if (!settings.enabled) {
        store_.reset();
        forget();
    }
    settings_ = settings;
}

SampleRecorder::Recorded& SampleRecorder::recorded(MonoTime at, const Owner& owner) {
    const auto [entry, fresh] = processes_.try_emplace(owner.process);
    if (fresh) entry->second.first_seen = at;
    return entry->second;
}

void SampleRecorder::tell_owner(MonoTime at, Recorded& process, const Owner& owner,
                                const ProcessHistory& history) {
    if (process.number != 0 && same(process.owner, owner)) return;
    const bool first = process.number == 0;
    process.number = next_number_++;
    process.owner = owner;
    turn_.processes.push_back(
        {.number = process.number, .since = first ? history.since().value_or(at) : at, .owner = owner});
}

void SampleRecorder::tell_gauges(Recorded& process, MonoTime at, const Gauges& gauges, bool dense) {
    process.gauges = gauges;
    process.last_gauges = at;
    turn_.gauges.push_back({.process = process.number, .at = at, .gauges = gauges, .dense = dense});
}

/// A row for each point of the history: also those whose gauges stayed as they were, since no tick may tell
/// of them.
void SampleRecorder::tell_past(const Now& now, Recorded& process, const ProcessHistory& history) {
    for (const GaugePoint& point : history.gauges()) {
        if (point.at < now.mono && point.at >= now.mono - kPast && point.at > process.past_told)
            tell_gauges(process, point.at, point.gauges, false);
    }
    process.past_told = now.mono;
}

void SampleRecorder::gauges(const Now& now, const Owner& owner, const ProcessHistory& history, bool suspect) {
    if (!settings_.enabled || retry_at_ || history.gauges().empty()) return;
    Recorded& process = recorded(now.mono, owner);
    const Gauges& latest = history.gauges().back().gauges;
    const Duration since_told = now.mono - process.last_gauges;
    const bool changed = !process.gauges || *process.gauges != latest || since_told >= kWholeEvery;
    if (!suspect && !process.dense) {
        // Not at once: most processes of a busy host end within the first minute.
        const Duration waited = process.gauges ? since_told : now.mono - process.first_seen;
        if (!changed || waited < kThinned) return;
        if (!process.gauges && latest.total() < kFewestSockets) return;
        tell_owner(now.mono, process, owner, history);
        return tell_gauges(process, now.mono, latest, false);
    }
    const bool turned = suspect != process.dense;
    tell_owner(now.mono, process, owner, history);
    if (turned && suspect) tell_past(now, process, history);
    if (turned || changed) tell_gauges(process, now.mono, latest, suspect);
    if (turned && !suspect) {
        process.sockets = {};
        process.last_whole.reset();
    }
    if (suspect) process.past_told = now.mono;
    if (turned) dense_ += suspect ? 1 : static_cast<std::size_t>(-1);
    process.dense = suspect;
}

void SampleRecorder::walk(const Scene& scene, const Owner& owner) {
    if (!settings_.enabled || retry_at_) return;
    const MonoTime at = scene.now.mono;
    Recorded& process = recorded(at, owner);
    tell_owner(at, process, owner, scene.history != nullptr ? *scene.history : ProcessHistory());
    if (!process.dense && scene.history != nullptr && !scene.history->gauges().empty()) {
        tell_past(scene.now, process, *scene.history);
        tell_gauges(process, at, scene.history->gauges().back().gauges, false);
    }
    const bool whole = !process.dense || !process.last_whole || at - *process.last_whole >= kWholeEvery;
    if (whole) process.last_whole = at;
    SampledWalk walk{process.number, at, process.sockets.encode(at, scene.sockets, whole), std::nullopt};
    std::string surroundings = encode_surroundings(scene);
    if (whole || surroundings != process.surroundings) walk.surroundings = surroundings;
    process.surroundings = std::move(surroundings);
    turn_.walks.push_back(std::move(walk));
}

void SampleRecorder::ended(const Now& now, ProcessId process) {
    const auto entry = processes_.find(process);
    if (entry == processes_.end()) return;
    if (entry->second.dense) --dense_;
    if (entry->second.number != 0) turn_.ends.push_back({entry->second.number, now.mono});
    processes_.erase(entry);
}

void SampleRecorder::end_turn(const Now& now, const Turn& turn) {
    if (!settings_.enabled || (retry_at_ && now.mono < *retry_at_)) return;
    retry_at_.reset();
    const bool news =
        !turn_.processes.empty() || !turn_.gauges.empty() || !turn_.walks.empty() || !turn_.ends.empty();
    // While there is a suspect each turn counts: that its gauges stayed as they were is evidence, too.
    const bool counts = dense_ > 0 || turn.blind || std::exchange(incidents_were_open_, turn.incidents_open);
    if (!news && !counts && now.mono - last_tick_ < kHeartbeat) return;
    turn_.at = now.mono;
    turn_.wall = now.wall;
    turn_.blind = turn.blind;
    turn_.uncertain = turn.uncertain;
    if (auto stored = store(now); !stored) return fail(now, stored.error());
    if (failure_ != 0) spdlog::info("samples are recorded again");
    failure_ = 0;
    last_tick_ = now.mono;
    turn_ = {};
}

Status SampleRecorder::store(const Now& now) {
    if (!store_) {
        auto opened = SampleStore::open(file_, thorough_);
        if (!opened) return opened.error();
        store_ = std::move(*opened);
        thorough_ = false;
        last_prune_ = {};
    }
    if (run_ == 0) {
        const auto run = store_->begin_run(boot_id_);
        if (!run) return run.error();
        run_ = *run;
    }
    turn_.run = run_;
    if (auto pruned = prune(now); !pruned) return pruned;
    return store_->write(turn_);
}

Status SampleRecorder::prune(const Now& now) {
    if (now.mono - last_prune_ >= kPruneEvery) {
        last_prune_ = now.mono;
        const auto keep = std::chrono::duration_cast<WallTime::duration>(settings_.keep);
        if (auto pruned = store_->prune(now.wall - keep); !pruned) return pruned;
    }
    const auto shrunk = store_->shrink(settings_.max_bytes);
    return shrunk ? Status(Ok{}) : Status(shrunk.error());
}

/// What was not written is lost, so that a new run begins: to a reader, nobody watched meanwhile.
void SampleRecorder::fail(const Now& now, const Error& error) {
    const int cause = error.code == 0 ? EIO : error.code;
    if (cause != failure_)
        spdlog::warn("samples are not recorded, 'sockdog backtest' will miss them: {}", error.message);
    failure_ = cause;
    thorough_ = cause == EUCLEAN;
    store_.reset();
    forget();
    retry_at_ = now.mono + kRetry;
}

void SampleRecorder::forget() {
    run_ = 0;
    next_number_ = 1;
    dense_ = 0;
    processes_.clear();
    turn_ = {};
}

}  // namespace sockdog
