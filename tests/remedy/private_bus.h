// A dbus-daemon of the test's own, and on it a stand-in for systemd's manager in a forked child.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sockdog::testing {

/// Started by the constructor, killed by pid in the destructor. `problem` says why there is none.
class PrivateBus {
  public:
    PrivateBus();
    ~PrivateBus();
    PrivateBus(const PrivateBus&) = delete;
    PrivateBus& operator=(const PrivateBus&) = delete;

    [[nodiscard]] const std::string& address() const { return address_; }
    [[nodiscard]] const std::string& problem() const { return problem_; }
    void kill_daemon();

  private:
    std::string folder_;
    std::string address_;
    std::string problem_;
    pid_t pid_ = -1;
};

/// How the stand-in behaves: one unit, one kind of job.
struct UnitScript {
    std::string load_state = "loaded";
    std::string active_state = "active";
    bool can_start = true;
    bool refuse_manual_stop = false;
    std::uint32_t job_id = 0;
    std::string job_type;  // of the unit's own job; empty: it cannot be asked
    std::string control_group = "/system.slice/leaky.service";
    std::vector<std::string> required_by;
    std::string id;                   // empty: the name that was asked for
    std::string job_result = "done";  // empty: the job never ends
    bool signal_before_reply = false;
    bool forged_signal_only = false;  // JobRemoved comes from another connection
    std::string load_error;           // D-Bus error name for LoadUnit
    std::string restart_error;        // for TryRestartUnit
    bool hang_on_load = false;        // never answers
};

class FakeSystemd {
  public:
    /// Returns once the name is taken, or with `problem`.
    FakeSystemd(const std::string& address, UnitScript script);
    ~FakeSystemd();
    FakeSystemd(const FakeSystemd&) = delete;
    FakeSystemd& operator=(const FakeSystemd&) = delete;

    [[nodiscard]] const std::string& problem() const { return problem_; }
    /// The calls it has got so far, "Subscribe", "LoadUnit leaky.service", "TryRestartUnit leaky.service
    /// replace".
    [[nodiscard]] std::vector<std::string> calls();

  private:
    std::string problem_;
    std::string log_;
    int log_fd_ = -1;
    pid_t pid_ = -1;
};

}  // namespace sockdog::testing
