#include "relay/retry.h"

#include <algorithm>

#include "relay/sender.h"

namespace sockdog {

bool is_misconfiguration(int http_status) {
    switch (http_status) {
        case 401:
        case 402:
        case 403:
        case 404:
        case 405:
        case 407:
        case 410:
            return true;
        default:
            return http_status >= 300 && http_status < 400;
    }
}

Delivery::Verdict verdict_of(int http_status) {
    if (http_status >= 200 && http_status < 300) return Delivery::Verdict::kDelivered;
    if (http_status < 400 || http_status >= 500 || is_misconfiguration(http_status))
        return Delivery::Verdict::kRetry;
    switch (http_status) {
        case 408:
        case 409:
        case 425:
        case 429:
            return Delivery::Verdict::kRetry;
        default:
            return Delivery::Verdict::kRejected;
    }
}

Duration backoff(const ReceiverSettings& settings, std::uint32_t failures, double random) {
    Duration longest = settings.backoff_initial;
    // Doubling step by step cannot overflow: it ends at backoff_max, and backoff_max is far below half of the
    // range.
    for (std::uint32_t i = 1; i < failures && longest < settings.backoff_max; ++i) longest *= 2;
    longest = std::min(longest, settings.backoff_max);
    const auto half = static_cast<double>(longest.count()) / 2;
    return Duration(static_cast<Duration::rep>(half + half * (1 - std::clamp(random, 0.0, 1.0))));
}

Duration heed(Duration backoff, std::optional<Duration> retry_after) {
    if (!retry_after) return backoff;
    return std::max(backoff, std::min(*retry_after, kRetryAfterCap));
}

bool hopeless(const OutboxItem& item, WallTime now) {
    if (item.attempts < kLeastAttempts) return false;
    const auto happened = revision_time(item.idempotency_key);
    return happened && now - *happened > kGiveUpAfter;
}

}  // namespace sockdog
