#include "remedy/ledger.h"

#include <algorithm>
#include <chrono>

namespace sockdog {
namespace {

// Far above any budget of a sane window; an account of actions beyond it has no use.
constexpr std::size_t kMaxActions = 4096;

/// One report of one incident, with a time that never runs backwards within the incident.
struct Step {
    WallTime at;
    const Incident* incident;
    const RemedyReport* report;
};

std::vector<Step> steps_in_order(const std::vector<Incident>& incidents) {
    std::vector<Step> steps;
    for (const auto& incident : incidents) {
        WallTime latest{};
        for (const auto& report : incident.remedies) {
            latest = std::max(latest, report.at);
            steps.push_back({latest, &incident, &report});
        }
    }
    std::stable_sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) { return a.at < b.at; });
    return steps;
}

}  // namespace

Duration wall_age(WallTime now, WallTime then) {
    constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 365 * 100);
    return std::clamp(now - then, std::chrono::milliseconds(0), kLongest);
}

std::vector<Interrupted> Ledger::restore(const std::vector<Incident>& incidents,
                                         std::optional<WallTime> released_at) {
    std::map<std::string, Interrupted> under_way;  // by incident id
    for (const auto& [at, incident, report] : steps_in_order(incidents)) {
        const std::string key = incident->owner.stable_key();
        if (released_at && at > *released_at) {
            forgive();
            released_at.reset();
        }
        Account& account = accounts_[key];
        if (report->outcome == RemedyOutcome::kStarted) {
            if (under_way.count(incident->id) > 0) settle(account, RemedyOutcome::kFailed);
            // Nothing is started after giving up but by an operator's release, which forgave.
            if (account.gave_up) account = Account{};
            under_way[incident->id] = Interrupted{incident->id, *report};
            unanchored_.push_back({key, report->at});
            continue;
        }
        const bool ends =
            report->outcome == RemedyOutcome::kSucceeded || report->outcome == RemedyOutcome::kFailed;
        if (ends) under_way.erase(incident->id);
        if (ends || report->outcome == RemedyOutcome::kGaveUp) settle(account, report->outcome);
    }
    if (released_at) forgive();
    std::vector<Interrupted> interrupted;
    for (const auto& incident : incidents) {
        const auto found = under_way.find(incident.id);
        if (found == under_way.end()) continue;
        settle(accounts_[incident.owner.stable_key()], RemedyOutcome::kFailed);
        interrupted.push_back(found->second);
        under_way.erase(found);
    }
    return interrupted;
}

void Ledger::anchor(const Now& now) {
    if (unanchored_.empty()) return;
    for (const auto& past : unanchored_) {
        const MonoTime at = now.mono - wall_age(now.wall, past.at);
        auto& last = accounts_[past.owner_key].last_action;
        last = last ? std::max(*last, at) : at;
        actions_.push_back(at);
    }
    unanchored_.clear();
    std::sort(actions_.begin(), actions_.end());
    while (actions_.size() > kMaxActions) actions_.pop_front();
}

void Ledger::settle(Account& account, RemedyOutcome outcome) {
    if (outcome == RemedyOutcome::kSucceeded) {
        account.failures = 0;
        account.gave_up = false;
    } else if (outcome == RemedyOutcome::kFailed) {
        ++account.failures;
    } else if (outcome == RemedyOutcome::kGaveUp) {
        account.gave_up = true;
    }
}

void Ledger::started(const std::string& owner_key, MonoTime at) {
    accounts_[owner_key].last_action = at;
    actions_.push_back(at);
    if (actions_.size() > kMaxActions) actions_.pop_front();
}

void Ledger::succeeded(const std::string& owner_key) {
    settle(accounts_[owner_key], RemedyOutcome::kSucceeded);
}
void Ledger::failed(const std::string& owner_key) {
    settle(accounts_[owner_key], RemedyOutcome::kFailed);
}
void Ledger::gave_up(const std::string& owner_key) {
    settle(accounts_[owner_key], RemedyOutcome::kGaveUp);
}

void Ledger::forgive() {
    for (auto& [key, account] : accounts_) {
        account.failures = 0;
        account.gave_up = false;
    }
}

std::optional<MonoTime> Ledger::last_action(const std::string& owner_key) const {
    const auto found = accounts_.find(owner_key);
    return found == accounts_.end() ? std::nullopt : found->second.last_action;
}

std::uint32_t Ledger::failures(const std::string& owner_key) const {
    const auto found = accounts_.find(owner_key);
    return found == accounts_.end() ? 0 : found->second.failures;
}

bool Ledger::has_given_up(const std::string& owner_key) const {
    const auto found = accounts_.find(owner_key);
    return found != accounts_.end() && found->second.gave_up;
}

std::vector<MonoTime> Ledger::actions_after(MonoTime since) const {
    return {std::upper_bound(actions_.begin(), actions_.end(), since), actions_.end()};
}

}  // namespace sockdog
