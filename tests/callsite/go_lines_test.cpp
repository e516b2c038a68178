#include "callsite/go_lines.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "callsite/byte_source.h"
#include "callsite/go_program.h"

namespace sockdog::testing {
namespace {

constexpr std::uint64_t kCode = kGoCode;
constexpr std::uint64_t kTableBytes = 0x400;

// In the table.
constexpr std::uint64_t kNames = 0x48, kUnits = 0x80, kFiles = 0x90, kValues = 0xc0, kFunctions = 0x100;
constexpr std::uint64_t kFirstAbout = 0x40, kSecondAbout = 0x80;  // from kFunctions

/// A program of Go with two functions: _rt0_amd64_linux of 0x20 bytes, and main.fetch of 0x40, whose lines
/// are 7, and 9 from 0x10 up.
class SmallGo {
  public:
    explicit SmallGo(std::uint32_t magic = 0xfffffff1) {
        table(0, magic);
        table(6, std::uint8_t{1});  // quantum
        table(7, std::uint8_t{8});  // bytes of a pointer
        table(8, std::uint64_t{2});
        table(16, std::uint64_t{1});
        table(24, kCode);
        table(32, std::array<std::uint64_t, 5>{kNames, kUnits, kFiles, kValues, kFunctions});
        text(kNames, std::string_view("_rt0_amd64_linux\0main.fetch\0", 28));
        table(kUnits, std::array<std::uint32_t, 2>{0, 8});
        text(kFiles, std::string_view("/rt0.s\0\0/srv/shop.go\0", 21));
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
    template <typename T>
    void table(std::uint64_t at, const T& value) {
        std::memcpy(bytes.data() + at, &value, sizeof value);
    }
    void text(std::uint64_t at, std::string_view value) {
        std::memcpy(bytes.data() + at, value.data(), value.size());
    }

    /// "function file:line", or what is missing.
    [[nodiscard]] std::string find(std::uint64_t address) const {
        const auto program = go_program(bytes);
        MemoryBytes source(program);
        const auto file = ElfFile::parse(source);
        if (!file) return "no file";
        const auto lines = GoLines::parse(*file);
        if (!lines) return "no table";
        const auto frame = lines->find(address);
        if (!frame) return "nothing";
        return frame->function + " " + frame->file + ":" + std::to_string(frame->line);
    }

    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(kTableBytes);  // of the table
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
    linked.text(kNames, std::string_view("something_else__\0", 17));
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
