// A set of sockets as compact bytes, told by what changed in it since it was told before: a leaked socket
// hardly ever does. Any thread.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "probe/types.h"

namespace sockdog {

class ByteWriter;

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
    static std::uint8_t renew(Told& told, const SocketRecord& s, MonoTime at, bool fresh);
    static void write(ByteWriter& to, const Told& told, std::uint8_t parts, MonoTime at);
    std::uint64_t take_slot();
    std::vector<std::uint64_t> take_out_gone();

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
