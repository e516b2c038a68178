// Each guard rail in a table: the case that it stops, and the nearest one that it lets through.
#include "remedy/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "remedy/fixtures.h"

namespace sockdog {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace sockdog::testing;

/// Everything that decide() is asked with, in a state in which it says yes.
struct Situation {
    Incident incident = incident_of();
    RemedyPolicy policy = acting_policy();
    Ledger ledger;
    RemedySettings settings;
    Now now = at(10min);
    Duration evidence = 10min;
    std::uint32_t leaked = 57;
    std::optional<std::string> held;
    bool uncertain = false;
    std::string busy_with;

    [[nodiscard]] Question question() const {
        return {incident, policy, ledger, settings, now, evidence, leaked, held, uncertain, busy_with};
    }
    [[nodiscard]] std::string key() const { return incident.owner.stable_key(); }
};

struct Case {
    std::string name;
    std::function<void(Situation&)> change;
    Guard guard;
    std::string says;  // part of the reason
};

void expect(const Case& c) {
    SCOPED_TRACE(c.name);
    Situation situation;
    c.change(situation);
    const Decision verdict = decide(situation.question());
    EXPECT_EQ(to_string(verdict.guard), to_string(c.guard)) << verdict.reason;
    EXPECT_EQ(verdict.allowed(), c.guard == Guard::kAllowed);
    EXPECT_THAT(verdict.reason, HasSubstr(c.says));
    if (c.guard == Guard::kAllowed) {
        EXPECT_EQ(verdict.reason, "");
        return;
    }
    EXPECT_THAT(verdict.reason, StartsWith(std::string(to_string(c.guard)) + ": "));
    EXPECT_EQ(guard_of_reason(verdict.reason), c.guard);
}

TEST(Guard, AllowsWhatNoRailStops) {
    expect({"as it stands", [](Situation&) {}, Guard::kAllowed, ""});
}

TEST(Guard, SaysNoWhereNoRestartMendsAnything) {
    const auto of_class = [](LeakClass leak_class, std::optional<LeakClass> cause) {
        return [=](Situation& s) {
            s.incident.latest.leak_class = leak_class;
            s.incident.latest.cause = cause;
        };
    };
    const std::vector<Case> cases = {
        {"churn", of_class(LeakClass::kChurn, {}), Guard::kNoLeak, "churn"},
        {"busy with all ports", of_class(LeakClass::kExhaustion, {}), Guard::kNoLeak, "in use"},
        {"churn that is too much", of_class(LeakClass::kExhaustion, LeakClass::kChurn), Guard::kNoLeak,
         "exhaustion"},
        {"a leak that took them all", of_class(LeakClass::kExhaustion, LeakClass::kCloseWait),
         Guard::kAllowed, ""},
        {"a stuck acceptor", of_class(LeakClass::kBacklog, {}), Guard::kAllowed, ""},
    };
    for (const Case& c : cases) expect(c);
}

TEST(Guard, SaysNoForPolicyTargetAndProtection) {
    const std::vector<Case> cases = {
        {"no action", [](Situation& s) { s.policy.action = RemedyAction::kNone; }, Guard::kPolicyOff,
         "no action"},
        {"pid 1", [](Situation& s) { s.incident.owner.process.pid = 1; }, Guard::kProtected, "pid 1"},
        {"sshd", [](Situation& s) { s.incident.owner.unit = "ssh.service"; }, Guard::kProtected,
         "ssh.service"},
        {"protected, for a command too",
         [](Situation& s) {
             s.policy.action = RemedyAction::kCommand;
             s.policy.command = {"/bin/true"};
             s.incident.owner.unit = "docker.service";
         },
         Guard::kProtected, "docker.service"},
        {"protection is said before anything that may change",
         [](Situation& s) {
             s.incident.owner.unit = "dbus.service";
             s.held = "maintenance";
             s.uncertain = true;
         },
         Guard::kProtected, "dbus.service"},
        {"of the settings", [](Situation& s) { s.settings.protected_units = {"leaky*"}; }, Guard::kProtected,
         "leaky.service"},
        {"no unit", [](Situation& s) { s.incident.owner.unit = ""; }, Guard::kTarget, "no systemd unit"},
        {"a login session", [](Situation& s) { s.incident.owner.unit = "session-2.scope"; }, Guard::kTarget,
         "scope"},
        {"a user's unit below no user's manager",
         [](Situation& s) { s.incident.owner.user_unit = "app.service"; }, Guard::kTarget,
         "not the unit of a user's service manager"},
        {"a user's application",
         [](Situation& s) {
             s.incident.owner.unit = "user@1000.service";
             s.incident.owner.user_unit = "app-x.scope";
         },
         Guard::kTarget, "scope"},
        {"a user's own unit",
         [](Situation& s) {
             s.incident.owner.unit = "user@1000.service";
             s.incident.owner.user_unit = "app.service";
         },
         Guard::kAllowed, ""},
        {"no command", [](Situation& s) { s.policy.action = RemedyAction::kCommand; }, Guard::kTarget,
         "names no command"},
    };
    for (const auto& c : cases) expect(c);
}

TEST(Guard, WaitsForSustainedEvidenceAndEnoughSockets) {
    const std::vector<Case> cases = {
        {"a second short", [](Situation& s) { s.evidence = 5min - 1s; }, Guard::kSustained,
         "allowed again in 1s"},
        {"exactly", [](Situation& s) { s.evidence = 5min; }, Guard::kAllowed, ""},
        {"no evidence at all", [](Situation& s) { s.evidence = 0s; }, Guard::kSustained,
         "2026-03-01T12:15:00.000Z"},
        {"one socket short", [](Situation& s) { s.policy.min_leaked = 58; }, Guard::kMinLeaked, "57 sockets"},
        {"exactly as many", [](Situation& s) { s.policy.min_leaked = 57; }, Guard::kAllowed, ""},
        {"none now, though the incident is open", [](Situation& s) { s.leaked = 0; }, Guard::kMinLeaked,
         "0 sockets"},
        {"a limit of 0 still wants one",
         [](Situation& s) {
             s.leaked = 0;
             s.policy.min_leaked = 0;
         },
         Guard::kMinLeaked, "acts from 1"},
        {"the owner leaks elsewhere, this incident does not",
         [](Situation& s) { s.incident.latest.leaked = 0; }, Guard::kMinLeaked, "0 sockets"},
    };
    for (const auto& c : cases) expect(c);
}

TEST(Guard, KeepsTheCooldownOfAnOwner) {
    const std::vector<Case> cases = {
        {"a second short", [](Situation& s) { s.ledger.started(s.key(), s.now.mono - 30min + 1s); },
         Guard::kCooldown, "again in 1s"},
        {"exactly over", [](Situation& s) { s.ledger.started(s.key(), s.now.mono - 30min); }, Guard::kAllowed,
         ""},
        {"just now", [](Situation& s) { s.ledger.started(s.key(), s.now.mono); }, Guard::kCooldown,
         "waits 30m"},
        {"also after a success",
         [](Situation& s) {
             s.ledger.started(s.key(), s.now.mono - 1min);
             s.ledger.succeeded(s.key());
         },
         Guard::kCooldown, "2026-03-01T12:39:00.000Z"},
        {"somebody else's", [](Situation& s) { s.ledger.started("unit:other.service", s.now.mono); },
         Guard::kAllowed, ""},
        {"a time after now counts as now", [](Situation& s) { s.ledger.started(s.key(), s.now.mono + 1h); },
         Guard::kCooldown, "allowed again in 30m"},
        {"the same unit with another pid and incident",
         [](Situation& s) {
             s.ledger.started(s.key(), s.now.mono);
             s.incident = incident_of("i2", owner_of("leaky.service", 5000));
         },
         Guard::kCooldown, "leaky.service"},
    };
    for (const auto& c : cases) expect(c);
}

TEST(Guard, KeepsTheBudgetOverAllOwners) {
    const auto others = [](Situation& s, std::vector<Duration> ages) {
        for (const auto age : ages) s.ledger.started("unit:other.service", s.now.mono - age);
    };
    const std::vector<Case> cases = {
        {"as many as allowed",
         [&](Situation& s) {
             others(s, {50min, 40min, 5min});
         },
         Guard::kBudget, "again in 10m"},
        {"the oldest has just left",
         [&](Situation& s) {
             others(s, {60min, 40min, 5min});
         },
         Guard::kAllowed, ""},
        {"one fewer",
         [&](Situation& s) {
             others(s, {40min, 5min});
         },
         Guard::kAllowed, ""},
        {"more than allowed, after the budget was lowered",
         [&](Situation& s) {
             others(s, {50min, 40min, 5min});
             s.policy.budget = 1;
         },
         Guard::kBudget, "again in 55m"},
        {"none allowed", [](Situation& s) { s.policy.budget = 0; }, Guard::kBudget, "budget 0"},
    };
    for (const auto& c : cases) expect(c);
}

TEST(Guard, StopsForHoldUncertaintyOthersAndFailures) {
    const auto fail = [](Situation& s, int times) {
        for (int i = 0; i < times; ++i) s.ledger.failed(s.key());
    };
    const std::vector<Case> cases = {
        {"hold", [](Situation& s) { s.held = "deploy of 3.2"; }, Guard::kHold, "deploy of 3.2"},
        {"hold without a reason", [](Situation& s) { s.held = ""; }, Guard::kHold, "on hold"},
        {"a reason with a newline", [](Situation& s) { s.held = "a\nb"; }, Guard::kHold, "a\\x0ab"},
        {"just started", [](Situation& s) { s.now.mono = MonoTime(4min); }, Guard::kBoot,
         "up for 4m00s, nothing is done before 5m00s; allowed again in 1m00s"},
        {"started a while ago", [](Situation& s) { s.now.mono = MonoTime(5min); }, Guard::kAllowed, ""},
        {"no wait asked for",
         [](Situation& s) {
             s.now.mono = MonoTime(1s);
             s.settings.after_boot = {};
         },
         Guard::kAllowed, ""},
        {"uncertain books", [](Situation& s) { s.uncertain = true; }, Guard::kUncertain, "lost"},
        {"another remedy", [](Situation& s) { s.busy_with = "i7"; }, Guard::kBusy, "i7"},
        {"one failure", [&](Situation& s) { fail(s, 1); }, Guard::kAllowed, ""},
        {"two failures", [&](Situation& s) { fail(s, 2); }, Guard::kGaveUp, "2 failed tries"},
        {"two failures, a success between",
         [&](Situation& s) {
             fail(s, 1);
             s.ledger.succeeded(s.key());
             fail(s, 1);
         },
         Guard::kAllowed, ""},
        {"a limit of 0 still allows one try", [](Situation& s) { s.policy.max_failures = 0; },
         Guard::kAllowed, ""},
        {"a limit of 0 and one failure",
         [&](Situation& s) {
             s.policy.max_failures = 0;
             fail(s, 1);
         },
         Guard::kGaveUp, "1 failed try;"},
        {"gave up, and the limit was raised since",
         [&](Situation& s) {
             fail(s, 2);
             s.ledger.gave_up(s.key());
             s.policy.max_failures = 9;
         },
         Guard::kGaveUp, "release"},
        {"after a release",
         [&](Situation& s) {
             fail(s, 2);
             s.ledger.gave_up(s.key());
             s.ledger.forgive();
         },
         Guard::kAllowed, ""},
    };
    for (const auto& c : cases) expect(c);
}

struct IdentityCase {
    std::string name;
    std::function<Result<Owner>(const Owner&)> found;
    Guard guard;
    std::string says;
};

TEST(Guard, ChecksAtTheLastMomentThatItIsStillTheSameProcess) {
    const auto with = [](auto change) {
        return [change](const Owner& known) -> Result<Owner> {
            Owner found = known;
            change(found);
            return found;
        };
    };
    const std::vector<IdentityCase> cases = {
        {"the same", with([](Owner&) {}), Guard::kAllowed, ""},
        {"gone", [](const Owner&) -> Result<Owner> { return make_error("no such process", ESRCH); },
         Guard::kIdentity, "no such process"},
        {"pid reused", with([](Owner& o) { o.process.start_ticks += 1; }), Guard::kIdentity,
         "not the process any more"},
        {"remembered only", with([](Owner& o) { o.alive = false; }), Guard::kIdentity,
         "not the process any more"},
        {"moved to another unit", with([](Owner& o) {
             o.unit = "other.service";
             o.cgroup = "/system.slice/other.service";
         }),
         Guard::kIdentity, "other.service"},
        {"moved into a user's manager", with([](Owner& o) { o.user_unit = "x.service"; }), Guard::kIdentity,
         "belongs to"},
        {"became sshd by exec", with([](Owner& o) { o.executable = "/usr/sbin/sshd"; }), Guard::kProtected,
         "sshd"},
        {"its executable became unreadable", with([](Owner& o) { o.executable = ""; }), Guard::kProtected,
         "cannot be read"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const Situation situation;
        const Decision verdict = check_identity(situation.question(), c.found(situation.incident.owner));
        EXPECT_EQ(to_string(verdict.guard), to_string(c.guard)) << verdict.reason;
        EXPECT_THAT(verdict.reason, HasSubstr(c.says));
    }
}

TEST(Guard, RefusesAnIncidentWithoutAProcess) {
    Situation situation;
    situation.incident.latest.process = {};
    Owner found = situation.incident.owner;
    found.process = {};
    EXPECT_EQ(check_identity(situation.question(), found).guard, Guard::kIdentity);
}

TEST(Guard, ReasonsOfOthersNameNoGuard) {
    for (const auto* reason : {"", "cooldown", "cooldown:", "cooldownx: y", "systemd said no", ": "}) {
        EXPECT_EQ(guard_of_reason(reason), std::nullopt) << reason;
    }
}

}  // namespace
}  // namespace sockdog
