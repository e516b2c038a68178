// The thresholds of the detectors. Each default says why that number; config/sockdog.yaml repeats them for
// operators.
#pragma once

#include <algorithm>
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

    [[nodiscard]] Duration look_back() const { return window * std::max(1U, windows); }
};

struct BacklogLimits {
    bool enabled = true;
    /// Connections that peers gave up before accept(). listen(5) holds six; 4 is clear of one burst at a bad
    /// moment.
    std::uint32_t count = 4;
    /// How long nothing was accepted. The queue is first in, first out: the same head for a minute is a stuck
    /// acceptor.
    Duration dwell = 60s;
};

struct DeadFdLimits {
    bool enabled = true;
    /// As for CLOSE_WAIT: a pool that finds its connections reset at its next lease holds a few of them until
    /// then.
    std::uint32_t count = 8;
    Duration dwell = 60s;
};

struct HalfClosedLimits {
    bool enabled = true;
    /// A client that says "that was all" and reads the answer is in FIN_WAIT2 for the length of the answer.
    std::uint32_t count = 8;
    /// Without a byte received: an answer that takes a minute to begin is rare.
    Duration dwell = 60s;
};

struct UnusedLimits {
    bool enabled = true;
    /// Sockets made and never connected. Some programs make a set of them at start; ever more is the leak.
    std::uint32_t count = 32;
    Duration dwell = 60s;
};

struct InheritedLimits {
    bool enabled = true;
    /// Of one child. A server of the inetd kind hands one or two to each.
    std::uint32_t count = 8;
    /// Without data: what the child was meant to have it uses.
    Duration dwell = 60s;
};

struct ChurnLimits {
    bool enabled = true;
    /// Idle connections to one endpoint that wait for the server to close them; as idle_growth's survivors.
    std::uint32_t idle = 32;
};

struct ExhaustionLimits {
    bool enabled = true;
    /// Share of the local ports to one endpoint, or of the process's fds, from which growth is told as
    /// exhaustion. At 0.8 a fifth of the time is left to act.
    double share = 0.8;
};

/// Of one policy: a set for each class.
struct Limits {
    CloseWaitLimits close_wait;
    IdleGrowthLimits idle_growth;
    BacklogLimits backlog;
    DeadFdLimits dead_fd;
    HalfClosedLimits half_closed;
    UnusedLimits unused;
    InheritedLimits inherited;
    ExhaustionLimits exhaustion;
    ChurnLimits churn;
};

}  // namespace sockdog
