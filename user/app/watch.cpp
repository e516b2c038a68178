#include "app/watch.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace sockdog {

void Watch::take_sample(const Now& now, const Config& config, const GaugeSample& sample) {
    Watched& watched = watched_[sample.process];
    watched.seen_in = turn_;
    if (watched.generation != generation_) {
        watched.generation = generation_;
        const Policy& policy = policy_for(config, resolver_.resolve(sample.process));
        const std::uint32_t wake = policy.limits.close_wait.wake;
        books_.set_wake_limit(sample.process, wake == config.defaults.limits.close_wait.wake ? 0 : wake);
    }
    watched.history.add(now.mono, sample.gauges);
}

bool Watch::walk_is_due(const Now& now, const Config& config, const Watched& watched, bool urgent) const {
    if (urgent || (watched.look_again && *watched.look_again <= now.mono)) return true;
    return watched.suspect && now.mono - watched.last_walk >= config.walk_interval;
}

void Watch::walk(const Now& now, const Policy& policy, ProcessId process, Watched& watched, Look& look) {
    watched.last_walk = now.mono;
    watched.look_again.reset();
    const auto sockets = books_.walk({.owner = process});
    walks_++;
    if (!sockets) {
        spdlog::warn("pid {}: {}", process.pid, sockets.error().message);
        look.blind = true;
        return;
    }
    watched.history.add_walk(now.mono, *sockets);
    const Scene scene{.now = now,
                      .process = process,
                      .history = &watched.history,
                      .sockets = *sockets,
                      .limits = policy.limits,
                      .host = nullptr,
                      .fds = {}};
    if (recorder_ != nullptr) recorder_->walk(scene, resolver_.resolve(process));
    Verdict verdict = detect(scene);
    watched.findings = std::move(verdict.findings);
    watched.look_again = verdict.look_again;
}

Watch::Look Watch::look(const Now& now, const Config& config, const std::set<ProcessId>& urgent) {
    Look look;
    turn_++;
    for (const GaugeSample& sample : books_.gauges())
        if (sample.process.known() && (sample.gauges.total() > 0 || watched_.contains(sample.process)))
            take_sample(now, config, sample);

    for (auto entry = watched_.begin(); entry != watched_.end();) {
        auto& [process, watched] = *entry;
        const bool gone = watched.seen_in != turn_;
        if (gone || (watched.history.gauges().back().gauges.total() == 0 && !resolver_.runs(process))) {
            resolver_.mark_dead(process);
            if (recorder_ != nullptr) recorder_->ended(now, process);
            entry = watched_.erase(entry);
            continue;
        }
        ++entry;
        const Policy* policy = &policy_for(config, resolver_.resolve(process));
        watched.suspect = !policy->ignore && sockdog::is_suspect(watched.history, policy->limits);
        if (recorder_ != nullptr)
            recorder_->gauges(now, resolver_.resolve(process), watched.history, watched.suspect);
        const bool is_urgent = urgent.contains(process);
        if (policy->ignore || (!watched.suspect && !watched.look_again && !is_urgent)) {
            watched.findings.clear();
            watched.look_again.reset();
        } else if (walk_is_due(now, config, watched, is_urgent)) {
            // It may have been another program when it was first seen: exec keeps the process.
            policy = &policy_for(config, resolver_.refresh(process));
            walk(now, *policy, process, watched, look);
        }
        watched.history.trim(history_needed(policy->limits));
        for (const Finding& finding : watched.findings)
            look.observed.push_back({finding, resolver_.resolve(process), policy->name, policy->hysteresis});
        if (watched.look_again && (!look.again || *watched.look_again < *look.again))
            look.again = watched.look_again;
    }
    return look;
}

std::uint32_t Watch::leaked(const std::string& stable_key) {
    std::uint32_t leaked = 0;
    for (const auto& [process, watched] : watched_) {
        if (watched.findings.empty() || resolver_.resolve(process).stable_key() != stable_key) continue;
        if (!resolver_.runs(process)) continue;  // its last findings outlive it by a turn
        for (const Finding& finding : watched.findings) leaked += finding.leaked;
    }
    return leaked;
}

bool Watch::is_suspect(ProcessId process) const {
    const auto found = watched_.find(process);
    return found != watched_.end() && found->second.suspect;
}

}  // namespace sockdog
