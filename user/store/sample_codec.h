// Gauges, sockets and what goes beyond the process as compact bytes. A set of sockets is told by what changed
// in it: a leaked socket hardly ever does. Any thread.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "detect/detector.h"

namespace sockdog {

std::string encode_gauges(const Gauges& gauges);
/// Nothing where the bytes are damaged; likewise below.
std::optional<Gauges> decode_gauges(std::string_view bytes);

/// What Scene::host and Scene::fds say about the process, no more: a tuple that only it uses and far from the
/// limit is left out, which the detectors take for the same.
std::string encode_surroundings(const Scene& scene);
struct SampledSurroundings {
    std::optional<HostUse> host;
    std::optional<FdUse> fds;
};
std::optional<SampledSurroundings> decode_surroundings(std::string_view bytes);

/// The sockets of one process as they were last told.
///
/// When data last moved is known in jiffies and told in 10 ms. It counts as moved when segments were counted:
/// the kernel's idle times are read some moments after the walk's own time, so that they differ a little each
/// time.
class SocketSetEncoder {
  public:
    /// `whole`: told in full, readable without what was told before.
    std::string encode(MonoTime at, std::span<const SocketRecord> sockets, bool whole);

  private:
    struct Told {
        std::uint64_t slot = 0;
        SocketRecord socket;
        std::int64_t sent = 0;  // in 10 ms
        std::int64_t received = 0;
        std::uint64_t seen_in = 0;
    };
    std::uint64_t take_slot();

    std::unordered_map<std::uint64_t, Told> told_;  // by SocketRecord::id
    std::vector<std::uint64_t> free_slots_;
    std::uint64_t next_slot_ = 0;
    std::uint64_t walk_ = 0;
};

class SocketSetDecoder {
  public:
    /// kNotYet: changes of a set that was not told in full so far.
    enum class Applied : std::uint8_t { kYes, kNotYet, kDamaged };
    Applied apply(MonoTime at, std::string_view bytes);
    /// As of `at`, the moment of the last apply().
    [[nodiscard]] std::vector<SocketRecord> sockets(ProcessId owner) const;

  private:
    struct Known {
        SocketRecord socket;
        std::int64_t sent = 0;
        std::int64_t received = 0;
    };
    MonoTime at_;
    bool whole_ = false;
    std::map<std::uint64_t, Known> known_;
};

}  // namespace sockdog
