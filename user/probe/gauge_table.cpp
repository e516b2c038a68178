#include "probe/gauge_table.h"

#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include "probe/read_once.h"

namespace sockdog {
namespace {

std::size_t mapped_bytes(std::size_t rows, std::size_t row_bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return (rows * row_bytes + page - 1) / page * page;
}

}  // namespace

template <typename Row>
Result<MappedArray<Row>> MappedArray<Row>::map(int map_fd, std::uint32_t rows) {
    static_assert(sizeof(Row) % 8 == 0, "array maps round values up to 8 bytes");
    void* address =
        mmap(nullptr, mapped_bytes(rows, sizeof(Row)), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (address == MAP_FAILED) return Error::from_errno("map a BPF array into memory");
    MappedArray table;
    table.rows_ = static_cast<Row*>(address);
    table.count_ = rows;
    return table;
}

template <typename Row>
MappedArray<Row>::MappedArray(MappedArray&& other) noexcept
    : rows_(std::exchange(other.rows_, nullptr)), count_(std::exchange(other.count_, 0)) {}

template <typename Row>
MappedArray<Row>& MappedArray<Row>::operator=(MappedArray&& other) noexcept {
    std::swap(rows_, other.rows_);
    std::swap(count_, other.count_);
    return *this;
}

template <typename Row>
MappedArray<Row>::~MappedArray() {
    if (rows_ != nullptr) munmap(rows_, mapped_bytes(count_, sizeof(Row)));
}

template class MappedArray<sockdog_gauge>;
template class MappedArray<sockdog_sum>;
template class MappedArray<sockdog_visit>;

ProcessId process_of(const sockdog_gauge& row) {
    return ProcessId{read_once(row.tgid), read_once(row.start_boottime_ns) / kNanosecondsPerTick};
}

Gauges gauges_from(const sockdog_gauge& row) {
    Gauges gauges;
    for (std::size_t state = 0; state < kTcpStateCount; state++) {
        // Between a swap and its two additions a gauge may be one below zero for some nanoseconds.
        const auto count = static_cast<std::int32_t>(read_once(row.sockets[state]));
        gauges.sockets[state] = count > 0 ? static_cast<std::uint32_t>(count) : 0;
    }
    gauges.opened = read_once(row.opened);
    gauges.accepted = read_once(row.accepted);
    gauges.closed = read_once(row.closed);
    gauges.peer_closed_first = read_once(row.peer_closed_first);
    gauges.reset = read_once(row.reset);
    gauges.connect_refused = read_once(row.connect_refused);
    gauges.connect_timed_out = read_once(row.connect_timed_out);
    gauges.connect_address_unavailable = read_once(row.connect_address_unavailable);
    gauges.connect_failed_other = read_once(row.connect_failed_other);
    gauges.too_many_files = read_once(row.too_many_files);
    gauges.inherited = read_once(row.inherited);
    return gauges;
}

std::string comm_from(const char (&comm)[SOCKDOG_COMM]) {
    return {comm, strnlen(comm, sizeof comm)};
}

}  // namespace sockdog
