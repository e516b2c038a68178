// What a remedy is aimed at: the unit to restart, or the command with its placeholders filled in. Pure. Any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "incident/incident.h"
#include "remedy/policy.h"

namespace sockdog {

/// Letters, digits and ":-_.\@", an ending of systemd's, at most 255 bytes and no leading dash: cgroups can
/// be named by whoever they were delegated to, and the name goes to systemd or onto a command line.
bool valid_unit_name(std::string_view name);

/// 1000 of "user@1000.service", the unit of a user's own service manager.
std::optional<std::uint32_t> user_manager_uid(std::string_view unit);

/// The unit that systemd-restart restarts: the user's own where there is one, else the host's.
const std::string& unit_to_restart(const Owner& owner);

/// Why the policy's action cannot be aimed at this owner (no service, another manager's unit, a placeholder
/// without a value); nothing where it can.
std::optional<std::string> untargetable(const Incident& incident, const RemedyPolicy& policy);

/// policy.command with {pid}, {unit}, {container} and {incident} filled in, one pass, inside single
/// arguments. The first element, the program, is taken as it stands.
Result<std::vector<std::string>> expand_command(const Incident& incident, const RemedyPolicy& policy);

/// For reports: the unit, the command line, or whose service of monit; printable.
std::string describe_target(const Incident& incident, const RemedyPolicy& policy);

}  // namespace sockdog
