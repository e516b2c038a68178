// Leaked sockets by class and incidents that are open, over the last day, a point a minute. In memory: after
// a restart of the relay it begins anew. Any thread.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "web/agent_view.h"

namespace sockdog {

class History {
  public:
    static constexpr std::size_t kPoints = 1440;
    static constexpr Duration kEvery = 1min;

    /// The last of a minute stands for it.
    void add(WallTime now, const AgentState& agent);
    /// {"at": [...], "close_wait": [...], ...}: seconds since 1970, and leaked sockets; null where sockdogd
    /// did not answer. Classes without any are left out.
    [[nodiscard]] nlohmann::json json() const;

  private:
    struct Point {
        WallTime at;
        bool up = false;
        std::array<std::uint32_t, std::size(kLeakClasses)> leaked{};
    };
    mutable std::mutex mutex_;
    std::deque<Point> points_;  // guarded by mutex_
};

}  // namespace sockdog
