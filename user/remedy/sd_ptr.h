// Owners of libsystemd's objects. Destroying an event source first disables it, so that no callback runs
// afterwards. Loop thread.
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include <memory>

namespace sockdog {

struct SdDelete {
    void operator()(sd_event* event) const { sd_event_unref(event); }
    void operator()(sd_event_source* source) const { sd_event_source_disable_unref(source); }
    void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
    void operator()(sd_bus_slot* slot) const { sd_bus_slot_unref(slot); }
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
template <typename T>
using SdPtr = std::unique_ptr<T, SdDelete>;

/// CLOCK_MONOTONIC time from now on the loop, in microseconds as sd-event counts; the accuracy is plenty for
/// seconds.
template <typename Handler>
int add_timer(sd_event* loop, SdPtr<sd_event_source>& source, std::uint64_t after_usec, Handler handler,
              void* userdata) {
    sd_event_source* raw = nullptr;
    constexpr std::uint64_t kAccuracyUsec = 20'000;
    const int r =
        sd_event_add_time_relative(loop, &raw, CLOCK_MONOTONIC, after_usec, kAccuracyUsec, handler, userdata);
    if (r >= 0) source.reset(raw);
    return r;
}

}  // namespace sockdog
