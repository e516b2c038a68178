// Processes added up to what metrics may be labelled by: unit, executable and container, never pid or peer.
// Bounded: the services beyond are added up under one name and counted. Counters never fall while the relay
// runs, although processes end and take theirs along. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "query/views.h"

namespace sockdog {

struct ServiceName {
    std::string unit;
    std::string executable;
    std::string container;
    auto operator<=>(const ServiceName&) const = default;
};
/// Of what is beyond the bound.
inline const ServiceName kOtherServices{"(other)", "", ""};

/// "" for what is unknown; valid UTF-8.
ServiceName service_of(const Owner& owner);

struct ServiceCount {
    ServiceName name;
    Gauges gauges;
};

class Services {
  public:
    explicit Services(std::size_t most) : most_(most) {}

    /// Most sockets in CLOSE_WAIT first, then most sockets: those within the bound, the others as one.
    std::vector<ServiceCount> count(const std::vector<ProcessView>& processes);
    /// Services that were beyond the bound at the last count.
    [[nodiscard]] std::size_t overflow() const { return overflow_; }

  private:
    struct Known {
        ServiceName name;
        Gauges last;
    };
    std::size_t most_;
    std::size_t overflow_ = 0;
    std::unordered_map<ProcessId, Known> known_;
    std::map<ServiceName, Gauges> ended_;  // counters of processes that are no more
};

}  // namespace sockdog
