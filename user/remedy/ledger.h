// What was done to whom, and how it ended: the memory behind cooldown, budget and giving up. Loop thread.
//
// Times of this run are monotonic, so a jump of the wall clock neither shortens nor prolongs a cooldown.
// Times from the journal are wall times; they are put on the monotonic clock once, at the first anchor(), and
// one in the future counts as that moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "incident/incident.h"

namespace sockdog {

/// An action that had started when the agent ended: nobody knows how it went.
struct Interrupted {
    std::string incident_id;
    RemedyReport started;
};

class Ledger {
  public:
    /// Takes up the journal. A start without a result counts as taken and as failed; those are returned.
    /// `released_at`: the operator's last release, which forgave what had failed until then.
    std::vector<Interrupted> restore(const std::vector<Incident>& incidents,
                                     std::optional<WallTime> released_at = {});
    /// Puts restored times on the monotonic clock. Call at the start of every tick, before asking.
    void anchor(const Now& now);

    void started(const std::string& owner_key, MonoTime at);
    void succeeded(const std::string& owner_key);
    void failed(const std::string& owner_key);
    void gave_up(const std::string& owner_key);
    /// An operator's release: failures and give-ups of everybody are forgotten, cooldowns and the budget are
    /// not.
    void forgive();

    [[nodiscard]] std::optional<MonoTime> last_action(const std::string& owner_key) const;
    /// Failed tries since the last success.
    [[nodiscard]] std::uint32_t failures(const std::string& owner_key) const;
    /// It was told that nothing more will be done.
    [[nodiscard]] bool has_given_up(const std::string& owner_key) const;
    /// Times of the actions on anybody after `since`, oldest first.
    [[nodiscard]] std::vector<MonoTime> actions_after(MonoTime since) const;

  private:
    struct Account {
        std::optional<MonoTime> last_action;
        std::uint32_t failures = 0;
        bool gave_up = false;
    };
    struct Past {
        std::string owner_key;
        WallTime at;
    };
    void settle(Account& account, RemedyOutcome outcome);

    std::map<std::string, Account> accounts_;  // by Owner::stable_key()
    std::deque<MonoTime> actions_;             // of everybody, oldest first
    std::vector<Past> unanchored_;
};

/// How long ago `then` was: never negative, and never so long that nanoseconds overflow.
Duration wall_age(WallTime now, WallTime then);

}  // namespace sockdog
