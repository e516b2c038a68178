// A budget of CPU time for looking at sockets one by one, so that a host with many suspects does not pay for
// its watchdog. Earned at a share of one core, saved up for at most a minute. Loop thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace sockdog {

class Throttle {
  public:
    static constexpr Duration kSavedFor = 60s;

    /// `share` of one core, above 0.
    void set_share(double share) { share_ = share; }

    /// Nothing: go on. Else the moment from which there is budget again; that is counted and remembered.
    std::optional<MonoTime> refuse(MonoTime now);
    void charge(MonoTime now, Duration cpu);

    /// Looks that were put off since the start, and when the last one was.
    [[nodiscard]] std::uint64_t refused() const { return refused_; }
    [[nodiscard]] std::optional<MonoTime> last_refused() const { return last_refused_; }

  private:
    void earn(MonoTime now);

    double share_ = 0.05;
    double saved_ns_ = 0;
    std::optional<MonoTime> earned_at_;
    std::uint64_t refused_ = 0;
    std::optional<MonoTime> last_refused_;
};

/// CPU time of the calling thread, system calls included.
Duration thread_cpu_time();

}  // namespace sockdog
