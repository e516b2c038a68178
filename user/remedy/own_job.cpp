#include "remedy/own_job.h"

#include <systemd/sd-bus.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "remedy/sd_ptr.h"
#include "remedy/systemd_names.h"

namespace sockdog {
namespace {

constexpr const char* kUnit = "org.freedesktop.systemd1.Unit";
constexpr const char* kJob = "org.freedesktop.systemd1.Job";

/// All calls together take no longer than the limit.
class JobQuestion {
  public:
    explicit JobQuestion(Duration limit) : deadline_(MonoClock::now() + limit) {}

    /// 0, or a negative errno.
    int connect(const std::string& address) {
        sd_bus* raw = nullptr;
        int r = 0;
        if (address.empty()) {
            r = sd_bus_open_system_with_description(&raw, "sockdog-stop");
            bus_.reset(raw);
        } else {
            r = sd_bus_new(&raw);
            bus_.reset(raw);
            if (r >= 0) r = sd_bus_set_address(raw, address.c_str());
            if (r >= 0) r = sd_bus_set_bus_client(raw, 1);
            if (r >= 0) r = sd_bus_start(raw);
        }
        // A call would wait for the connection without any limit.
        while (r >= 0 && sd_bus_is_ready(bus_.get()) == 0) {
            r = sd_bus_process(bus_.get(), nullptr);
            if (r == 0) r = sd_bus_wait(bus_.get(), left_us());
            if (r >= 0 && left_us() == 0) r = -ETIMEDOUT;
        }
        return std::min(r, 0);
    }

    int ask(std::string& type) {
        SdPtr<sd_bus_message> reply;
        sd_bus_message* raw = nullptr;
        limit_call();
        // 0: the unit of whoever asks.
        int r = sd_bus_call_method(bus_.get(), kSystemd, kManagerPath, kManager, "GetUnitByPID", nullptr,
                                   &raw, "u", std::uint32_t{0});
        reply.reset(raw);
        const char* unit = nullptr;
        if (r >= 0) r = sd_bus_message_read(raw, "o", &unit);
        if (r < 0) return r;

        SdPtr<sd_bus_message> job;
        limit_call();
        r = sd_bus_get_property(bus_.get(), kSystemd, unit, kUnit, "Job", nullptr, &raw, "(uo)");
        if (r < 0) return r;
        job.reset(raw);
        std::uint32_t id = 0;
        const char* path = nullptr;
        r = sd_bus_message_read(raw, "(uo)", &id, &path);
        if (r < 0 || id == 0) return r;

        char* text = nullptr;
        limit_call();
        r = sd_bus_get_property_string(bus_.get(), kSystemd, path, kJob, "JobType", nullptr, &text);
        if (r >= 0) type = text;
        std::free(text);  // NOLINT(cppcoreguidelines-no-malloc): sd-bus says so
        return r;
    }

  private:
    [[nodiscard]] std::uint64_t left_us() const {
        const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline_ - MonoClock::now());
        return static_cast<std::uint64_t>(std::max<std::int64_t>(left.count(), 0));
    }
    /// 0 would be sd-bus's own 25 s.
    void limit_call() { sd_bus_set_method_call_timeout(bus_.get(), std::max<std::uint64_t>(left_us(), 1)); }

    MonoTime deadline_;
    SdPtr<sd_bus> bus_;
};

}  // namespace

Result<std::string> own_job_type(Duration limit, const std::string& bus_address) {
    JobQuestion question(limit);
    std::string type;
    int r = question.connect(bus_address);
    if (r >= 0) r = question.ask(type);
    if (r < 0) return Error::from_errno("ask systemd for the job of this unit", -r);
    return type;
}

}  // namespace sockdog
