#include "callsite/python_names.h"

#include <gtest/gtest.h>

#include "callsite/fake_memory.h"

namespace sockdog::testing {
namespace {

using Table = std::vector<std::uint8_t>;

// A code object and what it points to, at fixed addresses.
constexpr std::uint64_t kCode = 0x10000;
constexpr std::uint64_t kCodeType = 0x20000;
constexpr std::uint64_t kTextType = 0x21000;
constexpr std::uint64_t kBytesType = 0x22000;
constexpr std::uint64_t kFile = 0x30000;
constexpr std::uint64_t kName = 0x31000;
constexpr std::uint64_t kLines = 0x32000;

class PythonNames : public ::testing::TestWithParam<std::uint32_t> {
  protected:
    void SetUp() override {
        python_ = find_python(GetParam());
        ASSERT_NE(python_, nullptr);
        put_type(kCodeType, "code");
        put_type(kTextType, "str");
        put_type(kBytesType, "bytes");
        memory_.reserve(kCode, 256);
        memory_.put(kCode + 8, kCodeType);
        memory_.put(kCode + python_->first_line, std::int32_t{10});
        memory_.put(kCode + 112, kFile);
        memory_.put(kCode + 128, kName);
        memory_.put(kCode + 136, kLines);
        put_ascii(kFile, "/srv/app.py");
        put_ascii(kName, "Pool.fetch");
        put_lines({0x80 | 11 << 3 | 1, 0, 0, 0x80 | 12 << 3 | 3, 0, 0});
    }
    void put_type(std::uint64_t at, std::string_view name) {
        memory_.put(at + 24, at + 0x100);
        memory_.reserve(at + 0x100, 64);
        memory_.put_text(at + 0x100, name);
    }
    void put_text(std::uint64_t at, std::uint64_t length, std::uint32_t state, std::string_view bytes) {
        memory_.reserve(at, 512);
        memory_.put(at + 8, kTextType);
        memory_.put(at + 16, length);
        memory_.put(at + 32, state);
        const bool is_ascii = (state & 0x40) != 0;
        memory_.put_text(at + (is_ascii ? python_->text_ascii : python_->text_other), bytes);
    }
    void put_ascii(std::uint64_t at, std::string_view text) { put_text(at, text.size(), 0x64, text); }
    void put_lines(const Table& table) {
        memory_.put(kLines + 8, kBytesType);
        memory_.put(kLines + 16, std::uint64_t{table.size()});
        memory_.put_text(kLines + 32, {reinterpret_cast<const char*>(table.data()), table.size()});
    }
    [[nodiscard]] sockdog_frame at_unit(std::uint64_t unit) const {
        return {kCode, kCode + python_->code_bytes + 2 * unit};
    }
    FakeMemory memory_;
    const PythonVersion* python_ = nullptr;
};

TEST_P(PythonNames, AreFunctionFileAndLine) {
    const auto first = name_python_frame(memory_, *python_, at_unit(1));
    ASSERT_TRUE(first);
    EXPECT_EQ(to_long_string(*first), "/srv/app.py:11 Pool.fetch");
    const auto second = name_python_frame(memory_, *python_, at_unit(2));
    ASSERT_TRUE(second);
    EXPECT_EQ(second->line, 13U);
}

TEST_P(PythonNames, AreNothingForWhatIsNoCodeObject) {
    EXPECT_FALSE(name_python_frame(memory_, *python_, {kFile, 0}));
    EXPECT_FALSE(name_python_frame(memory_, *python_, {0, 0}));
    EXPECT_FALSE(name_python_frame(memory_, *python_, {kCode + 1, 0}));
    EXPECT_FALSE(name_python_frame(memory_, *python_, {0xdead0000, 0}));
}

TEST_P(PythonNames, HaveNoLineForInstructionsOutsideOfTheCode) {
    for (const std::uint64_t pc :
         std::initializer_list<std::uint64_t>{0, kCode, UINT64_MAX, std::uint64_t{kCode + (1ULL << 40)}}) {
        const auto frame = name_python_frame(memory_, *python_, {kCode, pc});
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->line, 0U) << pc;
    }
}

TEST_P(PythonNames, OfOtherScriptsAreUtf8) {
    put_text(kName, 2, 0x24, "\xe9t");  // Latin-1
    EXPECT_EQ(read_python_text(memory_, *python_, kName), "\xc3\xa9t");
    put_text(kName, 1, 0x28, std::string_view("\xac\x20"));  // two bytes each
    EXPECT_EQ(read_python_text(memory_, *python_, kName), "\xe2\x82\xac");
    put_text(kName, 1, 0x30, std::string_view("\x00\xf6\x01\x00", 4));
    EXPECT_EQ(read_python_text(memory_, *python_, kName), "\xf0\x9f\x98\x80");
    put_text(kName, 1, 0x30, "\xff\xff\xff\xff");
    EXPECT_EQ(read_python_text(memory_, *python_, kName), "\xef\xbf\xbd") << "no character";
}

TEST_P(PythonNames, RefuseTextThatCannotBe) {
    put_text(kName, 1ULL << 60, 0x64, "x");
    EXPECT_FALSE(read_python_text(memory_, *python_, kName)) << "longer than anything";
    put_text(kName, 1, 0x44, "x");
    EXPECT_FALSE(read_python_text(memory_, *python_, kName)) << "not compact";
    put_text(kName, 1, 0x6c, "x");
    EXPECT_FALSE(read_python_text(memory_, *python_, kName)) << "characters of three bytes";
    EXPECT_FALSE(read_python_text(memory_, *python_, kLines)) << "no str";
}

INSTANTIATE_TEST_SUITE_P(Versions, PythonNames,
                         ::testing::Values(version_of(3, 11), version_of(3, 12), version_of(3, 13)),
                         [](const auto& one) { return "v3_" + std::to_string(one.param & 0xff); });

struct LineCase {
    const char* what;
    Table table;
    std::uint64_t unit;
    std::optional<std::uint32_t> line;  // of a function that begins in line 100
};

TEST(PythonLines, FollowTheTable) {
    const std::vector<LineCase> cases{
        {"empty", {}, 0, std::nullopt},
        {"short form: the same line", {0x80 | 0 << 3 | 7, 0}, 7, 100},
        {"past the end", {0x80 | 0 << 3 | 7, 0}, 8, std::nullopt},
        {"one line on", {0x80 | 11 << 3 | 0, 0, 0}, 0, 101},
        {"signed: two lines back", {0x80 | 13 << 3 | 0, 5}, 0, 98},
        {"signed, of two bytes", {0x80 | 13 << 3 | 0, 0x40 | 0, 2}, 0, 164},
        {"long form", {0x80 | 14 << 3 | 0, 6, 0, 0, 0}, 0, 103},
        {"no line", {0x80 | 15 << 3 | 0}, 0, std::nullopt},
        {"a line after none", {0x80 | 15 << 3 | 0, 0x80 | 10 << 3 | 0, 0, 0}, 1, 100},
        {"begins in the middle of an entry", {0x05, 0x80 | 10 << 3}, 0, std::nullopt},
        {"a number without end",
         {0x80 | 13 << 3 | 0, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f},
         0,
         std::nullopt},
        {"cut within a number", {0x80 | 13 << 3 | 0, 0x40}, 0, std::nullopt},
        {"before the first line of all", {0x80 | 13 << 3 | 0, 0x40 | 0x3f, 0x3f}, 0, std::nullopt},
    };
    for (const LineCase& one : cases)
        EXPECT_EQ(find_python_line(one.table, 100, one.unit), one.line) << one.what;
}

}  // namespace
}  // namespace sockdog::testing
