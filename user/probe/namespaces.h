// The network namespaces of the host, and what each has to itself: its range of local ports. Loop thread; a
// namespace is entered by a thread of its own, which ends there.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace sockdog {

/// Open fds of all namespaces that a process or a name in /run/netns keeps, but our own, by inode number.
std::map<std::uint32_t, UniqueFd> other_network_namespaces();
std::uint32_t own_network_namespace();

/// Runs `act` inside of a namespace. False when it could not be entered (needs CAP_SYS_ADMIN).
bool inside_namespace(const UniqueFd& netns, const std::function<void()>& act);

/// How many local ports connect() may choose from: ip_local_port_range less ip_local_reserved_ports, in the
/// texts of the kernel's Documentation/networking/ip-sysctl.rst. Nothing where the range makes no sense.
std::optional<std::uint32_t> count_local_ports(std::string_view range, std::string_view reserved);

/// The same for each network namespace, by inode number. A pass over /proc and a thread a namespace:
/// milliseconds, not for every tick.
std::map<std::uint32_t, std::uint32_t> read_local_ports();

}  // namespace sockdog
