// Where systemd's manager answers on the bus: org.freedesktop.systemd1(5).
#pragma once

namespace sockdog {

inline constexpr const char* kSystemd = "org.freedesktop.systemd1";
inline constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
inline constexpr const char* kManager = "org.freedesktop.systemd1.Manager";

}  // namespace sockdog
