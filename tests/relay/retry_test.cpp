#include "relay/retry.h"

#include <gtest/gtest.h>

#include "relay/revisions.h"

namespace sockdog {
namespace {

using Verdict = Delivery::Verdict;

TEST(Retry, EveryStatusHasItsVerdict) {
    const std::vector<std::pair<int, Verdict>> table = {
        {200, Verdict::kDelivered}, {202, Verdict::kDelivered}, {204, Verdict::kDelivered},
        {299, Verdict::kDelivered}, {301, Verdict::kRetry},     {302, Verdict::kRetry},
        {307, Verdict::kRetry},     {400, Verdict::kRejected},  {401, Verdict::kRetry},
        {403, Verdict::kRetry},     {404, Verdict::kRetry},     {405, Verdict::kRetry},
        {406, Verdict::kRejected},  {408, Verdict::kRetry},     {409, Verdict::kRetry},
        {410, Verdict::kRetry},     {413, Verdict::kRejected},  {415, Verdict::kRejected},
        {422, Verdict::kRejected},  {425, Verdict::kRetry},     {429, Verdict::kRetry},
        {500, Verdict::kRetry},     {501, Verdict::kRetry},     {503, Verdict::kRetry},
        {599, Verdict::kRetry},     {999, Verdict::kRetry},     {100, Verdict::kRetry},
    };
    for (const auto& [status, verdict] : table) EXPECT_EQ(verdict_of(status), verdict) << status;
}

TEST(Retry, BackoffDoublesUpToItsMaximum) {
    ReceiverSettings settings;
    settings.backoff_initial = 1s;
    settings.backoff_max = 5min;
    EXPECT_EQ(backoff(settings, 1, 0), 1s);
    EXPECT_EQ(backoff(settings, 2, 0), 2s);
    EXPECT_EQ(backoff(settings, 5, 0), 16s);
    EXPECT_EQ(backoff(settings, 10, 0), 5min);
    EXPECT_EQ(backoff(settings, 4'000'000'000U, 0), 5min);
    EXPECT_EQ(backoff(settings, 0, 0), 1s);
}

TEST(Retry, JitterTakesAtMostHalf) {
    ReceiverSettings settings;
    for (int step = 0; step < 20; ++step) {
        const double random = step / 20.0;
        EXPECT_LE(backoff(settings, 3, random), 4s);
        EXPECT_GE(backoff(settings, 3, random), 2s);
    }
    EXPECT_LT(backoff(settings, 3, 0.9), backoff(settings, 3, 0.1));
}

TEST(Retry, RetryAfterIsHeededUpToItsCap) {
    EXPECT_EQ(heed(1s, std::nullopt), 1s);
    EXPECT_EQ(heed(1s, 30s), 30s);
    EXPECT_EQ(heed(1min, 30s), 1min);
    EXPECT_EQ(heed(1s, 24h), kRetryAfterCap);
}

TEST(Retry, GivesUpOnlyWhatIsOldAndOftenTried) {
    const Revision revision = test::make_revision(3);
    OutboxItem item;
    item.idempotency_key = idempotency_key({"00112233445566aa", ""}, revision);
    const WallTime late = revision.at + std::chrono::hours(24 * 8);
    item.attempts = kLeastAttempts;
    EXPECT_TRUE(hopeless(item, late));
    EXPECT_FALSE(hopeless(item, revision.at + std::chrono::hours(24 * 6)));
    item.attempts = kLeastAttempts - 1;
    EXPECT_FALSE(hopeless(item, late)) << "the clock may have been off";
    item.attempts = 10'000;
    item.idempotency_key = "foreign";
    EXPECT_FALSE(hopeless(item, late));
}

}  // namespace
}  // namespace sockdog
