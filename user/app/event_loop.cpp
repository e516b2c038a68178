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
    const int code = sd_event_loop(event_);
    if (code < 0) return Error::from_errno("run the event loop", -code);
    return code;
}

void EventLoop::stop(int code) {
    sd_event_exit(event_, code);
}

}  // namespace sockdog
