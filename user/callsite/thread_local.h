// Where a thread-local variable of a loaded module is, as the kernel side wants to hear it.
#pragma once

#include <cstdint>
#include <optional>

#include "callsite/byte_source.h"
#include "callsite/elf_file.h"

namespace sockdog {

struct ThreadLocalPlace {
    std::uint32_t kind = 0;  // SOCKDOG_THREAD_LOCAL_OFFSET or _MODULE
    std::uint64_t module = 0;
    std::uint64_t offset = 0;  // a signed number for _OFFSET

    bool operator==(const ThreadLocalPlace&) const = default;
};

/// For `symbol` of a file that is loaded with `bias`. The dynamic linker wrote module and offset where code
/// asks for them: `memory` of the process is read there. In an executable the linker itself has fixed the
/// offset. Nothing where neither says it.
std::optional<ThreadLocalPlace> find_thread_local(const ElfFile& file, const ElfSymbol& symbol,
                                                  std::uint64_t bias, bool is_executable, ByteSource& memory);

/// For a variable that has no symbol, by the code of `function`, which begins by reading it: a lea of module
/// and offset's place into rdi, the call of __tls_get_addr, and a load through rax. Believed only where the
/// dynamic linker wrote a module to that place. x86-64; nothing elsewhere, nor for code of another shape.
std::optional<ThreadLocalPlace> find_thread_local_read_by(const ElfFile& file, const ElfSymbol& function,
                                                          std::uint64_t bias, ByteSource& memory);

}  // namespace sockdog
