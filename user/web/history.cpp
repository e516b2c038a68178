#include "web/history.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sockdog {

void History::add(WallTime now, const AgentState& agent) {
    Point point;
    point.at = now;
    point.up = agent.up;
    for (const Incident& incident : agent.open)
        point.leaked[static_cast<std::size_t>(incident.latest.leak_class)] += incident.latest.leaked;
    const std::lock_guard lock(mutex_);
    const auto minute = [](WallTime at) { return std::chrono::floor<std::chrono::minutes>(at); };
    if (!points_.empty() && minute(points_.back().at) == minute(now))
        points_.back() = point;
    else
        points_.push_back(point);
    if (points_.size() > kPoints) points_.pop_front();
}

nlohmann::json History::json() const {
    const std::lock_guard lock(mutex_);
    auto at = nlohmann::json::array();
    for (const Point& point : points_)
        at.push_back(std::chrono::floor<std::chrono::seconds>(point.at).time_since_epoch().count());
    nlohmann::json out = {{"at", std::move(at)}, {"classes", nlohmann::json::object()}};
    for (const LeakClass leak_class : kLeakClasses) {
        const auto index = static_cast<std::size_t>(leak_class);
        if (std::ranges::none_of(points_, [&](const Point& point) { return point.leaked[index] > 0; }))
            continue;
        auto values = nlohmann::json::array();
        for (const Point& point : points_)
            values.push_back(point.up ? nlohmann::json(point.leaked[index]) : nlohmann::json());
        out["classes"][std::string(to_string(leak_class))] = std::move(values);
    }
    return out;
}

}  // namespace sockdog
