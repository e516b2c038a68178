// One restart of one unit, on a bus connection of its own that is opened for it and closed after it: a bus
// that went away since the last restart is no special case. Loop thread, nothing blocks.
//
//   connect -> JobRemoved match -> Subscribe -> LoadUnit -> GetAll (refused here?) -> TryRestartUnit ->
//   JobRemoved -> done any error, the bus closing, or the time limit: done with that error. `done` is called
//   from the loop, never from start().
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "owner/owner.h"
#include "remedy/manager_bus.h"
#include "remedy/sd_ptr.h"

namespace sockdog {

class UnitRestart {
  public:
    using Done = std::function<void(Result<std::string>)>;
    UnitRestart(sd_event* loop, BusAddresses addresses, Owner offender, Duration limit, Done done);
    ~UnitRestart();
    UnitRestart(const UnitRestart&) = delete;
    UnitRestart& operator=(const UnitRestart&) = delete;

    void start();
    [[nodiscard]] bool finished() const { return !done_; }

  private:
    int connect();
    int install_matches();
    int call(const char* path, const char* interface, const char* member, sd_bus_message_handler_t then,
             const char* types, const char* first = nullptr, const char* second = nullptr);
    /// False, and the restart has failed, when the reply is an error.
    bool accepted(sd_bus_message* reply, const char* what);
    void job_removed(sd_bus_message* signal);
    void conclude(const std::string& job_result);
    void fail(const Error& error);
    void finish(Result<std::string> result);
    /// The step that is under way, for messages: "subscribe to systemd".
    void check(int r, const char* what);

    static int on_disconnected(sd_bus_message* m, void* self, sd_bus_error* error);
    static int on_match(sd_bus_message* m, void* self, sd_bus_error* error);
    static int on_subscribed(sd_bus_message* m, void* self, sd_bus_error* error);
    static int on_loaded(sd_bus_message* m, void* self, sd_bus_error* error);
    static int on_facts(sd_bus_message* m, void* self, sd_bus_error* error);
    static int on_queued(sd_bus_message* m, void* self, sd_bus_error* error);
    static int on_job_removed(sd_bus_message* m, void* self, sd_bus_error* error);
    static int on_limit(sd_event_source* source, std::uint64_t usec, void* self);
    static int on_finished(sd_event_source* source, void* self);

    sd_event* loop_;
    BusAddresses addresses_;
    Owner offender_;
    std::string unit_;     // the one that is restarted
    std::string manager_;  // "systemd", or whose; for messages
    Duration limit_;
    Done done_;
    SdPtr<sd_bus> bus_;
    SdPtr<sd_event_source> limit_timer_;
    SdPtr<sd_event_source> finisher_;
    std::optional<Result<std::string>> result_;
    std::string systemd_name_;  // unique bus name that answered: others may send signals too
    bool asked_ = false;        // TryRestartUnit was sent
    std::string job_;           // object path, empty before the reply
    std::map<std::string, std::string>
        removed_;  // job -> result, of jobs that ended before the reply was read
};

}  // namespace sockdog
