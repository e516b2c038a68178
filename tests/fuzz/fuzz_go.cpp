#include <elf.h>

#include <cstring>
#include <string_view>
#include <vector>

#include "callsite/go_lines.h"

namespace {

constexpr std::uint64_t kCode = 0x1000;
constexpr std::string_view kSectionNames("\0.text\0.gopclntab\0.shstrtab", 27);

/// A program whose table is `data`, but for what says that it is one.
std::vector<std::uint8_t> program_with(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t kSections = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
    constexpr std::size_t kNames = kSections + 4 * sizeof(Elf64_Shdr);
    constexpr std::size_t kTable = kNames + kSectionNames.size();
    std::vector<std::uint8_t> bytes(kTable + size);
    const auto put = [&](std::size_t at, const auto& value) {
        std::memcpy(bytes.data() + at, &value, sizeof value);
    };
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_entry = kCode;
    header.e_phoff = sizeof header;
    header.e_phnum = 1;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_shoff = kSections;
    header.e_shnum = 4;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shstrndx = 3;
    put(0, header);
    put(sizeof header, Elf64_Phdr{PT_LOAD, PF_R | PF_X, 0, kCode, kCode, 0x1000, 0x1000, 0x1000});
    put(kSections + sizeof(Elf64_Shdr), Elf64_Shdr{1, SHT_PROGBITS, 0, kCode, 0, 0x1000, 0, 0, 0, 0});
    put(kSections + 2 * sizeof(Elf64_Shdr), Elf64_Shdr{7, SHT_PROGBITS, 0, 0, kTable, size, 0, 0, 0, 0});
    put(kSections + 3 * sizeof(Elf64_Shdr),
        Elf64_Shdr{18, SHT_STRTAB, 0, 0, kNames, kSectionNames.size(), 0, 0, 0, 0});
    std::memcpy(bytes.data() + kNames, kSectionNames.data(), kSectionNames.size());
    std::memcpy(bytes.data() + kTable, data, size);
    if (size < 8) return bytes;
    put(kTable, std::uint32_t{0xfffffff1});
    put(kTable + 4, std::uint32_t{0x08010000});  // shortest instruction of a byte, pointers of eight
    return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sockdog;
    const auto bytes = program_with(data, size);
    MemoryBytes source(bytes);
    const auto file = ElfFile::parse(source);
    if (!file || !has_go_lines(*file)) __builtin_trap();
    const auto lines = GoLines::parse(*file);
    if (!lines) return 0;
    for (const std::uint64_t address :
         {kCode, kCode + 0x10, kCode + 0xfff, std::uint64_t{0}, ~std::uint64_t{0}}) {
        const auto frame = lines->find(address);
        if (frame && (frame->function.empty() || frame->function.size() > 1024 || frame->file.size() > 4096))
            __builtin_trap();
    }
    return 0;
}
