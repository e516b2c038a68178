// Records what the watch saw, so that other policies can be tried on it later (sockdog backtest). Writes once
// a turn at most; a disk that fails is told once a cause and never stops the watch. Loop thread.
//
// Of a process that is no suspect the gauges are told when they changed, once a minute at most, from
// kFewestSockets on. A process that becomes one is told of in full, with the turns before from its history:
// these are what detectors look back on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>

#include "config/config.h"
#include "detect/detector.h"
#include "owner/owner.h"
#include "store/samples.h"
#include "store/socket_set.h"

namespace sockdog {

class SampleRecorder {
  public:
    /// The file is opened at the first turn that has something to tell.
    SampleRecorder(std::filesystem::path file, std::string boot_id, SamplesSettings settings);
    void set_settings(SamplesSettings settings);

    // One turn: of each process its gauges, of those walked over the walk, then the end of the turn.

    /// `history` has this turn's gauges.
    void gauges(const Now& now, const Owner& owner, const ProcessHistory& history, bool suspect);
    /// What detect() was given.
    void walk(const Scene& scene, const Owner& owner);
    void ended(const Now& now, ProcessId process);
    struct Turn {
        bool blind = false;           // a walk failed
        bool uncertain = false;       // no remedy would act now
        bool incidents_open = false;  // their end takes turns without anything to see
    };
    void end_turn(const Now& now, const Turn& turn);

    /// Fewer sockets than this leak nothing: the smallest default limit is 4 (backlog.count).
    static constexpr std::uint32_t kFewestSockets = 4;
    static constexpr Duration kThinned = 1min;
    /// Everything is told anew this often, so that reading may begin anywhere and pruning may end anywhere.
    static constexpr Duration kWholeEvery = 1h;

  private:
    struct Recorded {
        std::uint64_t number = 0;  // of the latest row; 0: not told of yet
        Owner owner;               // as told
        MonoTime first_seen;
        MonoTime last_gauges;
        std::optional<Gauges> gauges;
        bool dense = false;
        MonoTime past_told{};  // up to here the history was told in full
        SocketSetEncoder sockets;
        std::optional<MonoTime> last_whole;
        std::string surroundings;
    };
    Recorded& recorded(MonoTime at, const Owner& owner);
    void tell_owner(MonoTime at, Recorded& process, const Owner& owner, const ProcessHistory& history);
    void tell_gauges(Recorded& process, MonoTime at, const Gauges& gauges, bool dense);
    void tell_past(const Now& now, Recorded& process, const ProcessHistory& history);
    Status store(const Now& now);
    Status prune(const Now& now);
    void fail(const Now& now, const Error& error);
    void forget();

    std::filesystem::path file_;
    std::string boot_id_;
    SamplesSettings settings_;
    std::optional<SampleStore> store_;
    bool thorough_ = false;  // the file was found damaged: look at all of it when it is opened
    std::uint64_t run_ = 0;  // 0: none yet
    std::uint64_t next_number_ = 1;
    std::unordered_map<ProcessId, Recorded> processes_;
    std::size_t dense_ = 0;
    SampledTick turn_;
    MonoTime last_tick_{};
    bool incidents_were_open_ = false;
    MonoTime last_prune_{};
    std::optional<MonoTime> retry_at_;
    int failure_ = 0;  // errno of the cause that was told last
};

}  // namespace sockdog
