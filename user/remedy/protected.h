// The list of what no policy can have restarted: losing one of these costs the host, not just a service.
// Built in, and widened by settings; nothing narrows it. Pure functions but for getpid(). Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "owner/owner.h"
#include "remedy/engine.h"

namespace sockdog {

/// True for a unit of the built-in list or one that matches a pattern of `settings` (fnmatch(3)).
bool is_protected_unit(std::string_view unit, const RemedySettings& settings);

/// True for an executable whose base name is on the built-in list, or that matches a pattern of `settings`:
/// by its whole path where the pattern has a slash, else by its base name.
bool is_protected_executable(std::string_view path, const RemedySettings& settings);

/// Why `action` may not be taken for this process; nothing where it may. A process whose executable cannot be
/// told is protected. A user's manager (user@UID.service) is protected itself, not the units that it runs,
/// where the action is one that restarts those alone: systemd-restart.
std::optional<std::string> protection_of(const Owner& owner, const RemedySettings& settings,
                                         RemedyAction action);

}  // namespace sockdog
