// Perf maps: the file in which a just-in-time compiler says what is where, one "start size name" a line, in
// hex.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/proc_root.h"
#include "base/process_id.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace sockdog {

class PerfMap {
  public:
    /// Lines that are not understood are left out; the first million count. Of overlapping ones the later.
    static PerfMap parse(std::string_view text);
    /// Empty: nothing there.
    [[nodiscard]] std::string_view find(std::uint64_t address) const;
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

  private:
    struct Entry {
        std::uint64_t start;
        std::uint64_t bytes;
        std::string name;
    };
    std::vector<Entry> entries_;  // by start
};

/// /tmp/perf-PID.map of the process's own root, PID as it is in its own namespace.
Result<UniqueFd> open_perf_map(const ProcRoot& proc, ProcessId process);
/// Empty where there is none; of a longer one the first 64 MiB.
PerfMap read_perf_map(const ProcRoot& proc, ProcessId process);

}  // namespace sockdog
