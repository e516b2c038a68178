// A process as the kernel knows it: a pid alone is reused, pid and start time are not.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace sockdog {

/// `start_ticks` is field 22 of /proc/PID/stat (USER_HZ ticks of 10 ms since boot, CLOCK_BOOTTIME); pid is
/// the tgid in the initial pid namespace. {0, 0} stands for "no process": sockets that nobody holds or whose
/// owner is not known yet.
struct ProcessId {
    std::uint32_t pid = 0;
    std::uint64_t start_ticks = 0;

    auto operator<=>(const ProcessId&) const = default;
    [[nodiscard]] bool known() const { return pid != 0; }
};

}  // namespace sockdog

template <>
struct std::hash<sockdog::ProcessId> {
    std::size_t operator()(const sockdog::ProcessId& id) const noexcept {
        return std::hash<std::uint64_t>{}((static_cast<std::uint64_t>(id.pid) << 40) ^ id.start_ticks);
    }
};
