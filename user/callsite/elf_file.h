// What is needed of a 64-bit ELF file to find an interpreter's variables: segments, named symbols, where the
// linker put the place of a thread-local variable, the build-id. Written for files that may be hostile.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "callsite/byte_source.h"
#include "callsite/mappings.h"

namespace sockdog {

struct ElfSegment {
    std::uint32_t type = 0;   // PT_*
    std::uint32_t flags = 0;  // PF_*
    std::uint64_t offset = 0;
    std::uint64_t address = 0;
    std::uint64_t file_bytes = 0;
    std::uint64_t memory_bytes = 0;
    std::uint64_t align = 0;
};

struct ElfSymbol {
    std::uint64_t value = 0;  // an address, or for thread-local ones an offset
    std::uint64_t bytes = 0;
    bool is_thread_local = false;
    std::uint32_t dynamic_index = 0;  // in .dynsym; 0: not there
};

struct ElfSection {
    std::uint64_t address = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
};

struct ElfRelocation {
    std::uint32_t type = 0;  // R_<machine>_*
    std::uint64_t address = 0;
    std::int64_t addend = 0;
};

class ElfFile {
  public:
    /// Nothing for what is not a 64-bit little-endian executable or shared object. `bytes` by file offset;
    /// outlives this.
    static std::optional<ElfFile> parse(ByteSource& bytes);

    /// The definition of each name, from .dynsym or else from .symtab.
    [[nodiscard]] std::vector<std::optional<ElfSymbol>> find(std::span<const std::string_view> names) const;
    [[nodiscard]] std::optional<ElfSymbol> find(std::string_view name) const;
    /// Dynamic relocations that name a symbol of .dynsym.
    [[nodiscard]] std::vector<ElfRelocation> relocations_of(std::uint32_t dynamic_index) const;
    /// The same of those that name no symbol: of type R_<machine>_*, the first 64.
    [[nodiscard]] std::vector<ElfRelocation> relocations_without_symbol(std::uint32_t type) const;
    /// The first one of that name that has bytes in the file.
    [[nodiscard]] std::optional<ElfSection> section(std::string_view name) const;
    /// The GNU build-id in hex; empty: none.
    [[nodiscard]] std::string build_id() const;
    /// Where in the file an address of it is; nothing for what only memory has.
    [[nodiscard]] std::optional<std::uint64_t> offset_of(std::uint64_t address) const;
    /// What to add to addresses of the file where `mapping`, one of its code, is; nothing if it cannot be of
    /// it.
    [[nodiscard]] std::optional<std::uint64_t> bias_in(const Mapping& mapping) const;
    [[nodiscard]] const std::vector<ElfSegment>& segments() const { return segments_; }
    /// Where the program begins, an address of the file.
    [[nodiscard]] std::uint64_t entry() const { return entry_; }
    [[nodiscard]] std::uint16_t machine() const { return machine_; }
    [[nodiscard]] bool is_position_independent() const { return position_independent_; }
    [[nodiscard]] ByteSource& bytes() const { return *bytes_; }

  private:
    struct Section {
        std::uint32_t type = 0;
        std::uint32_t link = 0;
        std::uint32_t name = 0;  // in the section of names
        std::uint64_t address = 0;
        std::uint64_t offset = 0;
        std::uint64_t bytes = 0;
    };
    explicit ElfFile(ByteSource& bytes) : bytes_(&bytes) {}
    template <typename Wanted>
    [[nodiscard]] std::vector<ElfRelocation> relocations(Wanted wanted) const;
    void search(std::uint32_t table_type, std::span<const std::string_view> names,
                std::vector<std::optional<ElfSymbol>>& found) const;

    ByteSource* bytes_;
    std::uint16_t machine_ = 0;
    std::uint16_t names_ = 0;  // the section with the names of sections
    std::uint64_t entry_ = 0;
    bool position_independent_ = false;
    std::vector<ElfSegment> segments_;
    std::vector<Section> sections_;
};

}  // namespace sockdog
