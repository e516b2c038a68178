#include "app/call_sites.h"

#include <spdlog/spdlog.h>

#include "callsite/detect.h"

namespace sockdog {

bool CallSites::open() {
    if (tracer_) return true;
    if (refused_) return false;
    const auto opened = open_both();
    if (opened) return true;
    refused_ = true;
    tracer_.reset();
    spdlog::warn("lines of code that open connections are not known: {}", opened.error().message);
    return false;
}

Status CallSites::open_both() {
    names_ = std::make_unique<NameHelper>(NameHelperOptions{.program = program_},
                                          [this](CallSite site) { sites_.remember(std::move(site)); });
    if (auto opened = names_->open(); !opened) return opened;
    auto tracer = CallTracer::open(books_, CallTracerOptions{});
    if (!tracer) return tracer.error();
    tracer_ = std::move(tracer).value();
    if (auto listening = on_readable_(tracer_->fd(), [this] { drain(); }); !listening) return listening;
    return on_readable_(names_->fd(), [this] { names_->on_readable(); });
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
    if (names_) names_->turn(now);
    std::erase_if(watched_, [&](const auto& entry) {
        const auto& [process, watched] = entry;
        if (processes.contains(process) || now - watched.wanted < kLinger) return false;
        tracer_->unwatch(process);
        names_->process_ended(process);
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
    if (!tracer_) return;
    tracer_->drain(
        [this](const CallStack& stack) {
            if (!names_->ask(read_now().mono, stack))
                tracer_->forget(stack.id);  // too many: when it comes again
        },
        [this](const FollowEvent& event) {  // execs: children are not followed, they have counts of their own
            const auto found = watched_.find(event.process);
            if (found != watched_.end()) found->second.look_again = event.at + kAfterExec;
        });
}

const CallSite* CallSites::find(std::uint64_t call_site) const {
    return sites_.find(call_site);
}

std::optional<std::string> CallSites::about(ProcessId process) const {
    const auto found = watched_.find(process);
    if (found == watched_.end()) return std::nullopt;
    return found->second.about;
}

}  // namespace sockdog
