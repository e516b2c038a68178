// The files of a process that may be hostile and may live in a container: what it has mapped, and other paths
// as it sees them. Only regular files are ever opened, never what is found by leaving its root.
#pragma once

#include <string_view>

#include "base/proc_root.h"
#include "base/process_id.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "callsite/byte_source.h"
#include "callsite/mappings.h"

namespace sockdog {

/// The file that is mapped, even if it was deleted or replaced since, by /proc/PID/map_files (needs
/// CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN); else by its path, if that is still the same file.
Result<UniqueFd> open_mapped_file(const ProcRoot& proc, ProcessId process, const Mapping& mapping);
/// Of its own mount namespace and root; symbolic links are followed within it. Never blocks.
Result<UniqueFd> open_in_root(const ProcRoot& proc, ProcessId process, std::string_view path);
/// For reading, without waiting for whoever else has it. ELOOP for anything but a regular file.
Result<UniqueFd> open_regular(const std::string& path);

/// What is in a file, by offset; of all reads together no more than `most_bytes`.
class FileBytes final : public ByteSource {
  public:
    FileBytes(int fd, std::size_t most_bytes) : fd_(fd), left_(most_bytes) {}
    bool read(std::uint64_t address, void* into, std::size_t bytes) override;

  private:
    int fd_;
    std::size_t left_;
};

}  // namespace sockdog
