#include "callsite/go_lines.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "callsite/byte_source.h"

namespace sockdog::testing {
namespace {

constexpr std::uint64_t kCode = 0x401000;
constexpr std::uint64_t kTableAt = 0x400;
constexpr std::uint64_t kTableBytes = 0x400;
constexpr std::uint64_t kSectionsAt = 0xa00;
constexpr std::uint64_t kSectionNamesAt = 0x900;

// In the table.
constexpr std::uint64_t kNames = 0x48, kUnits = 0x80, kFiles = 0x90, kValues = 0xc0, kFunctions = 0x100;
constexpr std::uint64_t kFirstAbout = 0x40, kSecondAbout = 0x80;  // from kFunctions

/// A program of Go with two functions: _rt0_amd64_linux of 0x20 bytes, and main.fetch of 0x40, whose lines
/// are 7, and 9 from 0x10 up.
class SmallGo {
  public:
    explicit SmallGo(std::uint32_t magic = 0xfffffff1) {
        Elf64_Ehdr header{};
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_type = ET_EXEC;
        header.e_machine = EM_X86_64;
        header.e_entry = kCode;
        header.e_phoff = sizeof header;
        header.e_phnum = 1;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_shoff = kSectionsAt;
        header.e_shnum = 4;
        header.e_shentsize = sizeof(Elf64_Shdr);
        header.e_shstrndx = 3;
        put(0, header);
        put(sizeof header, Elf64_Phdr{PT_LOAD, PF_R | PF_X, 0, kCode, kCode, 0x400, 0x400, 0x1000});
        text(kSectionNamesAt, std::string_view("\0.text\0.gopclntab\0.shstrtab", 27));
        put(kSectionsAt + 1 * sizeof(Elf64_Shdr), section(1, SHT_PROGBITS, kCode, 0, 0x60));
        put(kSectionsAt + 2 * sizeof(Elf64_Shdr), section(7, SHT_PROGBITS, 0, kTableAt, kTableBytes));
        put(kSectionsAt + 3 * sizeof(Elf64_Shdr), section(18, SHT_STRTAB, 0, kSectionNamesAt, 27));

        table(0, magic);
        table(6, std::uint8_t{1});  // quantum
        table(7, std::uint8_t{8});  // bytes of a pointer
        table(8, std::uint64_t{2});
        table(16, std::uint64_t{1});
        table(24, kCode);
        table(32, std::array<std::uint64_t, 5>{kNames, kUnits, kFiles, kValues, kFunctions});
        text(kTableAt + kNames, std::string_view("_rt0_amd64_linux\0main.fetch\0", 28));
        table(kUnits, std::array<std::uint32_t, 2>{0, 8});
        text(kTableAt + kFiles, std::string_view("/rt0.s\0\0/srv/shop.go\0", 21));
        // Files: number 0. Lines: 7 (+8 from -1) for 0x10 bytes, 9 (+2) for 0x30, the end.
        table(kValues + 1, std::array<std::uint8_t, 3>{2, 0x40, 0});
        table(kValues + 8, std::array<std::uint8_t, 5>{16, 0x10, 4, 0x30, 0});
        table(kFunctions, std::array<std::uint32_t, 5>{0, kFirstAbout, 0x20, kSecondAbout, 0x60});
        about(kFirstAbout, 0, 0, 0);
        about(kSecondAbout, 0x20, 17, 1);
    }
    void about(std::uint64_t at, std::uint32_t code, std::uint32_t name, std::uint32_t unit) {
        table(kFunctions + at, std::array<std::uint32_t, 9>{code, name, 0, 0, 0, 1, 8, 0, unit});
    }
    static Elf64_Shdr section(std::uint32_t name, std::uint32_t type, std::uint64_t address, std::uint64_t at,
                              std::uint64_t size) {
        Elf64_Shdr header{};
        header.sh_name = name;
        header.sh_type = type;
        header.sh_addr = address;
        header.sh_offset = at;
        header.sh_size = size;
        return header;
    }
    template <typename T>
    void put(std::uint64_t at, const T& value) {
        std::memcpy(bytes.data() + at, &value, sizeof value);
    }
    template <typename T>
    void table(std::uint64_t at, const T& value) {
        put(kTableAt + at, value);
    }
    void text(std::uint64_t at, std::string_view value) {
        std::memcpy(bytes.data() + at, value.data(), value.size());
    }

