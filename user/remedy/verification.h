// Judges a remedy by the books after it was carried out. Pure: fed one observation a tick. Loop thread.
//
//   seen after the action               | verdict
//   ------------------------------------|----------------------------------------------------------------
//   first moments (settle)              | none yet: findings about the old process may still be there
//   the same process                    | failed; at once for systemd-restart, else once `verify` is over:
//                                       | a command and monit may restart later
//   sockets leaked again                | failed at once
//   books uncertain                     | the window starts again; failed after three windows
//   another process, nothing leaked     | succeeded once `verify` is over
//   no process, `verify` over           | failed, the service did not come back; of a command: succeeded
#pragma once

#include <optional>
#include <string>

#include "base/time.h"
#include "remedy/engine.h"

namespace sockdog {

class Verification {
  public:
    /// `acted_on` is the process that leaked; `since` when the action reported success.
    Verification(RemedyAction action, ProcessId acted_on, Duration verify, MonoTime since);

    struct Outcome {
        bool succeeded = false;
        std::string sentence;
    };
    /// `old_alive`: /proc still has the process that was acted on.
    std::optional<Outcome> observe(MonoTime now, const OwnerState& state, bool old_alive, bool uncertain);

  private:
    [[nodiscard]] Outcome conclude(const OwnerState& state) const;

    RemedyAction action_;
    ProcessId acted_on_;
    Duration verify_;
    MonoTime since_;
    MonoTime clean_since_;
};

}  // namespace sockdog
