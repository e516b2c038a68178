#include "monit/choice.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace sockdog::monit {
namespace {

constexpr std::size_t kNamed = 5;  // services that a sentence names

bool is_process(const Service& service) {
    return service.type == kProcessType;
}

std::string list_of(const std::vector<const Service*>& services) {
    std::string text;
    for (std::size_t i = 0; i < services.size() && i < kNamed; ++i)
        text += (i == 0 ? "" : ", ") + printable(services[i]->name);
    if (services.size() > kNamed) text += " and " + std::to_string(services.size() - kNamed) + " more";
    return text;
}

/// monit tells no pid of a service that it does not monitor: which one it may be is for people to see.
Choice nothing_found(std::span<const Service> services, std::span<const std::uint32_t> lineage) {
    std::vector<const Service*> unmonitored;
    for (const Service& service : services) {
        if (is_process(service) && service.monitor == 0) unmonitored.push_back(&service);
    }
    std::string why = "target: no service of monit has ";
    why += lineage.empty() ? "this process" : "pid " + std::to_string(lineage.front());
    if (lineage.size() > 1) why += " or one of its ancestors";
    if (!unmonitored.empty()) {
        why += "; not monitored, so that monit does not tell their pids, are " + list_of(unmonitored);
        why += " (\"monit monitor NAME\" allows it again)";
    }
    return {{}, why};
}

Choice judge(const Service& service) {
    const std::string name = "monit service " + printable(service.name);
    if (!fit_name(service.name)) return {{}, "target: the name of " + name + " is not fit for a request"};
    if (!service.monitor || !service.pending_action)
        return {service.name, "target: monit does not tell the state of " + name};
    if (service.monitor == 0) {
        return {service.name, "target: " + name +
                                  " is not monitored; an operator wanted it so, and a restart would switch "
                                  "monitoring on again"};
    }
    if (service.pending_action != 0)
        return {service.name, "busy: monit is at work on " + name + " already (an action is pending)"};
    return {service.name, {}};
}

}  // namespace

bool fit_name(std::string_view name) {
    constexpr std::string_view kAllowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:+@-";
    constexpr std::size_t kLongest = 255;
    return !name.empty() && name.size() <= kLongest && name != "." && name != ".." && name.front() != '_' &&
           name.find_first_not_of(kAllowed) == std::string_view::npos;
}

Choice choose(std::span<const Service> services, std::span<const std::uint32_t> lineage) {
    for (const std::uint32_t pid : lineage) {
        if (pid <= 1) continue;
        std::vector<const Service*> found;
        for (const Service& service : services) {
            if (is_process(service) && service.pid == pid) found.push_back(&service);
        }
        if (found.size() > 1)
            return {{}, "target: pid " + std::to_string(pid) + " is of several services: " + list_of(found)};
        if (found.size() == 1) return judge(*found.front());
    }
    return nothing_found(services, lineage);
}

}  // namespace sockdog::monit
