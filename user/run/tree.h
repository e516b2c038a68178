// Which processes belong to the command: those that were born of it, as the kernel tells, and those in a
// cgroup of its own where one can be made. Orphans come to us (subreaper) and are reaped. One thread.
#pragma once

#include <sys/types.h>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/process_id.h"
#include "base/result.h"
#include "base/time.h"
#include "probe/call_stack.h"
#include "run/leak.h"

namespace sockdog {

/// A child of our own cgroup (v2). Its processes go back to ours, and it is removed, with this object.
class CommandCgroup {
  public:
    /// EACCES, EROFS, ENOENT and the like where none can be made: normal in containers.
    static Result<CommandCgroup> make();
    CommandCgroup(CommandCgroup&& other) noexcept;
    CommandCgroup& operator=(CommandCgroup&&) = delete;
    ~CommandCgroup();

    Status take(pid_t process) const;
    /// As SocketRecord::cgroup_id.
    [[nodiscard]] std::uint64_t id() const { return id_; }

  private:
    explicit CommandCgroup(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
    std::uint64_t id_ = 0;
};

class Tree {
  public:
    /// Most that are remembered; a build of a day has less.
    static constexpr std::size_t kMostProcesses = 262'144;

    Tree();
    ~Tree();
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    /// The command itself, before it runs. Makes the cgroup where that is possible.
    void begin(ProcessId command);
    void on(const FollowEvent& event);
    /// Orphans that ended; never our own children, which are left to who asks for their status.
    void reap_orphans(std::initializer_list<pid_t> own) const;

    [[nodiscard]] bool holds(const HeldSocket& held) const;
    /// When it ended; nothing while it lives, or where nobody told.
    [[nodiscard]] std::optional<MonoTime> end_of(ProcessId process) const;
    [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(born_.size()); }
    [[nodiscard]] bool has_cgroup() const { return cgroup_.has_value(); }
    [[nodiscard]] bool overflowed() const { return overflowed_; }

  private:
    void add(ProcessId process);
    std::set<ProcessId> born_;
    std::map<ProcessId, MonoTime> ended_;
    std::optional<CommandCgroup> cgroup_;
    bool overflowed_ = false;
    int was_subreaper_ = 0;
};

}  // namespace sockdog
