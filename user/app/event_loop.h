// sd-event under RAII: signals, timers, the service manager's readiness and watchdog. Loop thread.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"

struct sd_event;
struct sd_event_source;

namespace sockdog {

class EventLoop {
  public:
    /// Blocks the signals that on_signal() is going to take; call before any thread starts.
    static Result<std::unique_ptr<EventLoop>> create();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    [[nodiscard]] sd_event* get() const { return event_; }
    Status on_signal(int signal, std::function<void()> callback);
    Status on_readable(int fd, std::function<void()> callback);

    /// A timer that is off until set. The callback runs on the loop.
    class Timer {
      public:
        void set(MonoTime at);
        void stop();

      private:
        friend class EventLoop;
        sd_event_source* source_ = nullptr;
    };
    Result<Timer> timer(std::function<void()> callback);

    /// Tells the service manager; nothing where there is none.
    void notify(const std::string& state);
    /// Until stop(); the result is what stop() was given. Feeds the service manager's watchdog by itself.
    Result<int> run();
    void stop(int code);
    /// The longest that one callback took within the last minute, or within the one before.
    [[nodiscard]] Duration longest_turn(MonoTime now) const;

  private:
    explicit EventLoop(sd_event* event) : event_(event) {}
    void note_turn(MonoTime begin, MonoTime end);
    sd_event* event_;
    MonoTime minute_{};
    Duration longest_{};         // of the minute that began then
    Duration longest_before_{};  // of the one before
    std::list<std::function<void()>> callbacks_;
    std::list<sd_event_source*> sources_;
};

}  // namespace sockdog
