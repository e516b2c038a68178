// What the agent saw, kept for `sockdog backtest`: SQLite in WAL mode, commits not synced one by one (a power
// cut may cost the last seconds, nothing else). One writer (sockdogd), loop thread; readers need no writer.
//
// A run is one stretch of samples without a break: it ends with the agent, with the boot, and where samples
// could not be written. Times are CLOCK_MONOTONIC of its boot; each tick tells its wall time besides. Within
// a run
//   ticks      each turn of which anything is told, and at least one a minute: without one nobody watched
//   processes  who: identity and owner, a new row where the owner changed (exec), and when it ended
//   gauges     of a process when they changed; `dense`: every change until the next row is told
//   walks      of a suspect's sockets, as changes since the walk before (socket_set.h)
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "owner/owner.h"
#include "probe/types.h"

namespace sockdog {

struct SampledProcess {
    std::uint64_t number = 0;  // in its run
    MonoTime since;            // of its history; of a later row, of the change
    Owner owner;               // with the ProcessId
};

struct SampledGauges {
    std::uint64_t process = 0;  // SampledProcess::number
    MonoTime at;
    Gauges gauges;
    bool dense = false;
};

struct SampledWalk {
    std::uint64_t process = 0;
    MonoTime at;
    std::string sockets;                      // of a SocketSetEncoder
    std::optional<std::string> surroundings;  // nothing: as told before
};

struct SampledEnd {
    std::uint64_t process = 0;
    MonoTime at;
};

/// All that one turn adds, written together or not at all.
struct SampledTick {
    std::uint64_t run = 0;
    MonoTime at;
    WallTime wall;
    bool blind = false;      // a walk failed: absence proves nothing
    bool uncertain = false;  // the books had lost events: no remedy would act
    std::vector<SampledProcess> processes;
    std::vector<SampledGauges> gauges;
    std::vector<SampledWalk> walks;
    std::vector<SampledEnd> ends;
};

class SampleStore {
  public:
    /// Opens or creates. A damaged file is set aside and a new one begun; `thorough`: the whole file is
    /// looked at for that.
    static Result<SampleStore> open(const std::filesystem::path& file, bool thorough = false);
    SampleStore(SampleStore&&) noexcept;
    SampleStore& operator=(SampleStore&&) noexcept;
    ~SampleStore();

    /// The number of a new run.
    Result<std::uint64_t> begin_run(const std::string& boot_id);
    /// `tick.run` is the latest run.
    Status write(const SampledTick& tick);
    /// Removes what is older than the first tick at or after `before`.
    Status prune(WallTime before);
    /// One step towards `max_bytes` where there are more: the oldest part goes. False: there are not.
    Result<bool> shrink(std::uint64_t max_bytes);
    /// Of the file, less what is free in it. It does not become smaller: what is free is used again.
    [[nodiscard]] Result<std::uint64_t> bytes() const;
    [[nodiscard]] const std::optional<std::filesystem::path>& damaged_file() const;

  private:
    struct Impl;
    explicit SampleStore(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

struct SampledSpan {
    WallTime first;
    WallTime last;
};

/// Reads tick by tick in the order in which they were written. Sees the file as it is at open().
class SampleReader {
  public:
    /// EUCLEAN: damaged, or no file of samples. EPROTO: written by a newer sockdog.
    static Result<SampleReader> open(const std::filesystem::path& file);
    SampleReader(SampleReader&&) noexcept;
    SampleReader& operator=(SampleReader&&) noexcept;
    ~SampleReader();

    /// Nothing where there is no tick at all.
    [[nodiscard]] Result<std::optional<SampledSpan>> span() const;
    /// Begins at the first tick at or after `from`; once, before next().
    Status seek(WallTime from);
    /// False at the end. Gauges come by time, also those of between two ticks.
    Result<bool> next(SampledTick& tick);
    /// Of the run that the last tick belongs to.
    [[nodiscard]] const std::string& boot_id() const;

  private:
    struct Impl;
    explicit SampleReader(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sockdog
