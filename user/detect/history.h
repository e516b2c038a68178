// What one process did over time: its gauges at each tick and, while it is looked at closely, a summary per
// endpoint. Bounded: what is older than the longest window needed is thinned out to a few landmarks. Survives
// gaps and never trusts wall time. Copyable, no references into the walks it was given. Loop thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
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
/// Of one socket by its own role; an unknown role counts as opened. A v4-mapped address is the IPv4 address
/// it stands for.
EndpointKey endpoint_key(const SocketRecord& socket);

struct GaugePoint {
    MonoTime at;
    Gauges gauges;
};

/// One walk's summary of one endpoint.
struct EndpointPoint {
    MonoTime at;
    std::uint32_t established = 0;
    std::uint32_t close_wait = 0;  // with an fd
    std::uint32_t idle = 0;        // ESTABLISHED, no data since the first tenth of their life
    std::uint32_t fin_wait2 = 0;   // with an fd
    std::uint32_t dead = 0;        // CLOSE, with an fd
    std::uint32_t waiting = 0;     // CLOSE_WAIT without an fd: nobody accepted it
    std::optional<MonoTime> head;  // birth of the oldest of those, where known
    std::uint32_t older = 0;       // open sockets that were already there at the previous walk
    std::uint32_t born = 0;        // open sockets that were not
    MonoTime newest_opened{};
};

class ProcessHistory {
  public:
    /// What the books call "before" did not begin later than this: for books that are older than the history.
    void begin(MonoTime books_since) { note(books_since); }
    /// `at` must not go back; a sample at or before the last one is ignored.
    void add(MonoTime at, const Gauges& gauges);
    void add_walk(MonoTime at, std::span<const SocketRecord> sockets);
    /// Thins out what is older than `keep` before the newest sample: of each band of ages, a third longer
    /// than the one before, the point with most sockets stays, so that a pile that went away is not
    /// forgotten. Endpoints without a socket for `keep` are dropped. At most kMaxPoints a series and
    /// kMaxEndpoints endpoints remain, those with most sockets.
    void trim(Duration keep);

    static constexpr std::size_t kMaxPoints = 512;     // 10 min of 5 s ticks are 120
    static constexpr std::size_t kMaxEndpoints = 256;  // a crawler talks to thousands, it leaks to few
    static constexpr std::uint32_t kMinSockets =
        3;  // endpoints with fewer sockets get no series of their own

    /// The first sample ever, kept for ever, or what begin() was told: nothing that the books call "before"
    /// began later, and counters began to count then.
    [[nodiscard]] std::optional<MonoTime> since() const { return since_; }

    [[nodiscard]] const std::deque<GaugePoint>& gauges() const { return gauges_; }
    [[nodiscard]] const std::map<EndpointKey, std::deque<EndpointPoint>>& endpoints() const {
        return endpoints_;
    }

  private:
    void note(MonoTime at);

    std::optional<MonoTime> since_;
    std::optional<MonoTime> last_walk_;
    std::deque<GaugePoint> gauges_;
    std::map<EndpointKey, std::deque<EndpointPoint>> endpoints_;
};

}  // namespace sockdog
