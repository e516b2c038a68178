#include "callsite/elf_file.h"

#include <elf.h>
#include <gtest/gtest.h>

#include "callsite/fake_memory.h"
#include "callsite/process_file.h"
#include "callsite/thread_local.h"
#include "probe/call_stack.h"

namespace sockdog::testing {

extern "C" {
__attribute__((visibility("default"), used)) int sockdog_test_marker = 42;
}

namespace {

constexpr std::uint64_t kTableAt = 0x200;
constexpr std::uint64_t kTextAt = 0x300;
constexpr std::uint64_t kSectionsAt = 0x400;
constexpr std::uint64_t kRelocationsAt = 0x600;

/// A shared object with the symbols "variable" (2, thread-local) and "function", as bytes.
class SmallElf {
  public:
    explicit SmallElf(std::uint32_t relocation = R_X86_64_DTPMOD64) {
        Elf64_Ehdr header{};
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_type = ET_DYN;
        header.e_machine = EM_X86_64;
        header.e_phoff = sizeof header;
        header.e_phnum = 2;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_shoff = kSectionsAt;
        header.e_shnum = 4;
        header.e_shentsize = sizeof(Elf64_Shdr);
        put(0, header);
        put(sizeof header, Elf64_Phdr{PT_LOAD, PF_R | PF_X, 0, 0x1000, 0x1000, 0x800, 0x900, 0x1000});
        put(sizeof header + sizeof(Elf64_Phdr), Elf64_Phdr{PT_TLS, PF_R, 0, 0, 0, 0, 24, 16});
        put(kTableAt, std::array<Elf64_Sym, 3>{Elf64_Sym{}, Elf64_Sym{10, STT_FUNC, 0, 1, 0x1100, 16},
                                               Elf64_Sym{1, STT_TLS, 0, 1, 8, 8}});
        put(kTextAt, std::array<char, 19>{"\0variable\0function"});
        put(kSectionsAt, std::array<Elf64_Shdr, 4>{
                             section(SHT_NULL, 0, 0, 0), section(SHT_DYNSYM, kTableAt, 72, 2),
                             section(SHT_STRTAB, kTextAt, 19, 0), section(SHT_RELA, kRelocationsAt, 48, 1)});
        put(kRelocationsAt,
            std::array<Elf64_Rela, 2>{Elf64_Rela{0x1800, ELF64_R_INFO(1, R_X86_64_GLOB_DAT), 0},
                                      Elf64_Rela{0x1700, ELF64_R_INFO(2, relocation), 0}});
    }
    static Elf64_Shdr section(std::uint32_t type, std::uint64_t at, std::uint64_t size, std::uint32_t link) {
        Elf64_Shdr header{};
        header.sh_type = type;
        header.sh_offset = at;
        header.sh_size = size;
        header.sh_link = link;
        return header;
    }
    template <typename T>
    void put(std::uint64_t at, const T& value) {
        std::memcpy(bytes.data() + at, &value, sizeof value);
    }
    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(0x800);
};

Mapping at_offset(std::uint64_t offset) {
    Mapping mapping;
    mapping.start = 0x7f0000000000;
    mapping.end = 0x7f0000001000;
    mapping.offset = offset;
    return mapping;
}

TEST(ElfFile, FindsSymbolsOfARealFile) {
    const auto fd = open_regular("/proc/self/exe");
    ASSERT_TRUE(fd);
    FileBytes bytes(fd->get(), 256U << 20);
    const auto file = ElfFile::parse(bytes);
    ASSERT_TRUE(file);
    const auto marker = file->find("sockdog_test_marker");
    ASSERT_TRUE(marker);
    EXPECT_EQ(marker->bytes, sizeof(int));
    const auto at = file->offset_of(marker->value);
    ASSERT_TRUE(at);
    EXPECT_EQ(bytes.get<int>(*at), 42);
    EXPECT_FALSE(file->find("there is no such symbol"));
}

TEST(ElfFile, KnowsWhereItIsLoaded) {
    SmallElf elf;
    MemoryBytes bytes(elf.bytes);
    const auto file = ElfFile::parse(bytes);
    ASSERT_TRUE(file);
    EXPECT_EQ(file->bias_in(at_offset(0)), 0x7effffffF000ULL);
    EXPECT_EQ(file->offset_of(0x1010), 0x10U);
    EXPECT_EQ(file->offset_of(0x1800), std::nullopt) << "not in the file";
    EXPECT_EQ(file->bias_in(at_offset(0x9000)), std::nullopt);
}

TEST(ElfFile, RefusesWhatItDoesNotUnderstand) {
    const auto parses = [](const SmallElf& elf, std::size_t size) {
        MemoryBytes bytes(std::span(elf.bytes).first(size));
        return ElfFile::parse(bytes).has_value();
    };
    SmallElf elf;
    EXPECT_TRUE(parses(elf, elf.bytes.size()));
    EXPECT_FALSE(parses(elf, 0));
    EXPECT_FALSE(parses(elf, 63));
    EXPECT_FALSE(parses(elf, 100)) << "cut within the segments";
    EXPECT_TRUE(parses(elf, 0x300)) << "without sections there are no symbols, but it runs";
    elf.bytes[EI_CLASS] = ELFCLASS32;
    EXPECT_FALSE(parses(elf, elf.bytes.size()));
}

TEST(ElfFile, SurvivesTablesThatLie) {
    SmallElf elf;
    elf.put(kSectionsAt + 64, SmallElf::section(SHT_DYNSYM, kTableAt, UINT64_MAX, 2));
    MemoryBytes bytes(elf.bytes);
    EXPECT_FALSE(ElfFile::parse(bytes)->find("function"));
    elf.put(kSectionsAt + 64, SmallElf::section(SHT_DYNSYM, kTableAt, 72, 99));
    EXPECT_FALSE(ElfFile::parse(bytes)->find("function"));
    elf.put(kSectionsAt + 64, SmallElf::section(SHT_DYNSYM, kTableAt, 72, 2));
    EXPECT_TRUE(ElfFile::parse(bytes)->find("function"));
    elf.put(kTableAt + 24, Elf64_Sym{0xffffffff, STT_FUNC, 0, 1, 0, 0});
    EXPECT_FALSE(ElfFile::parse(bytes)->find("function"));
}

struct Slots {
    std::uint32_t relocation;
    std::uint64_t first;
    std::uint64_t second;
    std::optional<ThreadLocalPlace> place;
};

TEST(ThreadLocal, IsWhereTheLinkerWroteThatItIs) {
    constexpr std::uint64_t kBias = 0x7f0000000000;
    constexpr std::uint64_t kArgument = 0x5000;
    const auto below = static_cast<std::uint64_t>(-16);
    for (const Slots& one : {
             Slots{R_X86_64_DTPMOD64, 3, 8, ThreadLocalPlace{SOCKDOG_THREAD_LOCAL_MODULE, 3, 8}},
             Slots{R_X86_64_DTPMOD64, 0, 8, std::nullopt},
             Slots{R_X86_64_DTPMOD64, 1U << 30, 8, std::nullopt},
             Slots{R_X86_64_TPOFF64, below, 0, ThreadLocalPlace{SOCKDOG_THREAD_LOCAL_OFFSET, 0, below}},
             Slots{R_X86_64_TPOFF64, kBias, 0, std::nullopt},
             Slots{R_X86_64_TLSDESC, kBias, below, ThreadLocalPlace{SOCKDOG_THREAD_LOCAL_OFFSET, 0, below}},
             Slots{R_X86_64_TLSDESC, kBias, kBias + kArgument,
                   ThreadLocalPlace{SOCKDOG_THREAD_LOCAL_MODULE, 2, 24}},
             Slots{R_X86_64_GLOB_DAT, 3, 8, std::nullopt},
         }) {
        SmallElf elf(one.relocation);
        MemoryBytes bytes(elf.bytes);
        const auto file = ElfFile::parse(bytes);
        const auto symbol = file->find("variable");
        ASSERT_TRUE(symbol);
        FakeMemory memory;
        memory.put(kBias + 0x1700, one.first);
        memory.put(kBias + 0x1708, one.second);
        memory.put(kBias + kArgument, std::array<std::uint64_t, 2>{2, 24});
        EXPECT_EQ(find_thread_local(*file, *symbol, kBias, false, memory), one.place) << one.relocation;
    }
}

TEST(ThreadLocal, OfTheProgramItselfIsBelowTheThreadPointer) {
    SmallElf elf;
    MemoryBytes bytes(elf.bytes);
    FakeMemory memory;
    const auto file = ElfFile::parse(bytes);
    const auto place = find_thread_local(*file, *file->find("variable"), 0, true, memory);
    EXPECT_EQ(place, (ThreadLocalPlace{SOCKDOG_THREAD_LOCAL_OFFSET, 0, static_cast<std::uint64_t>(8 - 32)}));
    EXPECT_FALSE(find_thread_local(*file, *file->find("function"), 0, true, memory));
}

/// What reads a hidden variable: code at the address of "function", 0x1100.
struct CodeCase {
    const char* what;
    std::vector<std::uint8_t> code;
    std::optional<std::uint64_t> offset;
};

TEST(ThreadLocal, ThatIsHiddenIsFoundByTheCodeThatReadsIt) {
    constexpr std::uint64_t kBias = 0x7f0000000000;
    // lea 0x1700(%rip),%rdi: 0x1700 - 0x1100 - where the instruction ends.
    const auto lea = [](std::uint8_t end, std::vector<std::uint8_t> after) {
        std::vector<std::uint8_t> code(static_cast<std::size_t>(end - 7), 0x90);
        for (const std::uint8_t byte : {std::uint8_t{0x48}, std::uint8_t{0x8d}, std::uint8_t{0x3d}})
            code.push_back(byte);
        const std::uint32_t distance = 0x1700U - 0x1100U - end;
        for (unsigned shift = 0; shift < 32; shift += 8)
            code.push_back(static_cast<std::uint8_t>(distance >> shift));
        code.insert(code.end(), after.begin(), after.end());
        return code;
    };
    const std::vector<std::uint8_t> call{0x66, 0x66, 0x48, 0xe8, 1, 2, 3, 4};
    const auto called = [&](std::vector<std::uint8_t> load) {
        load.insert(load.begin(), call.begin(), call.end());
        return load;
    };
    for (const CodeCase& one : {
             CodeCase{"plain", lea(7, called({0x48, 0x8b, 0x00})), 16},
             CodeCase{"after a prologue", lea(16, called({0x48, 0x8b, 0x00})), 16},
             CodeCase{"with a distance", lea(7, called({0x48, 0x8b, 0x40, 0x08})), 24},
             CodeCase{"with a long one", lea(7, called({0x48, 0x8b, 0x80, 0x00, 0x01, 0x00, 0x00})), 272},
             CodeCase{"a negative one", lea(7, called({0x48, 0x8b, 0x40, 0xf8})), std::nullopt},
             CodeCase{"no load", lea(7, called({})), std::nullopt},
             CodeCase{"no lea", called({0x48, 0x8b, 0x00}), std::nullopt},
         }) {
        SmallElf elf;
        elf.put(kRelocationsAt, Elf64_Rela{0x1700, ELF64_R_INFO(0, R_X86_64_DTPMOD64), 0});
        elf.put(kRelocationsAt + 24, Elf64_Rela{0x1800, ELF64_R_INFO(0, R_X86_64_RELATIVE), 0});
        std::copy(one.code.begin(), one.code.end(), elf.bytes.begin() + 0x100);
        MemoryBytes bytes(elf.bytes);
        const auto file = ElfFile::parse(bytes);
        FakeMemory memory;
        memory.put(kBias + 0x1700, std::array<std::uint64_t, 2>{5, 16});
        const auto place = find_thread_local_read_by(*file, *file->find("function"), kBias, memory);
        const auto wanted = one.offset
                                ? std::optional(ThreadLocalPlace{SOCKDOG_THREAD_LOCAL_MODULE, 5, *one.offset})
                                : std::nullopt;
        EXPECT_EQ(place, wanted) << one.what;
        elf.put(kRelocationsAt, Elf64_Rela{0x1708, ELF64_R_INFO(0, R_X86_64_DTPMOD64), 0});
        EXPECT_FALSE(find_thread_local_read_by(*file, *file->find("function"), kBias, memory))
            << "no slot of the linker's there";
    }
}

TEST(ThreadLocal, OfAnUnexportedSymbolIsInTheModuleOfTheFile) {
    constexpr std::uint64_t kBias = 0x7f0000000000;
    SmallElf elf;
    elf.put(kSectionsAt + sizeof(Elf64_Shdr), SmallElf::section(SHT_SYMTAB, kTableAt, 72, 2));
    elf.put(kRelocationsAt + 24, Elf64_Rela{0x1700, ELF64_R_INFO(0, R_X86_64_DTPMOD64), 0});
    MemoryBytes bytes(elf.bytes);
    const auto file = ElfFile::parse(bytes);
    FakeMemory memory;
    memory.put(kBias + 0x1700, std::array<std::uint64_t, 2>{5, 0});
    EXPECT_EQ(find_thread_local(*file, *file->find("variable"), kBias, false, memory),
              (ThreadLocalPlace{SOCKDOG_THREAD_LOCAL_MODULE, 5, 8}));
}

}  // namespace
}  // namespace sockdog::testing
