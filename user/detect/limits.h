// The thresholds of the detectors. Each default says why that number; config/sockdog.yaml repeats them for
// operators.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace sockdog {

struct CloseWaitLimits {
    bool enabled = true;
    /// Sockets. A shared client whose tick is longer than the server's keep-alive has 2-3 for ever; 8 is
    /// clear of that.
    std::uint32_t count = 8;
    /// A program that closes at its next turn does so within seconds; a minute is no turn.
    Duration dwell = 60s;
    /// Sockets in CLOSE_WAIT at which the kernel wakes the agent at once instead of at its next tick.
    std::uint32_t wake = 64;
};

struct IdleGrowthLimits {
    bool enabled = true;
    /// Net new idle survivors. Pools of HTTP clients default to 2-20 connections per endpoint; 32 is above.
    std::uint32_t survivors = 32;
    /// Consecutive windows with growth: a burst is one step, a ramp that levels off stops.
    std::uint32_t windows = 3;
    Duration window = 60s;
    /// Youngest age at which a connection can be called a survivor; raised to 5 median connect intervals.
    Duration min_age = 60s;
    /// Share of the cohort older than that which must still be open.
    double survival = 0.9;
};

struct Limits {
    CloseWaitLimits close_wait;
    IdleGrowthLimits idle_growth;
};

}  // namespace sockdog
