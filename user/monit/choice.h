// Which service a process belongs to, and whether it may be restarted. Pure, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "monit/status.h"

namespace sockdog::monit {

/// A service to restart; or why none is, then `service` is the one that was found, if any.
struct Choice {
    std::string service;
    std::string refusal;  // empty: restart it. Else it begins as a guard's reason does: "target: ..."
    [[nodiscard]] bool allowed() const { return refusal.empty(); }
};

/// `lineage`: the process, its parent, its parent's parent, ... The nearest that monit knows decides.
Choice choose(std::span<const Service> services, std::span<const std::uint32_t> lineage);

/// Letters, digits and "_.:+@-", not "." nor "..", up to 255 bytes: the name becomes part of a URL, and of
/// what people read. monit's own pages have names that begin with an underscore.
bool fit_name(std::string_view name);

}  // namespace sockdog::monit
