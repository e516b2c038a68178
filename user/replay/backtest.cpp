#include "replay/backtest.h"

#include <algorithm>
#include <map>

#include "remedy/engine.h"
#include "remedy/target.h"
#include "replay/replay.h"
#include "replay/sample_recorder.h"

namespace sockdog {
namespace {

/// Everything is told anew within the hour; a quarter more, and the detectors have their history, too.
constexpr Duration kWarmUp = SampleRecorder::kWholeEvery + 15min;

/// Names the target, and is never asked to act: every policy is a dry run.
class NoActuator : public Actuator {
  public:
    void start(const Incident&, const RemedyPolicy&, Done done) override {
        done(make_error("a backtest does not act"));
    }
    [[nodiscard]] std::string target(const Incident& incident, const RemedyPolicy& policy) const override {
        return describe_target(incident, policy);
    }
};

void make_dry(Config& config) {
    config.remedies.after_boot = {};  // when the host started is not in the samples
    config.defaults.remedy.dry_run = true;
    for (Policy& policy : config.policies) policy.remedy.dry_run = true;
}

/// Replay, incidents and remedies in step, as Agent::tick() has them.
class Bench {
  public:
    Bench(const Config& config, std::optional<WallTime> since)
        : config_(config), since_(since), replay_(config), book_(config.defaults.hysteresis) {}

    Status take(const SampledTick& tick, const std::string& boot_id);
    Backtest finish();

  private:
    void begin_run();
    void make_engine();
    void keep(const std::vector<Revision>& revisions);
    void report(const std::string& id, const RemedyReport& report);
    void count_time(const SampledTick& tick, bool new_run);

    const Config& config_;
    std::optional<WallTime> since_;
    Replay replay_;
    IncidentBook book_;
    std::unique_ptr<RemedyEngine> engine_;
    Now now_{};
    bool uncertain_ = false;
    std::uint64_t next_id_ = 1;
    std::map<std::uint64_t, BacktestIncident> incidents_;  // by the number of their id
    std::optional<WallTime> first_;
    std::optional<MonoTime> before_;
    Backtest result_;
};

std::uint64_t number_of(const std::string& id) {
    return std::stoull(id.substr(1));  // of a book of our own: "i1", "i2"
}

void Bench::make_engine() {
    std::map<RemedyAction, std::unique_ptr<Actuator>> actuators;
    for (const RemedyAction action :
         {RemedyAction::kSystemdRestart, RemedyAction::kCommand, RemedyAction::kMonitRestart})
        actuators[action] = std::make_unique<NoActuator>();
    RemedyHooks hooks;
    hooks.report = [this](const std::string& id, const RemedyReport& r) { report(id, r); };
    hooks.identify = [this](ProcessId process) -> Result<Owner> {
        const Owner* const owner = replay_.is_alive(process) ? replay_.owner(process) : nullptr;
        if (owner == nullptr) return make_error("process " + std::to_string(process.pid) + " is gone", ESRCH);
        return *owner;
    };
    hooks.observe = [this](const Incident& incident) {
        return OwnerState{.process = incident.latest.process,
                          .leaked = replay_.leaked(incident.owner.stable_key())};
    };
    hooks.uncertain = [this] { return uncertain_; };
    engine_ = std::make_unique<RemedyEngine>(std::move(actuators), config_.remedies, std::move(hooks));
}

/// As a restarted agent takes up its journal: what is open stays so until it was looked for.
void Bench::begin_run() {
    ++result_.runs;
    const std::vector<Incident> open = book_.open_incidents();
    book_ = IncidentBook(config_.defaults.hysteresis);
    book_.restore(open, next_id_);
    make_engine();
    engine_->restore(open);
}

void Bench::keep(const std::vector<Revision>& revisions) {
    for (const Revision& revision : revisions) {
        const std::uint64_t number = number_of(revision.incident.id);
        next_id_ = std::max(next_id_, number + 1);
        incidents_[number].incident = revision.incident;
    }
}

void Bench::report(const std::string& id, const RemedyReport& report) {
    static_cast<void>(book_.add_remedy(now_, id, report));
    if (since_ && now_.wall < *since_) return;
    BacktestIncident& entry = incidents_[number_of(id)];
    if (report.outcome == RemedyOutcome::kHeld) entry.held.push_back(report);
    if (report.outcome != RemedyOutcome::kDryRun) return;
    if (entry.fired)
        ++entry.again;
    else
        entry.fired = report;
}

void Bench::count_time(const SampledTick& tick, bool new_run) {
    if (since_ && tick.wall < *since_) return;
    if (!first_) first_ = tick.wall;
    result_.to = tick.wall;
    if (before_ && !new_run) result_.watched += now_.mono - *before_;
    before_ = now_.mono;
}

Status Bench::take(const SampledTick& tick, const std::string& boot_id) {
    auto look = replay_.look(tick, boot_id);
    if (!look) return look.error();
    now_ = look->now;
    uncertain_ = look->uncertain;
    if (look->new_run) begin_run();
    count_time(tick, look->new_run);
    keep(book_.update(
        now_, look->observed, [this](ProcessId process) { return replay_.is_alive(process); }, look->blind));
    std::vector<std::pair<Incident, RemedyPolicy>> open;
    for (Incident& incident : book_.open_incidents()) {
        RemedyPolicy policy = policy_for(config_, incident.owner).remedy;
        open.emplace_back(std::move(incident), std::move(policy));
    }
    engine_->tick(now_, open);
    return Ok{};
}

Backtest Bench::finish() {
    for (const Incident& incident : book_.open_incidents())
        incidents_[number_of(incident.id)].incident = incident;
    for (auto& [number, entry] : incidents_) {
        const auto& resolved = entry.incident.resolved_at;
        if (since_ && resolved && *resolved < *since_) continue;
        result_.incidents.push_back(std::move(entry));
    }
    result_.from = first_.value_or(result_.to);
    result_.processes = replay_.processes();
    result_.walked = replay_.walked();
    return std::move(result_);
}

}  // namespace

std::size_t Backtest::fired() const {
    return static_cast<std::size_t>(
        std::count_if(incidents.begin(), incidents.end(),
                      [](const BacktestIncident& one) { return one.fired.has_value(); }));
}

Result<Backtest> backtest(Config config, SampleReader& samples, std::optional<WallTime> since) {
    make_dry(config);
    const auto span = samples.span();
    if (!span) return span.error();
    if (!*span) return make_error("there are no samples in it yet", ENODATA);
    if (since && (*span)->last < *since) {
        return make_error("there are no samples since " + format_rfc3339(*since) + "; the newest is of " +
                              format_rfc3339((*span)->last),
                          ENODATA);
    }
    if (since) {
        const auto warm_up = std::chrono::duration_cast<WallTime::duration>(kWarmUp);
        if (auto found = samples.seek(*since - warm_up); !found) return found.error();
    }
    Bench bench(config, since);
    SampledTick tick;
    while (true) {
        const auto more = samples.next(tick);
        if (!more) return more.error();
        if (!*more) return bench.finish();
        if (auto taken = bench.take(tick, samples.boot_id()); !taken) return taken.error();
    }
}

}  // namespace sockdog
