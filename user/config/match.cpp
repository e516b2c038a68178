#include <fnmatch.h>

#include <string>

#include "config/config.h"

namespace sockdog {

std::string_view to_string(CallSiteWatch when) {
    switch (when) {
        case CallSiteWatch::kNever:
            return "never";
        case CallSiteWatch::kSuspects:
            return "suspects";
        case CallSiteWatch::kAlways:
            return "always";
    }
    return "unknown";
}
namespace {

// A process may have a command line of megabytes, and a pattern with many stars looks at every byte again and
// again.
constexpr std::size_t kMatched = 16384;

bool like(const std::string& pattern, const std::string& text) {
    const auto cut = text.size() > kMatched ? text.substr(0, kMatched) : text;
    return ::fnmatch(pattern.c_str(), cut.c_str(), 0) == 0;
}

bool like_container(const std::string& pattern, const std::string& id) {
    if (id.empty()) return false;
    if (pattern.find_first_of("*?[\\") != std::string::npos) return like(pattern, id);
    return id.starts_with(pattern);
}

}  // namespace

bool matches(const PolicyMatch& match, const Owner& owner) {
    return (!match.unit || like(*match.unit, owner.unit)) &&
           (!match.executable || like(*match.executable, owner.executable)) &&
           (!match.command_line || like(*match.command_line, owner.command_line)) &&
           (!match.uid || *match.uid == owner.uid) && (!match.cgroup || like(*match.cgroup, owner.cgroup)) &&
           (!match.container || like_container(*match.container, owner.container_id));
}

const Policy& policy_for(const Config& config, const Owner& owner) {
    for (const Policy& policy : config.policies) {
        if (matches(policy.match, owner)) return policy;
    }
    return config.defaults;
}

}  // namespace sockdog
