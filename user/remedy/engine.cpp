#include "remedy/engine.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/text.h"
#include "remedy/guard.h"
#include "remedy/ledger.h"
#include "remedy/target.h"
#include "remedy/verification.h"

namespace sockdog {
namespace {

// An actuator that has not answered by then never will: above the systemd actuator's own limit and any
// command's timeout.
constexpr Duration kAnswerLimit = 5min;
constexpr Duration kAnswerMargin = 1min;

/// What is remembered about an open incident.
struct Watch {
    MonoTime evidence_since;
    std::set<Guard> told;
    std::optional<WallTime> dry_run_restored;  // from the journal, not on the monotonic clock yet
    std::optional<MonoTime> dry_run_told;
    bool seen = false;
    bool unproved = false;  // restored and not seen to leak since, which proves no pause yet
    std::string why_not;
};

/// The one remedy under way.
struct Flight {
    Incident incident;
    RemedyPolicy policy;
    RemedyReport report;  // of the start; later ones differ in outcome, reason and time
    MonoTime started;
    // Shared with the actuator's callback, which may outlive the flight.
    std::shared_ptr<std::optional<Result<std::string>>> answer;
    std::string answer_sentence;
    std::optional<Verification> verification;
};

void complete(RemedyHooks& hooks) {
    if (!hooks.report) hooks.report = [](const std::string&, const RemedyReport&) {};
    if (!hooks.journalled) hooks.journalled = [] { return true; };
    if (!hooks.identify) {
        hooks.identify = [](ProcessId) -> Result<Owner> {
            return make_error("processes cannot be identified");
        };
    }
    if (!hooks.observe) hooks.observe = [](const Incident&) { return OwnerState{}; };
    if (!hooks.uncertain) hooks.uncertain = [] { return true; };
}

/// Worst first: critical before warning, then the most leaked sockets.
std::vector<const std::pair<Incident, RemedyPolicy>*> by_urgency(
    const std::vector<std::pair<Incident, RemedyPolicy>>& open) {
    std::vector<const std::pair<Incident, RemedyPolicy>*> order;
    order.reserve(open.size());
    for (const auto& entry : open) {
        if (entry.first.open()) order.push_back(&entry);
    }
    std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
        const Finding& x = a->first.latest;
        const Finding& y = b->first.latest;
        return std::pair(x.severity, x.leaked) > std::pair(y.severity, y.leaked);
    });
    return order;
}

std::string evidence_sentence(const Incident& incident, Duration evidence) {
    return std::to_string(incident.latest.leaked) + " sockets to " + incident.latest.endpoint.to_string() +
           " leaked, there for " + format_duration(evidence) + " without a pause";
}

}  // namespace

struct RemedyEngine::Impl {
    std::map<RemedyAction, std::unique_ptr<Actuator>> actuators;
    RemedySettings settings;
    RemedyHooks hooks;
    Ledger ledger;
    std::optional<std::string> held;
    std::map<std::string, Watch> watches;  // by incident id
    std::optional<Flight> flight;
    std::vector<Interrupted> interrupted;

    void report(const std::string& incident_id, RemedyReport report, RemedyOutcome outcome,
                std::string reason, const Now& now);
    void tell_interrupted(const Now& now);
    void watch(const Now& now, const std::vector<std::pair<Incident, RemedyPolicy>>& open);
    void follow_flight(const Now& now);
    void end_flight(const Now& now, bool succeeded, const std::string& sentence);
    void consider(const Now& now, const Incident& incident, const RemedyPolicy& policy);
    void refuse(const Now& now, const Incident& incident, const RemedyPolicy& policy, Watch& watch,
                const Decision& verdict);
    void act(const Now& now, const Incident& incident, const RemedyPolicy& policy, Watch& watch,
             const Owner& found);
    [[nodiscard]] RemedyReport draft(const Incident& incident, const RemedyPolicy& policy) const;
};

void RemedyEngine::Impl::report(const std::string& incident_id, RemedyReport report, RemedyOutcome outcome,
                                std::string reason, const Now& now) {
    report.outcome = outcome;
    report.needs_person = report.needs_person || outcome == RemedyOutcome::kGaveUp;
    report.reason = std::move(reason);
    report.at = now.wall;
    if (flight && flight->incident.id == incident_id) flight->incident.remedies.push_back(report);
    hooks.report(incident_id, report);
}

RemedyReport RemedyEngine::Impl::draft(const Incident& incident, const RemedyPolicy& policy) const {
    RemedyReport report;
    report.action = to_string(policy.action);
    const auto actuator = actuators.find(policy.action);
    report.target = actuator == actuators.end() ? describe_target(incident, policy)
                                                : actuator->second->target(incident, policy);
    report.attempt = ledger.failures(incident.owner.stable_key()) + 1;
    report.process = incident.latest.process;
    return report;
}

void RemedyEngine::Impl::tell_interrupted(const Now& now) {
    for (const auto& [incident_id, started] : std::exchange(interrupted, {})) {
        report(incident_id, started, RemedyOutcome::kFailed,
               "sockdogd ended before the result was known, which counts as a failure", now);
    }
}

