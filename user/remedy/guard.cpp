#include "remedy/guard.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "remedy/protected.h"
#include "remedy/target.h"

namespace sockdog {
namespace {

constexpr std::array<std::pair<Guard, std::string_view>, 15> kNames = {{
    {Guard::kAllowed, "allowed"},
    {Guard::kPolicyOff, "policy"},
    {Guard::kNoLeak, "no leak"},
    {Guard::kProtected, "protected"},
    {Guard::kTarget, "target"},
    {Guard::kGaveUp, "gave up"},
    {Guard::kHold, "hold"},
    {Guard::kBoot, "boot"},
    {Guard::kUncertain, "uncertain"},
    {Guard::kMinLeaked, "min_leaked"},
    {Guard::kSustained, "sustained"},
    {Guard::kCooldown, "cooldown"},
    {Guard::kBudget, "budget"},
    {Guard::kBusy, "busy"},
    {Guard::kIdentity, "identity"},
}};

Decision no(Guard guard, const std::string& sentence) {
    return {guard, std::string(to_string(guard)) + ": " + sentence};
}

std::string counted(std::size_t n, const std::string& what) {
    return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

std::string again_in(const Now& now, Duration wait) {
    const auto at = now.wall + std::chrono::ceil<std::chrono::milliseconds>(wait);
    return "allowed again in " + format_duration(wait) + ", at " + format_rfc3339(at);
}

std::optional<Decision> ask_standing(const Question& q) {
    if (q.policy.action == RemedyAction::kNone) return no(Guard::kPolicyOff, "the policy names no action");
    if (!is_leak(q.incident.latest)) {
        return no(Guard::kNoLeak, "these connections are in use or bounded (" +
                                      std::string(to_string(q.incident.latest.leak_class)) +
                                      "), a restart would only begin anew");
    }
    if (auto why = protection_of(q.incident.owner, q.settings, q.policy.action))
        return no(Guard::kProtected, *why);
    if (auto why = untargetable(q.incident, q.policy)) return no(Guard::kTarget, *why);
    const std::string key = q.incident.owner.stable_key();
    const auto failures = q.ledger.failures(key);
    if (q.ledger.has_given_up(key) || failures >= std::max(1U, q.policy.max_failures)) {
        return no(Guard::kGaveUp, "nothing more is done about " + printable(q.incident.owner.display_name()) +
                                      " after " + std::to_string(failures) +
                                      (failures == 1 ? " failed try" : " failed tries") +
                                      "; \"sockdog release\" allows it again");
    }
    if (q.held) {
        return no(Guard::kHold,
                  "all acting is on hold (" + printable(*q.held) + ") until \"sockdog release\"");
    }
    return std::nullopt;
}

std::optional<Decision> ask_evidence(const Question& q) {
    const Duration up = q.now.mono.time_since_epoch();  // CLOCK_MONOTONIC begins with the host
    if (up < q.settings.after_boot) {
        return no(Guard::kBoot, "the host has been up for " + format_duration(up) +
                                    ", nothing is done before " + format_duration(q.settings.after_boot) +
                                    "; " + again_in(q.now, q.settings.after_boot - up));
    }
    if (q.uncertain)
        return no(Guard::kUncertain,
                  "events were lost, so the books may be wrong; allowed once they are put right");
    const std::uint32_t leaked = std::min(q.leaked, q.incident.latest.leaked);
    if (leaked < std::max(1U, q.policy.min_leaked)) {
        return no(Guard::kMinLeaked, counted(leaked, "socket") + " leaked now, the policy acts from " +
                                         std::to_string(std::max(1U, q.policy.min_leaked)));
    }
    if (q.evidence < q.policy.sustained) {
        return no(Guard::kSustained, "the leak has been there for " + format_duration(q.evidence) +
                                         " without a pause, the policy acts after " +
                                         format_duration(q.policy.sustained) + "; " +
                                         again_in(q.now, q.policy.sustained - q.evidence));
    }
    return std::nullopt;
}

std::optional<Decision> ask_cooldown(const Question& q) {
    const auto last = q.ledger.last_action(q.incident.owner.stable_key());
    if (!last) return std::nullopt;
    const Duration age = std::max(Duration::zero(), q.now.mono - *last);
    if (age >= q.policy.cooldown) return std::nullopt;
    return no(Guard::kCooldown, printable(q.incident.owner.display_name()) + " was last acted on " +
                                    format_duration(age) + " ago, the policy waits " +
                                    format_duration(q.policy.cooldown) + " between two actions; " +
                                    again_in(q.now, q.policy.cooldown - age));
}

std::optional<Decision> ask_budget(const Question& q) {
    if (q.policy.budget == 0) return no(Guard::kBudget, "the policy allows no action at all (budget 0)");
    const auto taken = q.ledger.actions_after(q.now.mono - q.policy.budget_window);
    if (taken.size() < q.policy.budget) return std::nullopt;
    // Enough of the oldest must leave the window that one fewer than the budget is left.
    const MonoTime leaves = taken[taken.size() - q.policy.budget];
    const Duration wait = leaves + q.policy.budget_window - q.now.mono;
    return no(Guard::kBudget, counted(taken.size(), "action") + " on all processes within the last " +
                                  format_duration(q.policy.budget_window) + ", the policy allows " +
                                  std::to_string(q.policy.budget) + "; " + again_in(q.now, wait));
}

}  // namespace

std::string_view to_string(Guard guard) {
    for (const auto& [value, name] : kNames) {
        if (value == guard) return name;
    }
    return "unknown";
}

std::optional<Guard> guard_of_reason(std::string_view reason) {
    for (const auto& [value, name] : kNames) {
        if (reason.starts_with(name) && reason.substr(name.size()).starts_with(": ")) return value;
    }
    return std::nullopt;
}

Decision decide(const Question& q) {
    for (const auto ask : {ask_standing, ask_evidence, ask_cooldown, ask_budget}) {
        if (auto verdict = ask(q)) return *verdict;
    }
    if (!q.busy_with.empty()) {
        return no(Guard::kBusy, "the remedy of incident " + printable(q.busy_with) +
                                    " is under way; one offender at a time, then the books are read again");
    }
    return {};
}

Decision check_identity(const Question& q, const Result<Owner>& found) {
    const ProcessId leaker = q.incident.latest.process;
    const std::string pid = "pid " + std::to_string(leaker.pid);
    if (!leaker.known()) return no(Guard::kIdentity, "it is not known which process leaks");
    if (!found)
        return no(Guard::kIdentity,
                  pid + " is not the process any more that leaked (" + found.error().message + ")");
    if (found->process != leaker || !found->alive) {
        return no(Guard::kIdentity, pid + " is not the process any more that leaked");
    }
    const Owner& known = q.incident.owner;
    if (found->stable_key() != known.stable_key() || found->unit != known.unit ||
        found->user_unit != known.user_unit) {
        return no(Guard::kIdentity, pid + " belongs to " + printable(found->stable_key()) +
                                        " now, the incident is about " + printable(known.stable_key()));
    }
    if (auto why = protection_of(*found, q.settings, q.policy.action)) return no(Guard::kProtected, *why);
    Incident now = q.incident;
    now.owner = *found;
    if (auto why = untargetable(now, q.policy)) return no(Guard::kTarget, *why);
    return {};
}

}  // namespace sockdog
