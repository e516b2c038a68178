// An ELF file as Go's linker makes them, but for all that does not matter: its code begins at kGoCode, and
// there is a table of lines.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace sockdog::testing {

inline constexpr std::uint64_t kGoCode = 0x401000;

inline std::vector<std::uint8_t> go_program(std::span<const std::uint8_t> table) {
    constexpr std::string_view kNames("\0.text\0.gopclntab\0.shstrtab", 27);
    constexpr std::size_t kSections = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
    constexpr std::size_t kNamesAt = kSections + 4 * sizeof(Elf64_Shdr);
    constexpr std::size_t kTableAt = kNamesAt + kNames.size();
    std::vector<std::uint8_t> bytes(kTableAt + table.size());
    const auto put = [&](std::size_t at, const auto& value) {
        std::memcpy(bytes.data() + at, &value, sizeof value);
    };
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_entry = kGoCode;
    header.e_phoff = sizeof header;
    header.e_phnum = 1;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_shoff = kSections;
    header.e_shnum = 4;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shstrndx = 3;
    put(0, header);
    put(sizeof header, Elf64_Phdr{PT_LOAD, PF_R | PF_X, 0, kGoCode, kGoCode, 0x1000, 0x1000, 0x1000});
    const auto section = [&](std::size_t number, std::uint32_t name, std::uint32_t type,
                             std::uint64_t address, std::uint64_t at, std::uint64_t size) {
        put(kSections + number * sizeof(Elf64_Shdr),
            Elf64_Shdr{name, type, 0, address, at, size, 0, 0, 0, 0});
    };
    section(1, 1, SHT_PROGBITS, kGoCode, 0, 0x1000);
    section(2, 7, SHT_PROGBITS, 0, kTableAt, table.size());
    section(3, 18, SHT_STRTAB, 0, kNamesAt, kNames.size());
    std::memcpy(bytes.data() + kNamesAt, kNames.data(), kNames.size());
    if (!table.empty()) std::memcpy(bytes.data() + kTableAt, table.data(), table.size());
    return bytes;
}

}  // namespace sockdog::testing