void RemedyEngine::Impl::watch(const Now& now, const std::vector<std::pair<Incident, RemedyPolicy>>& open) {
    std::set<std::string> ids;
    const bool uncertain = hooks.uncertain();
    for (const auto& [incident, policy] : open) {
        if (!incident.open()) continue;
        ids.insert(incident.id);
        Watch& watch = watches[incident.id];
        if (!std::exchange(watch.seen, true)) {
            watch.evidence_since = now.mono - wall_age(now.wall, incident.opened_at);
            if (watch.dry_run_restored)
                watch.dry_run_told = now.mono - wall_age(now.wall, *watch.dry_run_restored);
        }
        const bool leaks = hooks.observe(incident).leaked > 0;
        if (leaks) watch.unproved = false;
        // Uncertain books prove neither a leak nor a pause.
        if (!uncertain && !leaks && !watch.unproved) watch.evidence_since = now.mono;
    }
    std::erase_if(watches, [&](const auto& entry) { return ids.count(entry.first) == 0; });
}

void RemedyEngine::Impl::follow_flight(const Now& now) {
    if (!flight) return;
    if (!flight->verification) {
        if (!flight->answer->has_value()) {
            const Duration limit = std::max(kAnswerLimit, flight->policy.command_timeout + kAnswerMargin);
            if (now.mono - flight->started < limit) return;
            return end_flight(now, false,
                              "no answer for " + format_duration(limit) + ", the result is not known");
        }
        const Result<std::string>& answer = **flight->answer;
        flight->report.target = actuators.at(flight->policy.action)->target(flight->incident, flight->policy);
        if (!answer) return end_flight(now, false, answer.error().message);
        flight->answer_sentence = *answer;
        flight->verification.emplace(flight->policy.action, flight->report.process, flight->policy.verify,
                                     now.mono);
    }
    const OwnerState state = hooks.observe(flight->incident);
    const bool old_alive = hooks.identify(flight->report.process).ok();
    const auto outcome = flight->verification->observe(now.mono, state, old_alive, hooks.uncertain());
    if (outcome) end_flight(now, outcome->succeeded, flight->answer_sentence + "; " + outcome->sentence);
}

void RemedyEngine::Impl::end_flight(const Now& now, bool succeeded, const std::string& sentence) {
    const std::string id = flight->incident.id;
    const std::string key = flight->incident.owner.stable_key();
    if (succeeded) {
        ledger.succeeded(key);
        report(id, flight->report, RemedyOutcome::kSucceeded, sentence, now);
    } else {
        ledger.failed(key);
        report(id, flight->report, RemedyOutcome::kFailed, sentence, now);
        const auto failures = ledger.failures(key);
        if (failures >= std::max(1U, flight->policy.max_failures)) {
            ledger.gave_up(key);
            if (const auto found = watches.find(id); found != watches.end())
                found->second.told.insert(Guard::kGaveUp);
            report(id, flight->report, RemedyOutcome::kGaveUp,
                   "gave up after " + std::to_string(failures) +
                       " failed tries; a person is needed, \"sockdog release\" allows new tries",
                   now);
        }
    }
    flight.reset();
}

void RemedyEngine::Impl::consider(const Now& now, const Incident& incident, const RemedyPolicy& policy) {
    Watch& watch = watches.at(incident.id);
    if (flight && flight->incident.id == incident.id) return;
    Question question{incident, policy, ledger, settings, now};
    question.evidence = now.mono - watch.evidence_since;
    question.leaked = hooks.observe(incident).leaked;
    question.held = held;
    question.uncertain = hooks.uncertain();
    if (flight) question.busy_with = flight->incident.id;
    Decision verdict = decide(question);
    if (verdict.allowed() && actuators.count(policy.action) == 0) {
        verdict = {Guard::kTarget,
                   "target: this sockdogd cannot carry out " + std::string(to_string(policy.action))};
    }
    if (verdict.guard == Guard::kMinLeaked && question.leaked == 0) {
        watch.why_not = verdict.reason;  // the leak is gone and its incident about to end: no news
        return;
    }
    if (!verdict.allowed()) return refuse(now, incident, policy, watch, verdict);
    const Result<Owner> found = hooks.identify(incident.latest.process);
    verdict = check_identity(question, found);
    if (!verdict.allowed()) return refuse(now, incident, policy, watch, verdict);
    watch.why_not.clear();
    act(now, incident, policy, watch, *found);
}

