#include "callsite/grouping.h"

#include <algorithm>
#include <map>

#include "base/text.h"

namespace sockdog {
namespace {

/// The frame that stands for a call site; null where it has none.
const CallFrame* representative(const CallSite& site) {
    if (const CallFrame* frame = site.application_frame()) return frame;
    return site.frames.empty() ? nullptr : &site.frames.front();
}

std::string fold_frame(const CallFrame& frame) {
    std::string text = printable(to_string(frame));
    std::ranges::replace(text, ';', ',');
    return text;
}

std::string fold(const CallSite& site) {
    std::string line;
    for (auto frame = site.frames.rbegin(); frame != site.frames.rend(); ++frame)
        line += (line.empty() ? "" : ";") + fold_frame(*frame);
    return line.empty() ? "unknown" : line;
}

}  // namespace

std::vector<SiteGroup> group_by_line(std::span<const CountedSite> sites) {
    std::vector<CountedSite> by_count(sites.begin(), sites.end());
    std::ranges::stable_sort(by_count, std::ranges::greater{}, &CountedSite::count);
    std::map<std::string, SiteGroup> groups;
    for (const CountedSite& counted : by_count) {
        if (!counted.site) continue;
        const CallFrame* frame = representative(*counted.site);
        SiteGroup& group = groups[frame ? to_long_string(*frame) : ""];
        if (frame && group.call_sites.empty()) group.frame = *frame;
        group.is_application = counted.site->application_frame() != nullptr;
        group.count += counted.count;
        group.call_sites.push_back(counted.site->id);
    }
    std::vector<SiteGroup> sorted;
    sorted.reserve(groups.size());
    for (auto& [text, group] : groups) sorted.push_back(std::move(group));
    std::ranges::stable_sort(sorted, std::ranges::greater{}, &SiteGroup::count);
    return sorted;
}

std::string fold_stacks(std::span<const CountedSite> sites) {
    std::map<std::string, std::uint64_t> lines;
    for (const CountedSite& counted : sites)
        if (counted.site && counted.count > 0) lines[fold(*counted.site)] += counted.count;
    std::string text;
    for (const auto& [line, count] : lines) text += line + " " + std::to_string(count) + "\n";
    return text;
}

}  // namespace sockdog
