#include "app/throttle.h"

#include <algorithm>
#include <ctime>

namespace sockdog {

void Throttle::earn(MonoTime now) {
    const double most = share_ * static_cast<double>(kSavedFor.count());
    if (!earned_at_) {
        saved_ns_ = most;
    } else if (now > *earned_at_) {
        saved_ns_ = std::min(most, saved_ns_ + share_ * static_cast<double>((now - *earned_at_).count()));
    }
    earned_at_ = now;
}

std::optional<MonoTime> Throttle::refuse(MonoTime now) {
    earn(now);
    if (saved_ns_ > 0) return std::nullopt;
    refused_++;
    last_refused_ = now;
    return now + std::max(Duration(static_cast<Duration::rep>(-saved_ns_ / share_)), Duration(10ms));
}

void Throttle::charge(MonoTime now, Duration cpu) {
    earn(now);
    saved_ns_ -= static_cast<double>(cpu.count());
}

Duration thread_cpu_time() {
    timespec used{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return std::chrono::seconds(used.tv_sec) + Duration(used.tv_nsec);
}

}  // namespace sockdog
