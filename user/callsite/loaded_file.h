// A file that a process has loaded: its content, and where in memory it is.
#pragma once

#include <memory>
#include <optional>

#include "callsite/elf_file.h"
#include "callsite/process_file.h"

namespace sockdog {

struct LoadedFile {
    UniqueFd fd;
    std::unique_ptr<FileBytes> bytes;  // of `fd`
    std::optional<ElfFile> elf;        // of `bytes`; always there
    std::uint64_t bias = 0;            // address in memory minus address in the file
    std::string path;
    bool is_executable = false;  // the main program
};

/// `mapping` is one of code. Nothing where it cannot be opened or is no ELF file.
std::optional<LoadedFile> open_loaded_file(const ProcRoot& proc, ProcessId process, const Mapping& mapping,
                                           bool is_executable);

}  // namespace sockdog
