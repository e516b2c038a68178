#include "remedy/unit_restart.h"

#include <chrono>
#include <utility>

#include "base/text.h"
#include "remedy/systemd_names.h"
#include "remedy/target.h"
#include "remedy/unit_facts.h"

namespace sockdog {
namespace {

constexpr const char* kProperties = "org.freedesktop.DBus.Properties";
constexpr const char* kLocal = "org.freedesktop.DBus.Local";
constexpr const char* kLocalPath = "/org/freedesktop/DBus/Local";
// Jobs of our unit that end while the reply is on its way: one, or a few when somebody else is at work on it
// too.
constexpr std::size_t kMaxEarlyJobs = 16;

UnitRestart& self_of(void* self) {
    return *static_cast<UnitRestart*>(self);
}

std::string explain(const std::string& job_result) {
    if (job_result == "failed") return "the job failed: the service did not stop or did not start";
    if (job_result == "canceled") return "the job was cancelled by another job";
    if (job_result == "timeout") return "the job ran into systemd's own time limit";
    if (job_result == "dependency") return "a unit that it depends on failed";
    if (job_result == "skipped") return "systemd skipped the job: the unit was not running any more";
    return "the job ended with \"" + printable(job_result) + "\"";
}

}  // namespace

UnitRestart::UnitRestart(sd_event* loop, BusAddresses addresses, Owner offender, Duration limit, Done done)
    : loop_(loop),
      addresses_(std::move(addresses)),
      offender_(std::move(offender)),
      unit_(unit_to_restart(offender_)),
      manager_(offender_.user_unit.empty() ? "systemd"
                                           : "the user's systemd (" + printable(offender_.unit) + ")"),
      limit_(limit),
      done_(std::move(done)) {}

UnitRestart::~UnitRestart() = default;

void UnitRestart::start() {
    const auto usec =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(limit_).count());
    check(add_timer(loop_, limit_timer_, usec, on_limit, this), "set the time limit");
    if (!result_)
        check(connect(),
              offender_.user_unit.empty() ? "connect to the system bus" : "connect to the user's bus");
    if (!result_) check(install_matches(), "listen to systemd");
}

int UnitRestart::connect() {
    sd_bus* raw = nullptr;
    const int r = open_manager_bus(&raw, offender_, addresses_);
    bus_.reset(raw);
    return r < 0 ? r : sd_bus_attach_event(bus_.get(), loop_, SD_EVENT_PRIORITY_NORMAL);
}

int UnitRestart::install_matches() {
    // Slots float: the connection owns them, and goes with this object.
    const int r = sd_bus_match_signal_async(bus_.get(), nullptr, kLocal, kLocalPath, kLocal, "Disconnected",
                                            on_disconnected, nullptr, this);
    if (r < 0) return r;
    return sd_bus_match_signal_async(bus_.get(), nullptr, kSystemd, kManagerPath, kManager, "JobRemoved",
                                     on_job_removed, on_match, this);
}

int UnitRestart::call(const char* path, const char* interface, const char* member,
                      sd_bus_message_handler_t then, const char* types, const char* first,
                      const char* second) {
    if (second != nullptr) {
        return sd_bus_call_method_async(bus_.get(), nullptr, kSystemd, path, interface, member, then, this,
                                        types, first, second);
    }
    return sd_bus_call_method_async(bus_.get(), nullptr, kSystemd, path, interface, member, then, this, types,
                                    first);
}

int UnitRestart::on_match(sd_bus_message* m, void* self, sd_bus_error* /*error*/) {
    auto& restart = self_of(self);
    if (!restart.accepted(m, "listen to systemd")) return 0;
    restart.check(restart.call(kManagerPath, kManager, "Subscribe", on_subscribed, ""),
                  "subscribe to systemd");
    return 0;
}

int UnitRestart::on_subscribed(sd_bus_message* m, void* self, sd_bus_error* /*error*/) {
    auto& restart = self_of(self);
    if (!restart.accepted(m, "subscribe to systemd")) return 0;
    const char* sender = sd_bus_message_get_sender(m);
    restart.systemd_name_ = sender == nullptr ? "" : sender;
    restart.check(restart.call(kManagerPath, kManager, "LoadUnit", on_loaded, "s", restart.unit_.c_str()),
                  "load the unit");
    return 0;
}

int UnitRestart::on_loaded(sd_bus_message* m, void* self, sd_bus_error* /*error*/) {
    auto& restart = self_of(self);
    if (!restart.accepted(m, "load the unit")) return 0;
    const char* path = nullptr;
    int r = sd_bus_message_read_basic(m, 'o', static_cast<void*>(&path));
    // The empty interface stands for all of them: the unit's and the service's properties in one reply.
    if (r >= 0) r = restart.call(path, kProperties, "GetAll", on_facts, "s", "");
    restart.check(r, "read the unit's properties");
    return 0;
}

