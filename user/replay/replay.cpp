#include "replay/replay.h"

#include <algorithm>

namespace sockdog {
namespace {

void shift(std::optional<MonoTime>& t, Duration by) {
    if (t) *t += by;
}

/// All processes short of ports or fds that nothing but what goes beyond the process makes a suspect.
bool is_short(const Now& now, ProcessId process, const Gauges& gauges,
              const SampledSurroundings& surroundings, double share) {
    std::uint64_t ports = 0;
    if (surroundings.host) {
        for (const Shortage& s : surroundings.host->shortages) {
            if (s.process == process && now.mono - s.last <= kShortageLasts) return true;
        }
        for (const auto& [netns, count] : surroundings.host->local_ports)
            ports = ports == 0 ? count : std::min<std::uint64_t>(ports, count);
    }
    return may_exhaust(gauges, surroundings.fds ? surroundings.fds->limit : 0, ports, share);
}

}  // namespace

void Replay::begin_run(const SampledTick& tick, const std::string& boot_id) {
    run_ = tick.run;
    numbers_.clear();
    watched_.clear();
    if (boot_id != boot_id_) alive_.clear();
    boot_id_ = boot_id;
}

void Replay::take_processes(const SampledTick& tick) {
    for (const SampledProcess& process : tick.processes) {
        const ProcessId id = process.owner.process;
        numbers_[process.number] = id;
        const auto [entry, fresh] = watched_.try_emplace(id);
        entry->second.owner = process.owner;
        if (fresh) entry->second.history.begin(process.since + line_.shift());
        if (alive_.insert(id).second) ++processes_;
    }
}

void Replay::take_gauges(const SampledTick& tick) {
    for (auto& [id, watched] : watched_) watched.fresh = false;
    for (const SampledGauges& gauges : tick.gauges) {
        const auto number = numbers_.find(gauges.process);
        const auto entry = number == numbers_.end() ? watched_.end() : watched_.find(number->second);
        if (entry == watched_.end()) continue;
        Watched& watched = entry->second;
        watched.history.add(gauges.at + line_.shift(), gauges.gauges);
        watched.gauges = gauges.gauges;
        watched.dense = gauges.dense;
        watched.fresh = true;
    }
    for (auto& [id, watched] : watched_) {
        // Nothing told of a suspect: nothing has changed.
        if (watched.dense) watched.history.add(tick.at + line_.shift(), watched.gauges);
    }
}

void Replay::detect_in(const Now& now, const SampledWalk& walk, Watched& watched) {
    std::vector<SocketRecord> sockets = watched.sockets.sockets(watched.owner.process);
    for (SocketRecord& s : sockets) {
        shift(s.opened, line_.shift());
        shift(s.state_since, line_.shift());
    }
    if (!watched.was_walked) ++walked_;
    watched.was_walked = true;
    const Policy& policy = policy_for(config_, watched.owner);
    watched.history.add_walk(walk.at + line_.shift(), sockets);
    Verdict verdict = detect(Scene{.now = now,
                                   .process = watched.owner.process,
                                   .history = &watched.history,
                                   .sockets = sockets,
                                   .limits = policy.limits,
                                   .host = watched.surroundings.host ? &*watched.surroundings.host : nullptr,
                                   .fds = watched.surroundings.fds});
    watched.findings = std::move(verdict.findings);
    watched.look_again = verdict.look_again;
    for (Finding& finding : watched.findings) {
        for (Victim& victim : finding.victims) {
            if (const Owner* known = owner(victim.process)) victim.name = known->display_name();
        }
    }
}

Status Replay::take_walks(const Now& now, const SampledTick& tick, std::set<ProcessId>& walked) {
    for (const SampledWalk& walk : tick.walks) {
        const auto number = numbers_.find(walk.process);
        const auto entry = number == numbers_.end() ? watched_.end() : watched_.find(number->second);
        if (entry == watched_.end()) continue;
        Watched& watched = entry->second;
        if (walk.surroundings) {
            auto surroundings = decode_surroundings(*walk.surroundings);
            if (!surroundings) return make_error("the samples are damaged: a walk cannot be read", EUCLEAN);
            watched.surroundings = std::move(*surroundings);
            if (watched.surroundings.host) {
                for (Shortage& s : watched.surroundings.host->shortages) {
                    s.first += line_.shift();
                    s.last += line_.shift();
                }
            }
        }
        switch (watched.sockets.apply(walk.at, walk.sockets)) {
            case SocketSetDecoder::Applied::kYes:
                break;
            case SocketSetDecoder::Applied::kNotYet:  // reading began in the middle: until it is told in full
                                                      // again
                continue;
            case SocketSetDecoder::Applied::kDamaged:
                return make_error("the samples are damaged: a walk cannot be read", EUCLEAN);
        }
        walked.insert(entry->first);
        if (!policy_for(config_, watched.owner).ignore) detect_in(now, walk, watched);
    }
    return Ok{};
}

bool Replay::is_suspect(const Now& now, const Watched& watched, const Limits& limits) const {
    if (sockdog::is_suspect(watched.history, limits)) return true;
    return limits.exhaustion.enabled && is_short(now, watched.owner.process, watched.gauges,
                                                 watched.surroundings, limits.exhaustion.share);
}

Result<Replay::Look> Replay::look(const SampledTick& tick, const std::string& boot_id) {
    Look look{.now = {line_.place(boot_id, tick.at, tick.wall), tick.wall},
              .observed = {},
              .blind = tick.blind,
              .uncertain = tick.uncertain,
              .new_run = tick.run != run_};
    if (look.new_run) begin_run(tick, boot_id);
    take_processes(tick);
    take_gauges(tick);
    std::set<ProcessId> walked;
    if (auto taken = take_walks(look.now, tick, walked); !taken) return taken.error();
    for (const SampledEnd& end : tick.ends) {
        const auto number = numbers_.find(end.process);
        if (number == numbers_.end()) continue;
        alive_.erase(number->second);
        watched_.erase(number->second);
    }
    for (auto& [process, watched] : watched_) {
        const bool is_quiet = watched.findings.empty() && !watched.look_again;
        if (is_quiet && !watched.dense && !watched.fresh && !walked.contains(process)) continue;
        const Policy& policy = policy_for(config_, watched.owner);
        const bool stays =
            walked.contains(process) || watched.look_again || is_suspect(look.now, watched, policy.limits);
        if (policy.ignore || !stays) {
            watched.findings.clear();
            watched.look_again.reset();
        }
        watched.history.trim(history_needed(policy.limits));
        for (const Finding& finding : watched.findings)
            look.observed.push_back({finding, watched.owner, policy.name, policy.hysteresis});
    }
    return look;
}

bool Replay::is_alive(ProcessId process) const {
    return alive_.contains(process);
}

const Owner* Replay::owner(ProcessId process) const {
    const auto entry = watched_.find(process);
    return entry == watched_.end() ? nullptr : &entry->second.owner;
}

std::uint32_t Replay::leaked(const std::string& stable_key) const {
    std::uint32_t leaked = 0;
    for (const auto& [process, watched] : watched_) {
        if (watched.findings.empty() || watched.owner.stable_key() != stable_key) continue;
        leaked += leaked_in(watched.findings);
    }
    return leaked;
}

}  // namespace sockdog
