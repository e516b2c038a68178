#include "app/call_sites.h"

#include <spdlog/spdlog.h>

#include "callsite/detect.h"

namespace sockdog {

bool CallSites::open() {
    if (tracer_) return true;
    if (refused_) return false;
    auto tracer = CallTracer::open(books_, CallTracerOptions{});
    Status listening = Ok{};
    if (tracer) listening = on_readable_((*tracer)->fd(), [this] { drain(); });
    if (!tracer || !listening) {
        refused_ = true;
        spdlog::warn("lines of code that open connections are not known: {}",
                     tracer ? listening.error().message : tracer.error().message);
        return false;
    }
    tracer_ = std::move(tracer).value();
    return true;
}

void CallSites::watch(MonoTime now, ProcessId process) {
    const Detection detection = detect_runtime(process, proc_);
    if (const Status watched = tracer_->watch(process, detection.layout); !watched) {
        spdlog::warn("pid {}: its call sites are not watched: {}", process.pid, watched.error().message);
        return;
    }
    std::string about = detection.what;
    if (!detection.unknown_because.empty()) about += "; no lines are known: " + detection.unknown_because;
    spdlog::debug("pid {}: call sites are watched ({})", process.pid, about);
    watched_[process] = {now, std::move(about), std::nullopt};
}

void CallSites::want(MonoTime now, const std::set<ProcessId>& processes) {
    std::erase_if(watched_, [&](const auto& entry) {
        const auto& [process, watched] = entry;
        if (processes.contains(process) || now - watched.wanted < kLinger) return false;
        tracer_->unwatch(process);
        resolver_.process_ended(process);
        return true;
    });
    std::size_t fresh = 0;
    for (const ProcessId& process : processes) {
        const auto found = watched_.find(process);
        if (found != watched_.end()) {
            found->second.wanted = now;
            if (!found->second.look_again || *found->second.look_again > now) continue;
        } else if (watched_.size() == kMostProcesses) {
            continue;
        }
        if (fresh == kNewEachTurn || !open()) break;
        fresh++;
        watch(now, process);
    }
}

void CallSites::drain() {
    tracer_->drain(
        [this](const CallStack& stack) { resolver_.resolve(stack); },
        [this](const FollowEvent& event) {  // execs: children are not followed, they have counts of their own
            const auto found = watched_.find(event.process);
            if (found != watched_.end()) found->second.look_again = event.at + kAfterExec;
        });
}

const CallSite* CallSites::find(std::uint64_t call_site) const {
    return resolver_.find(call_site);
}

std::optional<std::string> CallSites::about(ProcessId process) const {
    const auto found = watched_.find(process);
    if (found == watched_.end()) return std::nullopt;
    return found->second.about;
}

}  // namespace sockdog