void RemedyEngine::Impl::refuse(const Now& now, const Incident& incident, const RemedyPolicy& policy,
                                Watch& watch, const Decision& verdict) {
    watch.why_not = verdict.reason;
    const std::string key = incident.owner.stable_key();
    // The last failure was told before a restart, or the policy's number was lowered: giving up is news.
    if (verdict.guard == Guard::kGaveUp && !ledger.has_given_up(key)) {
        ledger.gave_up(key);
        watch.told.insert(Guard::kGaveUp);
        return report(incident.id, draft(incident, policy), RemedyOutcome::kGaveUp, verdict.reason, now);
    }
    if (verdict.guard == Guard::kPolicyOff || verdict.guard == Guard::kSustained) return;
    if (!watch.told.insert(verdict.guard).second) return;
    RemedyReport refused = draft(incident, policy);
    // The others of a storm: sockdog has done what it may, and they go on leaking.
    refused.needs_person = verdict.guard == Guard::kBudget && !policy.dry_run;
    report(incident.id, std::move(refused), RemedyOutcome::kHeld, verdict.reason, now);
}

void RemedyEngine::Impl::act(const Now& now, const Incident& incident, const RemedyPolicy& policy,
                             Watch& watch, const Owner& found) {
    RemedyReport started = draft(incident, policy);
    const std::string evidence = evidence_sentence(incident, now.mono - watch.evidence_since);
    if (policy.dry_run) {
        if (watch.dry_run_told && now.mono - *watch.dry_run_told < policy.cooldown) return;
        watch.dry_run_told = now.mono;
        return report(incident.id, started, RemedyOutcome::kDryRun,
                      "would act now, but the policy is a dry run: " + evidence, now);
    }
    flight.emplace();
    flight->incident = incident;
    flight->incident.owner = found;
    flight->policy = policy;
    flight->report = started;
    flight->started = now.mono;
    flight->answer = std::make_shared<std::optional<Result<std::string>>>();
    ledger.started(incident.owner.stable_key(), now.mono);
    watch.told.clear();
    report(incident.id, started, RemedyOutcome::kStarted, evidence, now);
    if (!hooks.journalled())
        return end_flight(now, false, "its start could not be journalled, so nothing was done");
    const auto answer = flight->answer;
    actuators.at(policy.action)
        ->start(flight->incident, flight->policy, [answer](Result<std::string> result) {
            if (!answer->has_value()) answer->emplace(std::move(result));
        });
}

RemedyEngine::RemedyEngine(std::map<RemedyAction, std::unique_ptr<Actuator>> actuators,
                           RemedySettings settings, RemedyHooks hooks)
    : impl_(std::make_unique<Impl>()) {
    complete(hooks);
    std::erase_if(actuators, [](const auto& entry) { return entry.second == nullptr; });
    impl_->actuators = std::move(actuators);
    impl_->settings = std::move(settings);
    impl_->hooks = std::move(hooks);
}

RemedyEngine::~RemedyEngine() = default;

void RemedyEngine::restore(const std::vector<Incident>& incidents, std::optional<WallTime> released_at) {
    impl_->interrupted = impl_->ledger.restore(incidents, released_at);
    for (const auto& incident : incidents) {
        if (!incident.open()) continue;
        Watch& watch = impl_->watches[incident.id];
        watch.unproved = true;
        for (const auto& report : incident.remedies) {
            if (report.outcome == RemedyOutcome::kDryRun) watch.dry_run_restored = report.at;
            if (report.outcome == RemedyOutcome::kStarted) watch.told.clear();
            if (report.outcome == RemedyOutcome::kGaveUp) watch.told.insert(Guard::kGaveUp);
            if (report.outcome != RemedyOutcome::kHeld) continue;
            if (const auto guard = guard_of_reason(report.reason)) watch.told.insert(*guard);
        }
    }
}

void RemedyEngine::tick(const Now& now, const std::vector<std::pair<Incident, RemedyPolicy>>& open) {
    impl_->ledger.anchor(now);
    impl_->tell_interrupted(now);
    impl_->watch(now, open);
    const bool was_busy = busy();
    impl_->follow_flight(now);
    // One at a time, then measure again: what has just ended is followed by a tick without an action.
    if (was_busy && !busy()) return;
    for (const auto* entry : by_urgency(open)) impl_->consider(now, entry->first, entry->second);
}

void RemedyEngine::set_settings(RemedySettings settings) {
    impl_->settings = std::move(settings);
}

void RemedyEngine::hold(std::string why) {
    impl_->held = std::move(why);
}

void RemedyEngine::release() {
    impl_->held.reset();
    impl_->ledger.forgive();
    for (auto& [id, watch] : impl_->watches) {
        watch.told.erase(Guard::kHold);
        watch.told.erase(Guard::kGaveUp);
        const auto why = guard_of_reason(watch.why_not);
        if (why == Guard::kHold || why == Guard::kGaveUp) watch.why_not.clear();  // until the next tick knows
    }
}

std::optional<std::string> RemedyEngine::held() const {
    return impl_->held;
}

bool RemedyEngine::busy() const {
    return impl_->flight.has_value();
}

std::optional<Incident> RemedyEngine::under_way() const {
    return impl_->flight ? std::optional<Incident>(impl_->flight->incident) : std::nullopt;
}

std::optional<std::string> RemedyEngine::why_not(const std::string& incident_id) const {
    const auto found = impl_->watches.find(incident_id);
    if (found == impl_->watches.end() || found->second.why_not.empty()) return std::nullopt;
    return found->second.why_not;
}

}  // namespace sockdog
