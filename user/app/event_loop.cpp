#include "app/event_loop.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

namespace sockdog {
namespace {

void call(void* callback) {
    (*static_cast<std::function<void()>*>(callback))();
}

int on_signal_event(sd_event_source*, const signalfd_siginfo*, void* callback) {
    call(callback);
    return 0;
}
int on_io_event(sd_event_source*, int, std::uint32_t, void* callback) {
    call(callback);
    return 0;
}
int on_time_event(sd_event_source*, std::uint64_t, void* callback) {
    call(callback);
    return 0;
}

}  // namespace

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
    sigset_t taken;
    sigemptyset(&taken);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&taken, signal);
    pthread_sigmask(SIG_BLOCK, &taken, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    sd_event* event = nullptr;
    const int error = sd_event_new(&event);
    if (error < 0) return Error::from_errno("make an event loop", -error);
    std::unique_ptr<EventLoop> loop(new EventLoop(event));
    sd_event_set_watchdog(event, 1);
    return loop;
}

EventLoop::~EventLoop() {
    for (sd_event_source* source : sources_) sd_event_source_disable_unref(source);
    sd_event_unref(event_);
}

Status EventLoop::on_signal(int signal, std::function<void()> callback) {
    sd_event_source* source = nullptr;
    callbacks_.push_back(std::move(callback));
    const int error = sd_event_add_signal(event_, &source, signal, on_signal_event, &callbacks_.back());
    if (error < 0) return Error::from_errno("listen for a signal", -error);
    sources_.push_back(source);
    return Ok{};
}

Status EventLoop::on_readable(int fd, std::function<void()> callback) {
    sd_event_source* source = nullptr;
    callbacks_.push_back(std::move(callback));
    const int error = sd_event_add_io(event_, &source, fd, EPOLLIN, on_io_event, &callbacks_.back());
    if (error < 0) return Error::from_errno("watch a descriptor", -error);
    sources_.push_back(source);
    return Ok{};
}

Result<EventLoop::Timer> EventLoop::timer(std::function<void()> callback) {
    Timer timer;
    callbacks_.push_back(std::move(callback));
    const int error = sd_event_add_time(event_, &timer.source_, CLOCK_MONOTONIC, 0, 1000, on_time_event,
                                        &callbacks_.back());
    if (error < 0) return Error::from_errno("make a timer", -error);
    sd_event_source_set_enabled(timer.source_, SD_EVENT_OFF);
    sources_.push_back(timer.source_);
    return timer;
}

void EventLoop::Timer::set(MonoTime at) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
    sd_event_source_set_time(source_, static_cast<std::uint64_t>(us) + 1);
    sd_event_source_set_enabled(source_, SD_EVENT_ONESHOT);
}

void EventLoop::Timer::stop() {
    sd_event_source_set_enabled(source_, SD_EVENT_OFF);
}

void EventLoop::notify(const std::string& state) {
    sd_notify(0, state.c_str());
}

Result<int> EventLoop::run() {
    while (sd_event_get_state(event_) != SD_EVENT_FINISHED) {
        int code = sd_event_prepare(event_);
        if (code == 0) code = sd_event_wait(event_, UINT64_MAX);
        if (code > 0) {
            const MonoTime begin = MonoClock::now();
            code = sd_event_dispatch(event_);
            note_turn(begin, MonoClock::now());
        }
        if (code < 0 && code != -EINTR) return Error::from_errno("run the event loop", -code);
    }
    int code = 0;
    sd_event_get_exit_code(event_, &code);
    return code;
}

void EventLoop::note_turn(MonoTime begin, MonoTime end) {
    if (end - minute_ >= 1min) {
        longest_before_ = end - minute_ >= 2min ? Duration::zero() : longest_;
        longest_ = Duration::zero();
        minute_ = end;
    }
    longest_ = std::max<Duration>(longest_, end - begin);
}

Duration EventLoop::longest_turn(MonoTime now) const {
    if (now - minute_ >= 2min) return Duration::zero();
    return now - minute_ >= 1min ? longest_ : std::max(longest_, longest_before_);
}

void EventLoop::stop(int code) {
    sd_event_exit(event_, code);
}

}  // namespace sockdog
