// What is kept back: incidents under a silence, and those that flap. Nothing is lost by it: what is still
// open when the time is over is told then. Held by the dispatcher's mutex.
//
//   what comes                 | silenced                       | flaps
//   ---------------------------|--------------------------------|-------------------------------------------
//   opened                     | held until the silence ends    | held for FlapSettings::hold
//   grew, escalated            | held, in place of the former   | told
//   remedied                   | not told                       | told
//   resolved                   | told to who knows that it is open; else it cancels what is held
#pragma once

#include <atomic>
#include <vector>

#include "incident/incident.h"
#include "relay/receiver.h"
#include "relay/shared_outbox.h"

namespace sockdog {

/// An incident that opens for the `openings`-th time within `window` flaps.
struct FlapSettings {
    std::uint32_t openings = 4;  // 0: never
    Duration window = 1h;
    Duration hold = 1h;
};

[[nodiscard]] bool silenced_by(const Silence& silence, const Incident& incident);

class Quiet {
  public:
    Quiet(SharedOutbox& outbox, FlapSettings flap) : outbox_(outbox), flap_(flap) {}
    void set(FlapSettings flap) { flap_ = flap; }

    /// Marks, and takes away, what is not to be told now. `items` tell of `revision`.
    Status apply(const Revision& revision, WallTime now, std::vector<OutboxItem>& items);
    /// Incidents that were held since the start.
    [[nodiscard]] std::uint64_t flapped() const { return flapped_; }
    [[nodiscard]] std::uint64_t silenced() const { return silenced_; }

  private:
    SharedOutbox& outbox_;
    FlapSettings flap_;
    std::atomic<std::uint64_t> flapped_ = 0;
    std::atomic<std::uint64_t> silenced_ = 0;
};

}  // namespace sockdog
