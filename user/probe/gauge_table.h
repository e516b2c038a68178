// The gauges as the kernel keeps them, mapped into this process. Reading costs no system call; values are as
// of the read. Private to the room. Loop thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/process_id.h"
#include "base/result.h"
#include "bpf/sockdog.h"
#include "probe/gauge_counters.h"
#include "probe/types.h"

namespace sockdog {

/// USER_HZ is 100 on every architecture that Linux has BPF on: ticks of 10 ms.
inline constexpr std::uint64_t kNanosecondsPerTick = 10'000'000;

template <typename Row>
class MappedArray {
  public:
    MappedArray() = default;
    static Result<MappedArray> map(int map_fd, std::uint32_t rows);
    MappedArray(MappedArray&& other) noexcept;
    MappedArray& operator=(MappedArray&& other) noexcept;
    MappedArray(const MappedArray&) = delete;
    MappedArray& operator=(const MappedArray&) = delete;
    ~MappedArray();

    [[nodiscard]] Row& operator[](std::uint32_t row) const { return rows_[row]; }
    [[nodiscard]] std::uint32_t size() const { return count_; }

  private:
    Row* rows_ = nullptr;
    std::uint32_t count_ = 0;
};

using GaugeTable = MappedArray<sockdog_gauge>;
using SumTable = MappedArray<sockdog_sum>;

ProcessId process_of(const sockdog_gauge& row);
Gauges gauges_from(const sockdog_gauge& row);
std::string comm_from(const char (&comm)[SOCKDOG_COMM]);

}  // namespace sockdog
