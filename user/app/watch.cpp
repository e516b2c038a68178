#include "app/watch.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

namespace sockdog {

void Watch::take_sample(const Now& now, const Config& config, const GaugeSample& sample) {
    const auto [entry, fresh] = watched_.try_emplace(sample.process);
    Watched& watched = entry->second;
    watched.seen_in = turn_;
    if (fresh && books_.keeping().taken_over) {
        // Of a clock that also counts sleep: never too early.
        const MonoTime born(Duration(10ms) * static_cast<Duration::rep>(sample.process.start_ticks));
        watched.history.begin(std::min(now.mono, std::max(books_.since(), born)));
    }
    if (watched.generation != generation_) {
        watched.generation = generation_;
        const Policy& policy = policy_for(config, resolver_.resolve(sample.process));
        const std::uint32_t wake = policy.limits.close_wait.wake;
        books_.set_wake_limit(sample.process, wake == config.defaults.limits.close_wait.wake ? 0 : wake);
    }
    watched.history.add(now.mono, sample.gauges);
}

/// Victims and openers, as people know them.
void Watch::name_others(std::vector<Finding>& findings) {
    for (Finding& finding : findings) {
        for (Victim& victim : finding.victims) victim.name = resolver_.resolve(victim.process).display_name();
        if (finding.opener_pid == 0) continue;
        const auto opener = proc_.identify(finding.opener_pid);
        if (opener) finding.opener_name = resolver_.resolve(*opener).display_name();
    }
}

bool Watch::walk_is_due(const Now& now, const Config& config, const Watched& watched) const {
    if (watched.urgent || (watched.look_again && *watched.look_again <= now.mono)) return true;
    return watched.suspect && now.mono - watched.last_walk >= config.walk_interval;
}

/// A handover by somebody who has ended meanwhile is none of a leak: a program that turned into a daemon.
void Watch::complete(ProcessId process, std::vector<SocketRecord>& sockets) const {
    std::map<std::uint32_t, bool> runs;
    for (SocketRecord& socket : sockets) {
        if (socket.opener_pid == 0) continue;
        const auto [entry, fresh] = runs.try_emplace(socket.opener_pid);
        if (fresh) {
            // Another process may have its pid by now; that one is younger than the heir.
            const auto opener = proc_.identify(socket.opener_pid);
            entry->second = opener && opener->start_ticks <= process.start_ticks;
        }
        if (!entry->second) socket.opener_pid = 0;
    }
}

/// One walk over all sockets where many processes are due: each walk reads the whole table, whoever it is
/// for.
void Watch::walk_together(const Now& now, const Config& config) {
    constexpr std::ptrdiff_t kMany = 4;
    together_.reset();
    const auto due = std::count_if(watched_.begin(), watched_.end(),
                                   [&](const auto& entry) { return walk_is_due(now, config, entry.second); });
    if (due < kMany || throttle_.refuse(now.mono)) return;
    const Duration before = thread_cpu_time();
    auto all = books_.walk({});
    walks_++;
    if (all) {
        auto& by_owner = together_.emplace();
        for (const SocketRecord& socket : *all) by_owner[socket.owner].push_back(socket);
    }
    throttle_.charge(now.mono, thread_cpu_time() - before);
}

Result<std::vector<SocketRecord>> Watch::sockets_of(ProcessId process) {
    if (together_) return std::move((*together_)[process]);
    walks_++;
    return books_.walk({.owner = process});
}

void Watch::walk(const Now& now, const Policy& policy, ProcessId process, Watched& watched, Look& look) {
    watched.last_walk = now.mono;
    watched.look_again.reset();
    watched.urgent = false;
    auto sockets = sockets_of(process);
    if (!sockets) {
        spdlog::warn("pid {}: {}", process.pid, sockets.error().message);
        look.blind = true;
        return;
    }
    complete(process, *sockets);
    host_.learn_ports(now, *sockets);
    watched.history.add_walk(now.mono, *sockets);
    const Scene scene{.now = now,
                      .process = process,
                      .history = &watched.history,
                      .sockets = *sockets,
                      .limits = policy.limits,
                      .host = &host_.use(),
                      .fds = host_.fds(process)};
    if (recorder_ != nullptr) recorder_->walk(scene, resolver_.resolve(process));
    Verdict verdict = detect(scene);
    watched.findings = std::move(verdict.findings);
    watched.look_again = verdict.look_again;
    name_others(watched.findings);
    find_places(watched.findings, *sockets, place_of_);
}

bool Watch::wants_call_sites(const Policy& policy, const Watched& watched) {
    if (policy.ignore || policy.call_sites == CallSiteWatch::kNever) return false;
    return policy.call_sites == CallSiteWatch::kAlways || watched.suspect || !watched.findings.empty();
}

Watch::Look Watch::look(const Now& now, const Config& config, const std::set<ProcessId>& urgent) {
    Look look;
    turn_++;
    throttle_.set_share(config.cpu_share);
    const std::vector<GaugeSample> samples = books_.gauges();
    if (host_.is_due(now, config, samples) && !throttle_.refuse(now.mono)) {
        const Duration before = thread_cpu_time();
        look.blind = !host_.look(now, config);
        throttle_.charge(now.mono, thread_cpu_time() - before);
    }
    for (const GaugeSample& sample : samples)
        if (sample.process.known() &&
            (sample.gauges.total() > 0 || watched_.contains(sample.process) || host_.wants(sample.process)))
            take_sample(now, config, sample);
    walk_together(now, config);

    for (auto entry = watched_.begin(); entry != watched_.end();) {
        auto& [process, watched] = *entry;
        const bool gone = watched.seen_in != turn_;
        if (gone || (watched.history.gauges().back().gauges.total() == 0 && !host_.wants(process) &&
                     !resolver_.runs(process))) {
            resolver_.mark_dead(process);
            host_.forget(process);
            if (recorder_ != nullptr) recorder_->ended(now, process);
            entry = watched_.erase(entry);
            continue;
        }
        ++entry;
        const Policy* policy = &policy_for(config, resolver_.resolve(process));
        watched.suspect = !policy->ignore && is_suspect(now, process, watched, policy->limits);
        if (recorder_ != nullptr)
            recorder_->gauges(now, resolver_.resolve(process), watched.history, watched.suspect);
        watched.urgent = watched.urgent || urgent.contains(process);
        if (policy->ignore || (!watched.suspect && !watched.look_again && !watched.urgent)) {
            watched.findings.clear();
            watched.look_again.reset();
            watched.urgent = false;
        } else if (walk_is_due(now, config, watched)) {
            if (const auto later = throttle_.refuse(now.mono)) {
                watched.look_again = later;
            } else {
                const Duration before = thread_cpu_time();
                // It may have been another program when it was first seen: exec keeps the process.
                policy = &policy_for(config, resolver_.refresh(process));
                walk(now, *policy, process, watched, look);
                throttle_.charge(now.mono, thread_cpu_time() - before);
            }
        }
        if (wants_call_sites(*policy, watched)) look.call_sites.insert(process);
        watched.history.trim(history_needed(policy->limits));
        for (const Finding& finding : watched.findings)
            look.observed.push_back({finding, resolver_.resolve(process), policy->name, policy->hysteresis});
        if (watched.look_again && (!look.again || *watched.look_again < *look.again))
            look.again = watched.look_again;
    }
    together_.reset();
    return look;
}

bool Watch::is_suspect(const Now& now, ProcessId process, const Watched& watched, const Limits& limits) {
    if (sockdog::is_suspect(watched.history, limits)) return true;
    if (!limits.exhaustion.enabled) return false;
    if (host_.wants(process)) return true;
    const Gauges& gauges = watched.history.gauges().back().gauges;
    return host_.is_near_limit(now, {process, "", gauges}, limits.exhaustion.share);
}

std::uint32_t Watch::leaked(const std::string& stable_key) {
    std::uint32_t leaked = 0;
    for (const auto& [process, watched] : watched_) {
        if (watched.findings.empty() || resolver_.resolve(process).stable_key() != stable_key) continue;
        if (!resolver_.runs(process)) continue;  // its last findings outlive it by a turn
        leaked += leaked_in(watched.findings);
    }
    return leaked;
}

bool Watch::is_suspect(ProcessId process) const {
    const auto found = watched_.find(process);
    return found != watched_.end() && found->second.suspect;
}

}  // namespace sockdog
