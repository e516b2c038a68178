// The two clocks of the project. "Now" is read once per tick and passed down; only the loop calls now().
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sockdog {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;

/// CLOCK_MONOTONIC in nanoseconds, the clock of bpf_ktime_get_ns(): comparable with what the kernel side
/// stamps.
struct MonoClock {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<MonoClock>;
    static constexpr bool is_steady = true;
    static time_point now();
};
using MonoTime = MonoClock::time_point;

/// UTC, milliseconds: what people and journals see. May jump; never used to measure.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// One instant on both clocks.
struct Now {
    MonoTime mono;
    WallTime wall;
};
Now read_now();

/// "2026-11-22T19:39:15.123Z" (RFC 3339); beyond the years 0 to 9999 the nearest moment within.
std::string format_rfc3339(WallTime t);
/// The inverse of format_rfc3339; the epoch where the text is not RFC 3339 UTC.
WallTime parse_rfc3339(const std::string& text);

/// For people, cut not rounded: "0s", "<1ms", "850ms", "12s", "3m20s", "5h02m", "4d06h".
std::string format_duration(Duration d);

}  // namespace sockdog
