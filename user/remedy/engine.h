// Carries out remedies: one at a time, guarded, verified by the books. The only room that changes the host.
// Loop thread; nothing blocks: sd-bus and child processes are driven by the sd-event loop.
//
//   idle --consider(), all guards pass--> acting --action reports success--> verifying --books low for
//   `verify`--> succeeded
//                \--a guard says no--> kHeld (told once per reason)  \--error--> failed   \--leak again-->
//                failed
//   two failures of one owner: gave up (told once); nothing more is done about that owner until an operator's
//   release().
//
// Answers of actuators are taken up by the next tick(), so all reports are made from within tick(). kHeld is
// told once per incident and guard until the next action, but for the wait for sustained evidence, which
// every leak goes through; a dry run is told once per incident, and again after the cooldown. kStarted is
// told before anything is done.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "incident/incident.h"
#include "remedy/monit_settings.h"
#include "remedy/policy.h"

struct sd_event;

namespace sockdog {

/// What the books say about an owner now, for verification.
struct OwnerState {
    std::optional<ProcessId> process;  // a live process with the same stable key; nothing: none runs
    std::uint32_t leaked =
        0;  // sockets that count as leaked by the latest finding for that owner, 0 without one
};

/// A way to act. start() returns at once; `done` is called on the loop exactly once, with an error or a
/// sentence of success.
class Actuator {
  public:
    virtual ~Actuator() = default;
    using Done = std::function<void(Result<std::string>)>;
    virtual void start(const Incident& incident, const RemedyPolicy& policy, Done done) = 0;
    /// Unit, command line or monit's service, for reports. After an answer it may tell more than before: only
    /// monit knows which of its services a process belongs to.
    [[nodiscard]] virtual std::string target(const Incident& incident, const RemedyPolicy& policy) const = 0;
};

/// Restarts a running unit over D-Bus (TryRestartUnit: what an operator has just stopped stays stopped), the
/// job followed to its end. A unit of a user's own manager is restarted by that one, on the user's bus.
std::unique_ptr<Actuator> make_systemd_actuator(sd_event* loop);
/// argv in a process group of its own, killed at its timeout.
std::unique_ptr<Actuator> make_command_actuator(sd_event* loop);

struct RemedySettings {
    /// Added to the built-in list (PID 1, sshd, dbus, systemd-*, container runtimes, sockdog itself), which
    /// nothing removes.
    std::vector<std::string> protected_units;
    std::vector<std::string> protected_executables;
    /// Nothing is done before the host has been up for this long: services still start, and connect to what
    /// is not there yet.
    Duration after_boot = 5min;
    MonitSettings monit{};
};

/// Restarts the service of monit that the process or an ancestor belongs to, through `helper`, a program that
/// talks to monit without any privilege. Success: monit has accepted it. `settings` is asked at each action.
std::unique_ptr<Actuator> make_monit_actuator(sd_event* loop, std::function<RemedySettings()> settings,
                                              std::string helper);

struct RemedyHooks {
    /// A step to be told; the agent journals it through IncidentBook::add_remedy. The incident of a remedy
    /// that is under way may have been resolved meanwhile (its process was restarted): its result belongs
    /// into the journal all the same.
    std::function<void(const std::string& incident_id, const RemedyReport&)> report;
    /// Whether what was reported last is in the journal. An action whose start is not is not begun: after a
    /// kill -9 nobody would know of it.
    std::function<bool()> journalled;
    /// Reads the process's identity anew from /proc; an error when it is gone or another process has its pid.
    std::function<Result<Owner>(ProcessId)> identify;
    std::function<OwnerState(const Incident&)> observe;
    /// True while lost events make the books uncertain: then nothing is done.
    std::function<bool()> uncertain;
};

class RemedyEngine {
  public:
    RemedyEngine(std::map<RemedyAction, std::unique_ptr<Actuator>> actuators, RemedySettings settings,
                 RemedyHooks hooks);
    ~RemedyEngine();
    RemedyEngine(const RemedyEngine&) = delete;
    RemedyEngine& operator=(const RemedyEngine&) = delete;

    /// Cooldowns and budget of actions taken before a restart, from the journal's incidents. An action that
    /// had started and was never reported on counts as taken and as failed.
    /// `released_at`: when an operator last said release(), as kept in the journal.
    void restore(const std::vector<Incident>& incidents, std::optional<WallTime> released_at = {});
    /// One turn: open incidents with the policy of each. Decides, starts at most one action, drives
    /// verification.
    void tick(const Now& now, const std::vector<std::pair<Incident, RemedyPolicy>>& open);
    void set_settings(RemedySettings settings);

    /// Stops all acting (an action already under way is followed to its end) until release().
    void hold(std::string why);
    void release();
    [[nodiscard]] std::optional<std::string> held() const;
    /// An action or a verification is under way.
    [[nodiscard]] bool busy() const;
    /// The incident it is under way for, with the reports made so far; valid also after the incident was
    /// resolved.
    [[nodiscard]] std::optional<Incident> under_way() const;
    /// Why nothing is done about an open incident, as of the last tick: also what is never reported (a policy
    /// without an action, evidence not sustained yet). Nothing where all guards passed or the incident is not
    /// known.
    [[nodiscard]] std::optional<std::string> why_not(const std::string& incident_id) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sockdog
