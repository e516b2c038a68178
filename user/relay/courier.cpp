#include "relay/courier.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>

#include "base/text.h"
#include "relay/retry.h"

namespace sockdog {
namespace {

constexpr Duration kLongestRest = 30s;  // next_due() is asked at least this often
constexpr Duration kOthersTurn = 1s;    // something is due, but not here: look again then
constexpr Duration kOutboxPause = 1s;   // disk full or the like
constexpr Duration kClockSlack = 1min;  // a wall clock that steps back less is no matter

/// 1, 2, 4, 8 ...: an outage of a night gives a dozen lines, not thousands.
bool worth_a_line(std::uint32_t failures) {
    return (failures & (failures - 1)) == 0;
}

/// Signals belong to the main thread, and libssl may write to a socket that the peer has closed (SIGPIPE).
void block_signals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Courier::Courier(std::shared_ptr<Receiver> receiver, SharedOutbox& outbox)
    : receiver_(std::move(receiver)),
      outbox_(outbox),
      random_(std::random_device{}()),
      thread_([this] { run(); }) {}

Courier::~Courier() {
    request_stop();
    thread_.join();
}

void Courier::wake() {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    changed_.notify_one();
}

void Courier::request_stop() {
    stopping_ = true;
    receiver_->interrupt();
    wake();
}

ReceiverStats Courier::stats() const {
    ReceiverStats stats;
    stats.name = receiver_->settings().name;
    stats.delivered = delivered_;
    stats.failed_attempts = failed_attempts_;
    stats.dead_letters = dead_letters_;
    return stats;
}

void Courier::run() {
    block_signals();
    while (!stopping_) {
        const Now now = read_now();
        watch_clock(now);
        if (now.mono >= paused_until_) deliver_due();
        rest(until_next(read_now()));
    }
}

void Courier::rest(Duration longest) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [this] { return woken_ || stopping_; });
    woken_ = false;
}

Duration Courier::until_next(const Now& now) const {
    if (paused_until_ > now.mono) return std::min<Duration>(paused_until_ - now.mono, kLongestRest);
    const auto next = outbox_.next_due();
    if (!next) return kOutboxPause;
    if (!*next) return kLongestRest;
    if (**next <= now.wall) return kOthersTurn;
    return std::min<Duration>(**next - now.wall, kLongestRest);
}

void Courier::deliver_due() {
    while (!stopping_) {
        auto items = outbox_.due(receiver_->settings().name, read_now().wall);
        if (!items) {
            if (!outbox_broken_) spdlog::error("outbox: {}", printable(items.error().message));
            outbox_broken_ = true;
            return pause(kOutboxPause);
        }
        if (items->empty()) return;
        // The least tried first: what the receiver chokes on falls due just when a pause ends, and would else
        // take every turn.
        std::stable_sort(items->begin(), items->end(),
                         [](const OutboxItem& a, const OutboxItem& b) { return a.attempts < b.attempts; });
        for (const OutboxItem& item : *items) {
            attempt(item);
            if (stopping_ || MonoClock::now() < paused_until_) return;
        }
    }
}

void Courier::attempt(const OutboxItem& item) {
    if (unrecorded_.contains(item.sequence)) return record(item, outbox_.delivered(item.sequence));
    const Delivery delivery = receiver_->deliver(item);
    switch (delivery.verdict) {
        case Delivery::Verdict::kDelivered:
            return succeeded(item);
        case Delivery::Verdict::kRejected:
            return bury(item, "rejected: " + delivery.detail);
        case Delivery::Verdict::kRetry:
            if (!stopping_) failed(item, delivery);
            return;
    }
}

void Courier::succeeded(const OutboxItem& item) {
    ++delivered_;
    const auto& name = receiver_->settings().name;
    if (failures_ > 0)
        spdlog::info("receiver {}: takes alerts again after {} failed attempts", printable(name), failures_);
    failures_ = 0;
    unrecorded_.insert(item.sequence);
    spdlog::debug("receiver {}: told of revision {} of {}", printable(name), item.revision,
                  printable(item.incident_id));
    record(item, outbox_.delivered(item.sequence));
}

void Courier::failed(const OutboxItem& item, const Delivery& delivery) {
    const Now now = read_now();
    if (hopeless(item, now.wall)) return bury(item, "given up: " + delivery.detail);
    ++failed_attempts_;
    ++failures_;
    const ReceiverSettings& settings = receiver_->settings();
    const double random = std::uniform_real_distribution<double>(0, 1)(random_);
    const Duration receiver_pause = heed(backoff(settings, failures_, random), delivery.retry_after);
    const Duration item_pause = heed(backoff(settings, item.attempts + 1, random), delivery.retry_after);
    if (worth_a_line(failures_)) {
        spdlog::warn("receiver {}: {}; attempt {} at revision {} of {}, next in {}", printable(settings.name),
                     printable(delivery.detail), item.attempts + 1, item.revision,
                     printable(item.incident_id), format_duration(receiver_pause));
    }
    const auto when = std::chrono::ceil<std::chrono::milliseconds>(now.wall + item_pause);
    const Status status = outbox_.retry_at(item.sequence, when, delivery.detail);
    pause(receiver_pause);
    record(item, status);
}

void Courier::bury(const OutboxItem& item, const std::string& why) {
    ++dead_letters_;
    spdlog::error("receiver {}: ALERT NOT DELIVERED, revision {} of {} (key {}): {}",
                  printable(receiver_->settings().name), item.revision, printable(item.incident_id),
                  item.idempotency_key, printable(why));
    record(item, outbox_.dead_letter(item.sequence, why));
}

/// A full disk must not turn one alert into a storm of repeats: the receiver is left alone until the outbox
/// takes the news.
void Courier::record(const OutboxItem& item, const Status& status) {
    if (status) {
        unrecorded_.erase(item.sequence);
        if (outbox_broken_) spdlog::info("outbox: can be written again");
        outbox_broken_ = false;
        return;
    }
    if (!outbox_broken_) spdlog::error("outbox: {}", printable(status.error().message));
    outbox_broken_ = true;
    const MonoTime earliest = MonoClock::now() + kOutboxPause;
    paused_until_ = std::max(paused_until_, earliest);
}

void Courier::watch_clock(const Now& now) {
    const Duration offset = now.wall.time_since_epoch() - now.mono.time_since_epoch();
    const bool set_back = !clock_offset_ || offset < *clock_offset_ - kClockSlack;
    clock_offset_ = offset;
    if (!set_back) return;
    const ReceiverSettings& settings = receiver_->settings();
    const Duration longest = std::max(settings.backoff_max, kRetryAfterCap) + kClockSlack;
    const auto latest = std::chrono::ceil<std::chrono::milliseconds>(now.wall + longest);
    const auto moved = outbox_.bring_forward(settings.name, now.wall, latest);
    if (moved && *moved > 0) {
        spdlog::warn(
            "receiver {}: the clock was set back; {} alerts that waited for a time far ahead are due now",
            printable(settings.name), *moved);
    }
}

}  // namespace sockdog
