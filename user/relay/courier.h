// One receiver's thread: takes what is due from the outbox, delivers it, writes down what became of it. A
// failure pauses the whole receiver for a back-off, so that one which is down is asked with one request at a
// time, not with all that wait; the item itself waits for its own back-off, so that one which the receiver
// chokes on does not hold up the others.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "relay/dispatcher.h"
#include "relay/receiver.h"
#include "relay/shared_outbox.h"

namespace sockdog {

class Courier {
  public:
    /// Both outlive the courier. Starts the thread.
    Courier(std::shared_ptr<Receiver> receiver, SharedOutbox& outbox);
    /// request_stop(), and waits for the thread.
    ~Courier();
    Courier(const Courier&) = delete;
    Courier& operator=(const Courier&) = delete;

    /// There may be something new in the outbox. Any thread.
    void wake();
    /// Interrupts the request that runs; what it would have come to is not known and it counts as not made.
    /// Any thread.
    void request_stop();
    /// Any thread; `pending` is left to the caller.
    [[nodiscard]] ReceiverStats stats() const;

  private:
    void run();
    void rest(Duration longest);
    void deliver_due();
    void queue_repeats(const Now& now);
    /// Items that go in one attempt, from the front of `due`: those that failed before go alone.
    [[nodiscard]] std::size_t batch_of(std::span<const OutboxItem> due) const;
    void attempt(std::span<const OutboxItem> items);
    void succeeded(std::span<const OutboxItem> items);
    void refused(std::span<const OutboxItem> items, const std::string& detail);
    void failed(std::span<const OutboxItem> items, const Delivery& delivery);
    void bury(const OutboxItem& item, const std::string& why);
    void record(const OutboxItem& item, const Status& status);
    void pause(Duration length) { paused_until_ = MonoClock::now() + length; }
    void watch_clock(const Now& now);
    [[nodiscard]] Duration until_next(const Now& now) const;

    const std::shared_ptr<Receiver> receiver_;
    SharedOutbox& outbox_;

    std::mutex mutex_;
    std::condition_variable changed_;
    bool woken_ = false;  // guarded by mutex_
    std::atomic<bool> stopping_ = false;
    std::atomic<std::uint64_t> delivered_ = 0;
    std::atomic<std::uint64_t> failed_attempts_ = 0;
    std::atomic<std::uint64_t> dead_letters_ = 0;

    // Of the courier's thread alone.
    std::uint32_t failures_ = 0;  // in a row
    MonoTime paused_until_;
    bool outbox_broken_ = false;
    std::set<std::uint64_t> unrecorded_;    // delivered, but the outbox could not be told
    std::optional<Duration> clock_offset_;  // wall less monotonic, as last seen
    std::minstd_rand random_;

    std::thread thread_;  // last: starts when all else is made
};

}  // namespace sockdog
