// One line of time over several boots: each has a monotonic clock of its own, and only the wall clock tells
// how far apart they are. Within a boot nothing but its monotonic clock counts, whatever the wall clock did.
// Pure.
#pragma once

#include <optional>
#include <string>

#include "base/time.h"

namespace sockdog {

class MonoLine {
  public:
    /// A moment of `boot`, the latest so far; never before the one before it.
    MonoTime place(const std::string& boot, MonoTime at, WallTime wall) {
        if (!boot_ || *boot_ != boot) {
            boot_ = boot;
            MonoTime start{std::chrono::duration_cast<Duration>(wall.time_since_epoch())};
            // A wall clock that was set back meanwhile: the boots follow each other all the same.
            if (latest_ && start <= *latest_) start = *latest_ + 1s;
            shift_ = start - at;
        }
        latest_ = at + shift_;
        return *latest_;
    }
    /// From the clock of the latest boot to the line.
    [[nodiscard]] Duration shift() const { return shift_; }

  private:
    std::optional<std::string> boot_;
    std::optional<MonoTime> latest_;
    Duration shift_{};
};

}  // namespace sockdog
