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
    stats.type = receiver_->settings().type;
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
        if (now.mono >= paused_until_) {
            queue_repeats(now);
            deliver_due();
        }
        rest(until_next(read_now()));
    }
}

void Courier::rest(Duration longest) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [this] { return woken_ || stopping_; });
    woken_ = false;
}

Duration Courier::until_next(const Now& now) const {
    const Duration repeat = repeat_of(receiver_->settings());
    const Duration longest = repeat > Duration::zero() ? std::min(repeat, kLongestRest) : kLongestRest;
    if (paused_until_ > now.mono) return std::min<Duration>(paused_until_ - now.mono, longest);
    const auto next = outbox_.next_due();
    if (!next) return kOutboxPause;
    if (!*next) return longest;
    if (**next <= now.wall) return kOthersTurn;
    return std::min<Duration>(**next - now.wall, longest);
}

/// While it fails nothing is added: what waits tells of the same incidents.
void Courier::queue_repeats(const Now& now) {
    const Duration interval = repeat_of(receiver_->settings());
    if (interval <= Duration::zero() || failures_ > 0) return;
    const auto queued = outbox_.queue_repeats(receiver_->settings().name, now.wall, interval);
    if (!queued && !outbox_broken_) spdlog::error("outbox: {}", printable(queued.error().message));
}

std::size_t Courier::batch_of(std::span<const OutboxItem> due) const {
    std::size_t count = 0;
    while (count < due.size() && count < receiver_->most_at_once() && due[count].attempts == 0 &&
           !unrecorded_.contains(due[count].sequence))
        ++count;
    return std::max<std::size_t>(count, 1);
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
        for (std::span<const OutboxItem> left = *items; !left.empty();) {
            const std::size_t count = batch_of(left);
            attempt(left.first(count));
            if (stopping_ || MonoClock::now() < paused_until_) return;
            left = left.subspan(count);
        }
    }
}

void Courier::attempt(std::span<const OutboxItem> items) {
    const OutboxItem& first = items.front();
    if (unrecorded_.contains(first.sequence)) return record(first, outbox_.delivered(first.sequence));
    const Delivery delivery = receiver_->deliver(items);
    switch (delivery.verdict) {
        case Delivery::Verdict::kDelivered:
            succeeded(items);
            break;
        case Delivery::Verdict::kRejected:
            refused(items, delivery.detail);
            break;
        case Delivery::Verdict::kRetry:
            if (!stopping_) failed(items, delivery);
            break;
    }
    const MonoTime earliest = MonoClock::now() + receiver_->spacing();
    paused_until_ = std::max(paused_until_, earliest);
}

/// Of several one may be the reason: each alone, then.
void Courier::refused(std::span<const OutboxItem> items, const std::string& detail) {
    if (items.size() == 1) return bury(items.front(), "rejected: " + detail);
    const auto now = read_now().wall;
    for (const OutboxItem& item : items) record(item, outbox_.retry_at(item.sequence, now, detail));
}

void Courier::succeeded(std::span<const OutboxItem> items) {
    const auto& name = receiver_->settings().name;
    if (failures_ > 0)
        spdlog::info("receiver {}: takes alerts again after {} failed attempts", printable(name), failures_);
    failures_ = 0;
    for (const OutboxItem& item : items) unrecorded_.insert(item.sequence);
    for (const OutboxItem& item : items) {
        spdlog::debug("receiver {}: told of revision {} of {}", printable(name), item.revision,
                      printable(id_of_identity(item.incident)));
        record(item, outbox_.delivered(item.sequence));
        ++delivered_;  // after the record: what is counted here is never pending as well
    }
}

void Courier::failed(std::span<const OutboxItem> items, const Delivery& delivery) {
    const Now now = read_now();
    std::vector<const OutboxItem*> hopeful;
    for (const OutboxItem& item : items) {
        if (hopeless(item, now.wall))
            bury(item, "given up: " + delivery.detail);
        else
            hopeful.push_back(&item);
    }
    if (hopeful.empty()) return;
    ++failed_attempts_;
    ++failures_;
    const ReceiverSettings& settings = receiver_->settings();
    const double random = std::uniform_real_distribution<double>(0, 1)(random_);
    const Duration receiver_pause = heed(backoff(settings, failures_, random), delivery.retry_after);
    const OutboxItem& first = *hopeful.front();
    if (worth_a_line(failures_)) {
        spdlog::warn("receiver {}: {}; attempt {} at revision {} of {}, next in {}", printable(settings.name),
                     printable(delivery.detail), first.attempts + 1, first.revision,
                     printable(id_of_identity(first.incident)), format_duration(receiver_pause));
    }
    pause(receiver_pause);
    for (const OutboxItem* item : hopeful) {
        const Duration wait = heed(backoff(settings, item->attempts + 1, random), delivery.retry_after);
        const auto when = std::chrono::ceil<std::chrono::milliseconds>(now.wall + wait);
        record(*item, outbox_.retry_at(item->sequence, when, delivery.detail));
    }
}

void Courier::bury(const OutboxItem& item, const std::string& why) {
    spdlog::error("receiver {}: ALERT NOT DELIVERED, revision {} of {} (key {}): {}",
                  printable(receiver_->settings().name), item.revision,
                  printable(id_of_identity(item.incident)), item.idempotency_key, printable(why));
    record(item, outbox_.dead_letter(item.sequence, why));
    ++dead_letters_;
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
