#include "web/services.h"

#include <algorithm>
#include <set>

#include "probe/gauge_counters.h"

namespace sockdog {
namespace {

// Names of services that are no more; the oldest in the alphabet are kept, which is as good as any.
constexpr std::size_t kMostEnded = 4096;

void add(Gauges& to, const Gauges& from) {
    for (std::size_t i = 0; i < to.sockets.size(); ++i) to.sockets[i] += from.sockets[i];
    add_counters(to, from);
}

}  // namespace

ServiceName service_of(const Owner& owner) {
    ServiceName name;
    name.unit = json_safe(owner.user_unit.empty() ? owner.unit : owner.user_unit);
    name.executable = json_safe(owner.executable.empty() ? owner.comm : owner.executable);
    name.container = json_safe(owner.container_id.substr(0, 12));
    return name;
}

std::vector<ServiceCount> Services::count(const std::vector<ProcessView>& processes) {
    std::set<ProcessId> alive;
    std::map<ServiceName, Gauges> sums = ended_;
    for (const ProcessView& process : processes) {
        const ProcessId id = process.owner.process;
        const ServiceName name = service_of(process.owner);
        alive.insert(id);
        // What it was called first counts: an exec or a new unit must not move what was counted already.
        const auto [known, fresh] = known_.try_emplace(id, Known{name, {}});
        known->second.last = process.gauges;
        add(sums[known->second.name], process.gauges);
    }
    std::erase_if(known_, [&](const auto& entry) {
        const auto& [id, known] = entry;
        if (alive.contains(id)) return false;
        if (ended_.size() < kMostEnded || ended_.contains(known.name)) {
            Gauges counters = known.last;
            counters.sockets = {};
            add_counters(ended_[known.name], counters);
            add_counters(sums[known.name], counters);
        }
        return true;
    });
    std::vector<ServiceCount> counts;
    counts.reserve(sums.size());
    for (auto& [name, gauges] : sums) counts.push_back({name, gauges});
    std::stable_sort(counts.begin(), counts.end(), [](const ServiceCount& a, const ServiceCount& b) {
        return std::tuple(b.gauges.in(TcpState::kCloseWait), b.gauges.total()) <
               std::tuple(a.gauges.in(TcpState::kCloseWait), a.gauges.total());
    });
    overflow_ = counts.size() > most_ ? counts.size() - most_ : 0;
    if (overflow_ == 0) return counts;
    ServiceCount others{kOtherServices, {}};
    for (std::size_t i = most_; i < counts.size(); ++i) add(others.gauges, counts[i].gauges);
    counts.resize(most_);
    counts.push_back(std::move(others));
    return counts;
}

}  // namespace sockdog
