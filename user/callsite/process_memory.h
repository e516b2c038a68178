// The memory of another process, with process_vm_readv(2): a bounded number of bytes, and of that process
// only.
#pragma once

#include "base/proc_root.h"
#include "base/process_id.h"
#include "callsite/byte_source.h"

namespace sockdog {

/// Needs CAP_SYS_PTRACE for the processes of others. Any thread, one at a time.
class ProcessMemory final : public ByteSource {
  public:
    /// `most_bytes`: of all reads together; what is asked for after that is refused.
    ProcessMemory(ProcessId process, std::size_t most_bytes) : process_(process), left_(most_bytes) {}
    bool read(std::uint64_t address, void* into, std::size_t bytes) override;
    /// False when it ended, even if another has its pid by now: whatever was read may be of that other one.
    [[nodiscard]] bool is_still_itself(const ProcRoot& proc) const;
    [[nodiscard]] std::size_t left() const { return left_; }

  private:
    ProcessId process_;
    std::size_t left_;
};

}  // namespace sockdog
