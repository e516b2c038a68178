// A real sd-event loop for tests of actuators, and running it until something holds.
#pragma once

#include <chrono>
#include <functional>

#include "remedy/sd_ptr.h"

namespace sockdog::testing {

struct Loop {
    SdPtr<sd_event> event;
    Loop() {
        sd_event* raw = nullptr;
        if (sd_event_new(&raw) >= 0) event.reset(raw);
    }
    [[nodiscard]] sd_event* get() const { return event.get(); }

    /// False when `holds` does not within a generous time: the machine may be slow.
    [[nodiscard]] bool run_until(const std::function<bool()>& holds,
                                 std::chrono::seconds limit = std::chrono::seconds(30)) const {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (!holds()) {
            if (std::chrono::steady_clock::now() > end) return false;
            if (sd_event_run(event.get(), 50'000) < 0) return false;
        }
        return true;
    }
    void run_for(std::chrono::milliseconds duration) const {
        const auto end = std::chrono::steady_clock::now() + duration;
        (void)run_until([&] { return std::chrono::steady_clock::now() > end; });
    }
};

}  // namespace sockdog::testing
