#include "callsite/process_memory.h"

#include <sys/types.h>
#include <sys/uio.h>

namespace sockdog {
namespace {

/// For the round trip itself, so that very many small reads come to an end as well.
constexpr std::size_t kCostOfARead = 64;

}  // namespace

bool ProcessMemory::read(std::uint64_t address, void* into, std::size_t bytes) {
    if (bytes == 0) return true;
    if (address == 0 || bytes > left_ || left_ - bytes < kCostOfARead) return false;
    left_ -= bytes + kCostOfARead;
    iovec local{into, bytes};
    iovec remote{reinterpret_cast<void*>(address), bytes};
    const ssize_t got = process_vm_readv(static_cast<pid_t>(process_.pid), &local, 1, &remote, 1, 0);
    return got >= 0 && static_cast<std::size_t>(got) == bytes;
}

bool ProcessMemory::is_still_itself(const ProcRoot& proc) const {
    return proc.is_alive(process_);
}

}  // namespace sockdog
