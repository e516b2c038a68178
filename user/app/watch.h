// Watches every process's gauges, walks over the sockets of suspects, and says what the detectors found. At
// rest nothing is walked: gauges decide who is a suspect. Loop thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/host_watch.h"
#include "app/throttle.h"
#include "config/config.h"
#include "detect/detector.h"
#include "detect/places.h"
#include "incident/book.h"
#include "owner/resolver.h"
#include "probe/books.h"
#include "replay/sample_recorder.h"

namespace sockdog {

class Watch {
  public:
    Watch(Books& books, OwnerResolver& resolver, const ProcRoot& proc)
        : books_(books), resolver_(resolver), proc_(proc), host_(books, proc) {}

    struct Look {
        std::vector<Observed> observed;  // every finding that holds now, of this look or of an earlier walk
        bool blind = false;              // a walk failed: absence proves nothing
        std::set<ProcessId> call_sites;  // of whom the lines of code are wanted
        std::optional<MonoTime> again;   // nothing but time is missing for a verdict
    };
    /// One turn. Suspects are walked at most every `walk_interval`, those in `urgent` at once.
    Look look(const Now& now, const Config& config, const std::set<ProcessId>& urgent);
    /// Names the lines that opened what leaks.
    void name_places_by(PlaceOf place_of) { place_of_ = std::move(place_of); }
    /// Tells `recorder`, which outlives it, what each turn saw.
    void record(SampleRecorder& recorder) { recorder_ = &recorder; }
    /// The configuration changed: limits and wake-up counts are looked up anew.
    void reconfigured() { generation_++; }

    /// Leaked sockets of this owner's running processes as of the last look.
    [[nodiscard]] std::uint32_t leaked(const std::string& stable_key);
    [[nodiscard]] bool is_suspect(ProcessId process) const;
    [[nodiscard]] const HostWatch& host() const { return host_; }
    /// Walks made since the start.
    [[nodiscard]] std::uint64_t walks() const { return walks_; }
    /// The budget of CPU time for walks; other work on the books is charged to it too.
    [[nodiscard]] Throttle& throttle() { return throttle_; }

  private:
    struct Watched {
        ProcessHistory history;
        std::uint32_t generation = 0;  // 0: never configured
        bool suspect = false;
        bool urgent = false;  // and not looked at since
        MonoTime last_walk{};
        std::optional<MonoTime> look_again;
        std::vector<Finding> findings;
        std::uint64_t seen_in = 0;  // turn
    };
    void take_sample(const Now& now, const Config& config, const GaugeSample& sample);
    [[nodiscard]] bool walk_is_due(const Now& now, const Config& config, const Watched& watched) const;
    /// Among other things whether those who opened inherited sockets still run.
    void name_others(std::vector<Finding>& findings);
    void complete(ProcessId process, std::vector<SocketRecord>& sockets) const;
    void walk_together(const Now& now, const Config& config);
    Result<std::vector<SocketRecord>> sockets_of(ProcessId process);
    bool is_suspect(const Now& now, ProcessId process, const Watched& watched, const Limits& limits);
    [[nodiscard]] static bool wants_call_sites(const Policy& policy, const Watched& watched);
    void walk(const Now& now, const Policy& policy, ProcessId process, Watched& watched, Look& look);

    Books& books_;
    OwnerResolver& resolver_;
    SampleRecorder* recorder_ = nullptr;
    PlaceOf place_of_ = [](std::uint64_t) { return std::string(); };
    const ProcRoot& proc_;
    HostWatch host_;
    Throttle throttle_;
    std::unordered_map<ProcessId, Watched> watched_;
    std::optional<std::unordered_map<ProcessId, std::vector<SocketRecord>>> together_;  // within one turn
    std::uint32_t generation_ = 1;
    std::uint64_t turn_ = 0;
    std::uint64_t walks_ = 0;
};

}  // namespace sockdog
