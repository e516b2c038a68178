// A reader of /proc below a root that tests replace. A vanished process is an Error with code ENOENT or
// ESRCH, and normal. Reads are bounded: of a longer file the first 1 MiB. Loop thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/process_id.h"
#include "base/result.h"

namespace sockdog {

class ProcRoot {
  public:
    explicit ProcRoot(std::filesystem::path root = "/proc") : root_(std::move(root)) {}

    /// Whole content of ROOT/PID/NAME.
    [[nodiscard]] Result<std::string> read(std::uint32_t pid, std::string_view name) const;
    /// Target of the link ROOT/PID/NAME ("exe", "ns/net").
    [[nodiscard]] Result<std::string> read_link(std::uint32_t pid, std::string_view name) const;
    /// Whole content of ROOT/NAME, as "sys/net/ipv4/ip_local_port_range".
    [[nodiscard]] Result<std::string> read_global(std::string_view name) const;
    /// Target of ROOT/PID/exe, without the " (deleted)" of a file that was replaced or removed while it
    /// runs, or was made in memory and never had a name on disk.
    [[nodiscard]] Result<std::string> executable(std::uint32_t pid) const;
    /// Pid of the parent, field 4 of stat; 0 where it has none that can be seen.
    [[nodiscard]] Result<std::uint32_t> parent(std::uint32_t pid) const;
    /// All pids, ascending.
    [[nodiscard]] std::vector<std::uint32_t> pids() const;
    /// pid with its start time, from field 22 of stat (comm may hold spaces and parentheses).
    [[nodiscard]] Result<ProcessId> identify(std::uint32_t pid) const;
    /// Whether there is still this process, with this start time; a zombie counts.
    [[nodiscard]] bool is_alive(ProcessId process) const;
    /// Soft RLIMIT_NOFILE, "Max open files" of ROOT/PID/limits; 0 where it cannot be read or is unlimited.
    [[nodiscard]] std::uint64_t fd_limit(std::uint32_t pid) const;
    /// Open fds. Since Linux 6.2 the size of ROOT/PID/fd says it; else they are counted, up to four million.
    [[nodiscard]] Result<std::uint64_t> count_fds(std::uint32_t pid) const;
    [[nodiscard]] const std::filesystem::path& path() const { return root_; }

  private:
    std::filesystem::path root_;
};

}  // namespace sockdog
