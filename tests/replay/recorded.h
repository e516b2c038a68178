// A simulated program that is watched as Watch does it, and recorded: what the watch concluded stands beside
// the samples.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "detect/simulator.h"
#include "incident/book.h"
#include "replay/sample_recorder.h"
#include "temp_dir.h"

namespace sockdog::testing {

Owner owner_of(ProcessId process);

/// One look with findings, in words that tell every number.
struct Told {
    WallTime at;
    std::string findings;
    bool operator==(const Told&) const = default;
};
std::string in_words(const std::vector<Finding>& findings);
std::string in_words(const std::vector<Observed>& observed);

class Recorded {
  public:
    Recorded(std::filesystem::path file, Config config, std::string boot = "boot-1",
             WallTime start = WallTime(std::chrono::hours(24 * 20000)));

    /// The simulator's time goes on until `end` since its start.
    void run(Duration end, const Simulator::Script& script);
    /// Sockets of the simulator belong to another process from now on; the one before has ended.
    void process_is_replaced_by(ProcessId process);
    /// Nobody watches, and the program goes on; then the agent starts again.
    void unwatched_until(Duration end, const Simulator::Script& script);
    void restart_agent();

    Simulator simulator;
    std::uint64_t fd_limit = 1U << 20;
    std::uint32_t local_ports = 0;    // 0: nobody looked beyond the process
    std::vector<Shortage> shortages;  // of others as well
    std::vector<Told> told;           // with findings only
    std::vector<Revision> revisions;
    std::size_t walks = 0;

  private:
    void turn();
    [[nodiscard]] Now now() const;

    std::filesystem::path file_;
    Config config_;
    std::string boot_;
    WallTime start_;
    ProcessId process_{4242, 777};
    SampleRecorder recorder_;
    IncidentBook book_;
    ProcessHistory history_;
    std::vector<Finding> findings_;
    std::optional<MonoTime> look_again_;
    Duration next_tick_{};
    MonoTime last_walk_{};
};

}  // namespace sockdog::testing
