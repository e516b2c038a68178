// Watches recorded samples as Watch does the kernel: the same history, suspects, detectors and policies, turn
// by turn. Every recorded walk is looked at, also where this configuration would have walked later. Pure of
// the kernel; any thread.
//
//   between two runs      histories begin anew, as when the agent restarts: what was not watched proves
//                         nothing
//   another boot          nobody of before is alive
//   gauges of no suspect  may be a minute old; of a suspect they are those of each turn
#pragma once

#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "detect/detector.h"
#include "incident/book.h"
#include "replay/mono_line.h"
#include "store/sample_codec.h"
#include "store/samples.h"
#include "store/socket_set.h"

namespace sockdog {

class Replay {
  public:
    /// `config` outlives the replay.
    explicit Replay(const Config& config) : config_(config) {}

    struct Look {
        Now now;  // on the line of all boots
        std::vector<Observed> observed;
        bool blind = false;
        bool uncertain = false;
        bool new_run = false;  // nobody watched before it
    };
    /// EUCLEAN where a walk cannot be read.
    Result<Look> look(const SampledTick& tick, const std::string& boot_id);

    [[nodiscard]] bool is_alive(ProcessId process) const;
    /// As recorded last; nothing where nothing was.
    [[nodiscard]] const Owner* owner(ProcessId process) const;
    /// Leaked sockets of this owner's running processes as of the last look.
    [[nodiscard]] std::uint32_t leaked(const std::string& stable_key) const;

    /// Processes of which there is any sample, and those whose sockets were recorded.
    [[nodiscard]] std::size_t processes() const { return processes_; }
    [[nodiscard]] std::size_t walked() const { return walked_; }

  private:
    struct Watched {
        Owner owner;
        ProcessHistory history;
        Gauges gauges;
        bool dense = false;
        bool fresh = false;  // this turn has gauges of it
        bool was_walked = false;
        SocketSetDecoder sockets;
        SampledSurroundings surroundings;
        std::optional<MonoTime> look_again;
        std::vector<Finding> findings;
    };
    void begin_run(const SampledTick& tick, const std::string& boot_id);
    void take_processes(const SampledTick& tick);
    void take_gauges(const SampledTick& tick);
    Status take_walks(const Now& now, const SampledTick& tick, std::set<ProcessId>& walked);
    void detect_in(const Now& now, const SampledWalk& walk, Watched& watched);
    [[nodiscard]] bool is_suspect(const Now& now, const Watched& watched, const Limits& limits) const;

    const Config& config_;
    MonoLine line_;
    std::uint64_t run_ = 0;
    std::string boot_id_;
    std::unordered_map<std::uint64_t, ProcessId> numbers_;  // of the run
    std::unordered_map<ProcessId, Watched> watched_;
    std::set<ProcessId> alive_;
    std::size_t processes_ = 0;
    std::size_t walked_ = 0;
};

}  // namespace sockdog
