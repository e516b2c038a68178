// When an alert is tried again, and when it is given up. Pure functions, any thread.
//
//   answer                                  | verdict   | why
//   ----------------------------------------|-----------|------------------------------------------------------------
//   2xx                                     | delivered |
//   none: refused, timed out, certificate   | retry     | somebody will repair it
//   408 409 425 429, 5xx                    | retry     | the receiver says "not now"
//   3xx, 401 402 403 404 405 407 410        | retry     | wrong URL or credentials: a person can set them
//   right, and a
//                                           |           | misconfigured receiver must not lose alerts
//   any other 4xx                           | rejected  | it is this body that is not wanted; asking again is
//   no use
//
// What is retried is given up kGiveUpAfter after it happened, but never before kLeastAttempts.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "relay/receiver.h"

namespace sockdog {

/// A longer Retry-After is cut to this: an alert should not sleep through a night because a proxy said so.
inline constexpr Duration kRetryAfterCap = 15min;
/// A week spans the longest holiday; older news of a leak help nobody, and the outbox must not grow for ever.
inline constexpr Duration kGiveUpAfter = std::chrono::hours(24 * 7);
/// The clock of the host may have been years off when the incident was written: age alone is no reason.
inline constexpr std::uint32_t kLeastAttempts = 20;

[[nodiscard]] Delivery::Verdict verdict_of(int http_status);

/// 401, 404 and the like: worth telling the operator what to look at.
[[nodiscard]] bool is_misconfiguration(int http_status);

/// backoff_initial doubled with every failure up to backoff_max, of which `random` in [0, 1) takes the upper
/// half away.
[[nodiscard]] Duration backoff(const ReceiverSettings& settings, std::uint32_t failures, double random);

/// The longer of the two, as far as the cap allows.
[[nodiscard]] Duration heed(Duration backoff, std::optional<Duration> retry_after);

[[nodiscard]] bool hopeless(const OutboxItem& item, WallTime now);

}  // namespace sockdog
