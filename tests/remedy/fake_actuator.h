// An actuator whose answers the test gives, and an engine in a world that the test arranges.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "remedy/engine.h"
#include "remedy/fixtures.h"

namespace sockdog::testing {

struct FakeActuator final : Actuator {
    struct Start {
        Incident incident;
        RemedyPolicy policy;
        Done done;
    };
    std::vector<Start>* starts;
    std::function<void()> on_start;

    explicit FakeActuator(std::vector<Start>* into, std::function<void()> then)
        : starts(into), on_start(std::move(then)) {}
    void start(const Incident& incident, const RemedyPolicy& policy, Done done) override {
        on_start();
        starts->push_back({incident, policy, std::move(done)});
    }
    [[nodiscard]] std::string target(const Incident& incident,
                                     const RemedyPolicy& /*policy*/) const override {
        return "target of " + incident.id;
    }
};

/// The engine with one actuator for both actions. Without further ado the incident's process lives and leaks,
/// and the books are certain.
struct World {
    std::vector<FakeActuator::Start> starts;
    std::vector<std::pair<std::string, RemedyReport>> told;
    std::size_t told_when_started = 0;
    bool uncertain = false;
    bool journalled = true;
    std::map<ProcessId, Owner> processes;      // what /proc has
    std::map<std::string, OwnerState> states;  // by stable key of the owner
    std::unique_ptr<RemedyEngine> engine;
    std::vector<std::pair<Incident, RemedyPolicy>> open;

    World() { boot(); }

    /// A new engine, as after a restart of the agent.
    void boot() {
        std::map<RemedyAction, std::unique_ptr<Actuator>> actuators;
        for (const auto action : {RemedyAction::kSystemdRestart, RemedyAction::kCommand}) {
            actuators[action] =
                std::make_unique<FakeActuator>(&starts, [this] { told_when_started = told.size(); });
        }
        RemedyHooks hooks;
        hooks.report = [this](const std::string& id, const RemedyReport& report) {
            told.emplace_back(id, report);
        };
        hooks.journalled = [this] { return journalled; };
        hooks.identify = [this](ProcessId process) -> Result<Owner> {
            const auto found = processes.find(process);
            if (found == processes.end()) return make_error("no such process", ESRCH);
            return found->second;
        };
        hooks.observe = [this](const Incident& incident) { return states[incident.owner.stable_key()]; };
        hooks.uncertain = [this] { return uncertain; };
        engine = std::make_unique<RemedyEngine>(std::move(actuators), RemedySettings{}, std::move(hooks));
    }

    void add(const Incident& incident, const RemedyPolicy& policy = acting_policy()) {
        processes[incident.owner.process] = incident.owner;
        states[incident.owner.stable_key()] = {incident.owner.process, incident.latest.leaked};
        open.emplace_back(incident, policy);
    }
    /// The unit of `incident` runs as another process now, and nothing of it leaks; its incident is resolved.
    ProcessId replace(const Incident& incident) {
        Owner next = incident.owner;
        processes.erase(next.process);
        next.process = {next.process.pid + 1, next.process.start_ticks + 1};
        processes[next.process] = next;
        states[next.stable_key()] = {next.process, 0};
        std::erase_if(open, [&](const auto& entry) { return entry.first.id == incident.id; });
        return next.process;
    }
    void tick(Duration when, Duration wall_jump = {}) { engine->tick(at(when, wall_jump), open); }

    /// "i1 started", "i1 failed", ... since the last call.
    std::vector<std::string> news() {
        std::vector<std::string> out;
        for (const auto& [id, report] : std::exchange(told, {})) {
            out.push_back(id + " " + std::string(to_string(report.outcome)));
        }
        return out;
    }
};

}  // namespace sockdog::testing
