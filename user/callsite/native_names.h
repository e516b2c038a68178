// Names of native code of one process: symbols, DWARF lines with what was inlined, and stacks unwound from a
// copy by the tables that compilers write for exceptions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/proc_root.h"
#include "base/process_id.h"
#include "callsite/call_site.h"

namespace sockdog {

/// Names that were found, by build-id and offset: what a second process of the same program finds at once.
class NativeCache {
  public:
    [[nodiscard]] const std::vector<CallFrame>* find(const std::string& key) const;
    /// Forgets all when it is full (65,536).
    void remember(const std::string& key, const std::vector<CallFrame>& frames);

  private:
    std::unordered_map<std::string, std::vector<CallFrame>> frames_;
};

/// Loop thread. Opens files of the process (process_file.h) and those of `debug_directory`, no others.
class NativeNames {
  public:
    NativeNames(ProcessId process, const ProcRoot& proc, std::filesystem::path debug_directory,
                NativeCache& cache);
    ~NativeNames();
    NativeNames(const NativeNames&) = delete;
    NativeNames& operator=(const NativeNames&) = delete;

    /// Addresses from the registers and the copy of the stack, innermost first; the first one is where the
    /// thread was, the others are return addresses. As far as tables and copy reach, 64 at most.
    std::vector<std::uint64_t> unwind(const CallStack& stack);
    /// Several for code that was inlined, innermost first; always one at least.
    std::vector<CallFrame> name(std::uint64_t address, bool is_return_address);
    /// False: it has loaded or unloaded something since this was made, or runs another program.
    [[nodiscard]] bool is_current() const;
    [[nodiscard]] const std::string& executable() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sockdog
