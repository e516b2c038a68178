// The guard rails: whether a remedy may act on an incident now, and if not, which rail said no, in one
// sentence with its numbers. Pure functions of what they are given; the engine asks all of them at the very
// moment of acting. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "incident/incident.h"
#include "remedy/engine.h"
#include "remedy/ledger.h"
#include "remedy/policy.h"

namespace sockdog {

/// In the order in which they are asked: what will not change by itself comes first.
enum class Guard : std::uint8_t {
    kAllowed,
    kPolicyOff,  // action none
    kNoLeak,     // churn, or exhaustion without a leak behind it: a restart mends nothing
    kProtected,  // on the list that no policy overrides
    kTarget,     // nothing there to restart, or no value for a placeholder
    kGaveUp,     // too many failed tries
    kHold,       // an operator stopped all acting
    kBoot,       // the host has just started
    kUncertain,  // the books lost events
    kMinLeaked,
    kSustained,
    kCooldown,
    kBudget,
    kBusy,      // another remedy is under way or being verified
    kIdentity,  // not the process any more that leaked
};
/// "cooldown"; every reason begins with it.
std::string_view to_string(Guard guard);
/// The guard that a reason begins with.
std::optional<Guard> guard_of_reason(std::string_view reason);

struct Decision {
    Guard guard = Guard::kAllowed;
    std::string reason;  // "cooldown: last acted on 3m ago, ..."; empty when allowed
    [[nodiscard]] bool allowed() const { return guard == Guard::kAllowed; }
};

struct Question {
    const Incident& incident;
    const RemedyPolicy& policy;
    const Ledger& ledger;
    const RemedySettings& settings;
    Now now;
    Duration evidence{};       // the leak has been there for this long without a pause
    std::uint32_t leaked = 0;  // sockets that count as leaked now
    std::optional<std::string> held{};
    bool uncertain = true;
    std::string busy_with{};  // incident that a remedy is under way for; empty: none
};

/// Every rail but the identity, which costs a look into /proc.
Decision decide(const Question& question);
/// The last rail: `found` is who has the pid right now. Asks protection and target again of what was found.
Decision check_identity(const Question& question, const Result<Owner>& found);

}  // namespace sockdog
