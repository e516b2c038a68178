// What one process did over time: its gauges at each tick and, while it is looked at closely, a summary per endpoint.
// Bounded: samples older than the longest window needed are dropped. Survives gaps and never trusts wall time. Loop thread.
#pragma once

#include <deque>
#include <map>
#include <span>
#include <vector>

#include "base/time.h"
#include "detect/limits.h"
#include "probe/types.h"

namespace sockdog {

struct EndpointKey {
    SocketRole role = SocketRole::kOpened;
    Endpoint endpoint;  // remote for opened, local for accepted
    std::uint32_t netns = 0;
    auto operator<=>(const EndpointKey&) const = default;
};
EndpointKey endpoint_key(const SocketRecord& socket);

struct GaugePoint {
    MonoTime at;
    Gauges gauges;
};

/// One walk's summary of one endpoint.
struct EndpointPoint {
    MonoTime at;
    std::uint32_t established = 0;
    std::uint32_t close_wait = 0;        // with an fd
    std::uint32_t idle = 0;              // ESTABLISHED, idle since their first exchange
    std::uint32_t older = 0;             // open sockets that were already there at the previous walk
    std::uint32_t born = 0;              // open sockets that were not
    MonoTime newest_opened{};
};

class ProcessHistory {
  public:
    /// `at` must not go back; a sample at or before the last one is ignored.
    void add(MonoTime at, const Gauges& gauges);
    void add_walk(MonoTime at, std::span<const SocketRecord> sockets);
    /// Drops what is older than `keep` before the newest sample.
    void trim(Duration keep);

    [[nodiscard]] const std::deque<GaugePoint>& gauges() const { return gauges_; }
    [[nodiscard]] const std::map<EndpointKey, std::deque<EndpointPoint>>& endpoints() const { return endpoints_; }

  private:
    std::deque<GaugePoint> gauges_;
    std::map<EndpointKey, std::deque<EndpointPoint>> endpoints_;
};

}  // namespace sockdog
