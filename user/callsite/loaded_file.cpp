#include "callsite/loaded_file.h"

namespace sockdog {
namespace {

constexpr std::size_t kMostReadBytes = 256U << 20;  // of tables of one file, all reads together

}  // namespace

std::optional<LoadedFile> open_loaded_file(const ProcRoot& proc, ProcessId process, const Mapping& mapping,
                                           bool is_executable) {
    auto fd = open_mapped_file(proc, process, mapping);
    if (!fd) return std::nullopt;
    LoadedFile file;
    file.fd = std::move(*fd);
    file.bytes = std::make_unique<FileBytes>(file.fd.get(), kMostReadBytes);
    file.elf = ElfFile::parse(*file.bytes);
    if (!file.elf) return std::nullopt;
    const auto bias = file.elf->bias_in(mapping);
    if (!bias) return std::nullopt;
    file.bias = *bias;
    file.path = mapping.path;
    file.is_executable = is_executable;
    return file;
}

}  // namespace sockdog