int UnitRestart::on_facts(sd_bus_message* m, void* self, sd_bus_error* /*error*/) {
    auto& restart = self_of(self);
    if (!restart.accepted(m, "read the unit's properties")) return 0;
    const auto facts = read_unit_facts(m);
    if (!facts) {
        restart.fail(facts.error());
        return 0;
    }
    if (const auto why = unrestartable(*facts, restart.offender_)) {
        restart.fail(make_error(*why));
        return 0;
    }
    restart.asked_ = true;
    // Try: a unit that was stopped in this very moment is not started again.
    restart.check(restart.call(kManagerPath, kManager, "TryRestartUnit", on_queued, "ss",
                               restart.unit_.c_str(), "replace"),
                  "queue the restart");
    return 0;
}

int UnitRestart::on_queued(sd_bus_message* m, void* self, sd_bus_error* /*error*/) {
    auto& restart = self_of(self);
    if (!restart.accepted(m, "queue the restart")) return 0;
    const char* job = nullptr;
    const int r = sd_bus_message_read_basic(m, 'o', static_cast<void*>(&job));
    if (r < 0) {
        restart.check(r, "read the number of the job");
        return 0;
    }
    restart.job_ = job;
    const auto early = restart.removed_.find(restart.job_);
    if (early != restart.removed_.end()) restart.conclude(early->second);
    return 0;
}

int UnitRestart::on_job_removed(sd_bus_message* m, void* self, sd_bus_error* /*error*/) {
    self_of(self).job_removed(m);
    return 0;
}

void UnitRestart::job_removed(sd_bus_message* signal) {
    const char* sender = sd_bus_message_get_sender(signal);
    if (!asked_ || result_ || sender == nullptr || systemd_name_ != sender) return;
    std::uint32_t id = 0;
    const char* job = nullptr;
    const char* unit = nullptr;
    const char* job_result = nullptr;
    if (sd_bus_message_read(signal, "uoss", &id, &job, &unit, &job_result) < 0) return;
    if (job_ == job) return conclude(job_result);
    // systemd names the unit by its own name, not by the alias that was asked for: remember by job alone.
    if (job_.empty() && removed_.size() < kMaxEarlyJobs) removed_.emplace(job, job_result);
}

void UnitRestart::conclude(const std::string& job_result) {
    if (job_result == "done") return finish(manager_ + " restarted " + printable(unit_));
    fail(make_error(explain(job_result)));
}

bool UnitRestart::accepted(sd_bus_message* reply, const char* what) {
    if (result_) return false;
    const sd_bus_error* error = sd_bus_message_get_error(reply);
    if (error == nullptr) return true;
    const std::string words = error->message != nullptr ? error->message : error->name;
    fail(make_error(std::string(what) + ": " + printable(words), sd_bus_error_get_errno(error)));
    return false;
}

int UnitRestart::on_disconnected(sd_bus_message* /*m*/, void* self, sd_bus_error* /*error*/) {
    auto& restart = self_of(self);
    restart.fail(make_error(restart.asked_
                                ? "the bus went away after the restart was asked for; its result is not known"
                                : "the bus went away before the restart was asked for",
                            ECONNRESET));
    return 0;
}

int UnitRestart::on_limit(sd_event_source* /*source*/, std::uint64_t /*usec*/, void* self) {
    auto& restart = self_of(self);
    const std::string limit = format_duration(restart.limit_);
    restart.fail(make_error(restart.asked_ ? "the job did not end within " + limit + "; it is left to systemd"
                                           : "no answer from " + restart.manager_ + " within " + limit,
                            ETIMEDOUT));
    return 0;
}

void UnitRestart::check(int r, const char* what) {
    if (r < 0) fail(Error::from_errno(what, -r));
}

void UnitRestart::fail(const Error& error) {
    finish(error.within("restart " + printable(unit_)));
}

void UnitRestart::finish(Result<std::string> result) {
    if (result_) return;
    result_.emplace(std::move(result));
    limit_timer_.reset();
    // The connection cannot be taken down from within its own callbacks: once more through the loop.
    sd_event_source* raw = nullptr;
    if (sd_event_add_defer(loop_, &raw, on_finished, this) >= 0) finisher_.reset(raw);
}

int UnitRestart::on_finished(sd_event_source* /*source*/, void* self) {
    auto& restart = self_of(self);
    restart.bus_.reset();
    const auto done = std::exchange(restart.done_, nullptr);
    const Result<std::string> result = *restart.result_;
    if (done) done(result);  // may destroy `restart`: nothing of it is touched afterwards
    return 0;
}

}  // namespace sockdog
