// Call sites together: by the line of the application that they share, and as folded stacks. Pure functions,
// any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "callsite/call_site.h"

namespace sockdog {

/// How many connections a call site stands for: sockets that are open now, or were opened.
struct CountedSite {
    const CallSite* site = nullptr;  // null is left out
    std::uint64_t count = 0;
};

/// Call sites whose application's frame is the same: function, file and line. Those without one are together
/// by their innermost frame.
struct SiteGroup {
    CallFrame frame;
    bool is_application = false;
    std::uint64_t count = 0;
    std::vector<std::uint64_t> call_sites;  // ids, the largest count first
};

/// The largest count first; of equal ones by the frame's text.
std::vector<SiteGroup> group_by_line(std::span<const CountedSite> sites);

/// Folded stacks, "outermost;...;innermost count" a line, as flamegraph.pl and its kin read them: equal
/// stacks are one line, in the order of the text. Semicolons and line ends within names become other
/// characters.
std::string fold_stacks(std::span<const CountedSite> sites);

}  // namespace sockdog