    /// "function file:line", or what is missing.
    [[nodiscard]] std::string find(std::uint64_t address) const {
        MemoryBytes source(bytes);
        const auto file = ElfFile::parse(source);
        if (!file) return "no file";
        const auto lines = GoLines::parse(*file);
        if (!lines) return "no table";
        const auto frame = lines->find(address);
        if (!frame) return "nothing";
        return frame->function + " " + frame->file + ":" + std::to_string(frame->line);
    }

    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(0x1000);
};

TEST(GoLines, HaveFunctionFileAndLine) {
    for (const std::uint32_t magic : {0xfffffff0U, 0xfffffff1U}) {
        const SmallGo go(magic);
        EXPECT_EQ(go.find(kCode + 0x20), "main.fetch /srv/shop.go:7");
        EXPECT_EQ(go.find(kCode + 0x2f), "main.fetch /srv/shop.go:7");
        EXPECT_EQ(go.find(kCode + 0x30), "main.fetch /srv/shop.go:9");
        EXPECT_EQ(go.find(kCode + 0x5f), "main.fetch /srv/shop.go:9");
        EXPECT_EQ(go.find(kCode), "_rt0_amd64_linux /rt0.s:7");
    }
}

TEST(GoLines, AreNoneOfOtherCode) {
    const SmallGo go;
    EXPECT_EQ(go.find(kCode - 1), "nothing");
    EXPECT_EQ(go.find(kCode + 0x60), "nothing");
    EXPECT_EQ(go.find(0), "nothing");
    EXPECT_EQ(go.find(~std::uint64_t{0}), "nothing");
}

TEST(GoLines, OfOtherVersionsAreNotGuessed) {
    EXPECT_EQ(SmallGo(0xfffffffa).find(kCode), "no table");
    SmallGo pointers;
    pointers.table(7, std::uint8_t{4});
    EXPECT_EQ(pointers.find(kCode), "no table");
    SmallGo outside;
    outside.table(64, kTableBytes);
    EXPECT_EQ(outside.find(kCode), "no table");
}

TEST(GoLines, FindTheCodeByTheEntryWhereTheTableDoesNotSay) {
    SmallGo go;
    go.table(24, std::uint64_t{0});
    EXPECT_EQ(go.find(kCode + 0x30), "main.fetch /srv/shop.go:9");
    // Somebody else linked it: C's code comes first.
    SmallGo linked = go;
    linked.text(kTableAt + kNames, std::string_view("something_else__\0", 17));
    EXPECT_EQ(linked.find(kCode + 0x30), "no table");
}

TEST(GoLines, OfAFunctionThatSaysItIsAnotherAreNone) {
    SmallGo go;
    go.about(kSecondAbout, 0x21, 17, 1);
    EXPECT_EQ(go.find(kCode + 0x30), "nothing");
}

TEST(GoLines, LeaveOutWhatCannotBeRead) {
    SmallGo go;
    go.about(kSecondAbout, 0x20, 17, 0xffffffff);
    EXPECT_EQ(go.find(kCode + 0x30), "main.fetch :0");
    go.about(kSecondAbout, 0x20, 0x7fffffff, 1);
    EXPECT_EQ(go.find(kCode + 0x30), "nothing");
    SmallGo ended;  // before the code does
    ended.table(kValues + 8, std::array<std::uint8_t, 3>{16, 0x10, 0});
    EXPECT_EQ(ended.find(kCode + 0x20), "main.fetch /srv/shop.go:7");
    EXPECT_EQ(ended.find(kCode + 0x30), "main.fetch /srv/shop.go:0");
}

}  // namespace
}  // namespace sockdog::testing
