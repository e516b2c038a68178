#include "callsite/ruby_names.h"

#include <gtest/gtest.h>

#include "callsite/fake_memory.h"

namespace sockdog::testing {
namespace {

constexpr std::uint64_t kIseq = 0x10000;
constexpr std::uint64_t kBody = 0x11000;
constexpr std::uint64_t kPath = 0x12000;
constexpr std::uint64_t kLabel = 0x13000;
constexpr std::uint64_t kEntries = 0x14000;
constexpr std::uint64_t kIndex = 0x15000;
constexpr std::uint64_t kInstructions = 0x16000;
constexpr std::uint64_t kRealPath = 0x17000;
constexpr std::uint64_t kElsewhere = 0x18000;
constexpr std::uint64_t kStringFlags = 5;
constexpr std::uint64_t kArrayFlags = 7 | 1U << 13 | 2U << 15;

class RubyNames : public ::testing::TestWithParam<std::uint32_t> {
  protected:
    void SetUp() override {
        ruby_ = find_ruby(GetParam());
        ASSERT_NE(ruby_, nullptr);
        memory_.put(kIseq, std::uint64_t{0x1a | 7U << 12});
        memory_.put(kIseq + 16, kBody);
        memory_.reserve(kBody, 256);
        memory_.put(kBody + 4, std::uint32_t{200});
        memory_.put(kBody + 8, kInstructions);
        memory_.put(kBody + 64, kPath);
        memory_.put(kBody + 80, kLabel);
        memory_.put(kBody + ruby_->body_lines, kEntries);
        memory_.put(kBody + ruby_->body_lines + 16, std::uint32_t{3});
        memory_.put(kBody + ruby_->body_lines + 24, kIndex);
        for (std::uint32_t i = 0; i < 3; i++) memory_.put(kEntries + 12 * i, std::int32_t(70 + i));
        put_elsewhere(kPath, "/srv/director.rb");
        put_embedded(kLabel, "perform");
        put_index({0, 4, 60});
    }
    void put_embedded(std::uint64_t at, std::string_view text) {
        memory_.reserve(at, 128);
        if (ruby_->strings_hold_their_length) {
            memory_.put(at, kStringFlags);
            memory_.put(at + 16, std::uint64_t{text.size()});
            memory_.put_text(at + 24, text);
        } else {
            memory_.put(at, kStringFlags | text.size() << 14);
            memory_.put_text(at + 16, text);
        }
    }
    void put_elsewhere(std::uint64_t at, std::string_view text) {
        memory_.put(at, kStringFlags | 1U << 13);
        memory_.put(at + 16, std::uint64_t{text.size()});
        memory_.put(at + 24, kElsewhere);
        memory_.put_text(kElsewhere, text);
    }
    /// As Ruby builds it, from the positions where entries begin.
    void put_index(const std::vector<std::uint64_t>& positions) {
        const auto entries_up_to = [&](std::uint64_t position) {
            std::uint64_t count = 0;
            for (const std::uint64_t one : positions) count += one <= position ? 1 : 0;
            return count;
        };
        memory_.reserve(kIndex, 48 + 2 * 80);
        for (std::uint64_t word = 0; word < 6; word++) {
            std::uint64_t value = 0;
            for (std::uint64_t i = 0; i < 9; i++) value |= entries_up_to(word * 9 + i) << (7 * i);
            memory_.put(kIndex + 8 * word, value);
        }
        std::uint64_t ranks = 0;
        for (std::uint64_t small = 1; small < 8; small++)
            ranks |= (entries_up_to(54 + 64 * small - 1) - entries_up_to(53)) << (9 * (small - 1));
        memory_.put(kIndex + 48, static_cast<std::uint32_t>(entries_up_to(53)));
        memory_.put(kIndex + 56, ranks);
        for (std::uint64_t small = 0; small < 8; small++) {
            std::uint64_t bits = 0;
            for (const std::uint64_t one : positions)
                if (one >= 54 + 64 * small && one < 54 + 64 * (small + 1)) bits |= 1ULL << ((one - 54) % 64);
            memory_.put(kIndex + 64 + 8 * small, bits);
        }
    }
    std::uint32_t line_at(std::uint64_t position) {
        const auto frame = name_ruby_frame(memory_, *ruby_, {kIseq, kInstructions + 8 * position});
        return frame ? frame->line : 0;
    }
    FakeMemory memory_;
    const RubyVersion* ruby_ = nullptr;
};

TEST_P(RubyNames, AreLabelPathAndLine) {
    const auto frame = name_ruby_frame(memory_, *ruby_, {kIseq, kInstructions + 8 * 5});
    ASSERT_TRUE(frame);
    EXPECT_EQ(to_long_string(*frame), "/srv/director.rb:71 perform");
}

TEST_P(RubyNames, HaveTheLineOfTheInstructionBeforeThePc) {
    EXPECT_EQ(line_at(0), 70U);
    EXPECT_EQ(line_at(4), 70U);
    EXPECT_EQ(line_at(5), 71U);
    EXPECT_EQ(line_at(60), 71U);
    EXPECT_EQ(line_at(61), 72U);
    EXPECT_EQ(line_at(200), 72U);
    EXPECT_EQ(line_at(201), 0U) << "past the instructions";
    put_index({0, 130, 180});
    EXPECT_EQ(line_at(130), 70U);
    EXPECT_EQ(line_at(131), 71U);
    EXPECT_EQ(line_at(181), 72U);
}

TEST_P(RubyNames, PreferTheRealPathToARelativeOne) {
    memory_.put(kBody + 64, kRealPath + 0x100);
    memory_.put(kRealPath + 0x100, kArrayFlags);
    memory_.put(kRealPath + 0x110, kPath);
    memory_.put(kRealPath + 0x118, kRealPath);
    put_embedded(kRealPath, "/real/app.rb");
    put_elsewhere(kPath, "app.rb");
    EXPECT_EQ(name_ruby_frame(memory_, *ruby_, {kIseq, kInstructions})->file, "/real/app.rb");
    put_elsewhere(kPath, "/given/app.rb");
    EXPECT_EQ(name_ruby_frame(memory_, *ruby_, {kIseq, kInstructions})->file, "/given/app.rb");
}

TEST_P(RubyNames, AreNothingForWhatIsNoIseq) {
    EXPECT_FALSE(name_ruby_frame(memory_, *ruby_, {kPath, kInstructions})) << "a string";
    EXPECT_FALSE(name_ruby_frame(memory_, *ruby_, {8, 0})) << "nil";
    EXPECT_FALSE(name_ruby_frame(memory_, *ruby_, {kIseq + 1, 0}));
    EXPECT_FALSE(name_ruby_frame(memory_, *ruby_, {0xdead0000, 0}));
    memory_.put(kIseq + 16, std::uint64_t{0});
    EXPECT_FALSE(name_ruby_frame(memory_, *ruby_, {kIseq, 0})) << "freed";
}

TEST_P(RubyNames, RefuseStringsThatCannotBe) {
    memory_.put(kPath + 16, std::uint64_t{1} << 50);
    EXPECT_FALSE(read_ruby_text(memory_, *ruby_, kPath)) << "longer than anything";
    memory_.put(kPath + 16, std::uint64_t{4});
    memory_.put(kPath + 24, std::uint64_t{0xdead0000});
    EXPECT_FALSE(read_ruby_text(memory_, *ruby_, kPath)) << "nowhere";
}

TEST_P(RubyNames, SurviveATableThatLies) {
    memory_.put(kBody + ruby_->body_lines + 24, std::uint64_t{0});
    EXPECT_EQ(line_at(5), 0U) << "no index";
    memory_.put(kBody + ruby_->body_lines + 24, kIndex);
    memory_.put(kIndex, ~std::uint64_t{0});
    EXPECT_EQ(line_at(1), 0U) << "more entries than there are";
    memory_.put(kBody + ruby_->body_lines + 16, std::uint32_t{1});
    EXPECT_EQ(line_at(1), 70U) << "one entry needs no index";
    memory_.put(kEntries, std::int32_t{-5});
    EXPECT_EQ(line_at(1), 0U);
}

INSTANTIATE_TEST_SUITE_P(Versions, RubyNames,
                         ::testing::Values(version_of(3, 1), version_of(3, 2), version_of(3, 3)),
                         [](const auto& one) { return "v3_" + std::to_string(one.param & 0xff); });

}  // namespace
}  // namespace sockdog::testing
