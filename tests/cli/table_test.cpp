#include "cli/table.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "cli/words.h"

namespace sockdog {
namespace {

Table example() {
    Table table({Column{"PID", Align::kRight, 0, 0, false}, Column{"NAME", Align::kLeft, 0, 8, false},
                 Column{"COUNT", Align::kRight, 1, 0, false}, Column{"COMMENT", Align::kLeft, 2, 10, false},
                 Column{"EMPTY", Align::kLeft, 0, 0, true}});
    table.add({"4242", "health_monitor.service", "57", "a comment of some length that nobody needs in full"});
    table.add({"1", "init", "0", "-"});
    return table;
}

Style of_width(std::size_t width) {
    Style style;
    style.width = width;
    return style;
}

std::size_t widest(const std::string& text) {
    std::size_t width = 0;
    for (const std::string& line : split(text, '\n')) width = std::max(width, display_width(line));
    return width;
}

TEST(Table, ShowsEverythingWhereThereIsRoom) {
    EXPECT_EQ(example().render(of_width(200)),
              " PID  NAME                    COUNT  COMMENT\n"
              "4242  health_monitor.service     57  a comment of some length that nobody needs in full\n"
              "   1  init                        0  -\n");
    EXPECT_EQ(example().render(of_width(200)), example().render(of_width(0)));
}

TEST(Table, ShortensElasticColumnsBeforeItDropsOne) {
    const std::string text = example().render(of_width(80));
    EXPECT_EQ(widest(text), 80U);
    EXPECT_NE(text.find("…"), std::string::npos);
    EXPECT_NE(text.find("COMMENT"), std::string::npos);
    EXPECT_NE(text.find("health_monitor.service"), std::string::npos) << "the longest gives way first";
}

TEST(Table, DropsTheLeastImportantColumnWhenShorteningIsNotEnough) {
    const std::string text = example().render(of_width(30));
    EXPECT_LE(widest(text), 30U);
    EXPECT_EQ(text.find("COMMENT"), std::string::npos);
    EXPECT_NE(text.find("COUNT"), std::string::npos);
}

TEST(Table, NeverIsWiderThanTheScreenAtAnyWidthThatCanHoldItsEssentials) {
    for (std::size_t width = 14; width <= 200; ++width) {
        EXPECT_LE(widest(example().render(of_width(width))), width) << width;
    }
}

TEST(Table, KeepsEssentialsEvenWhereTheyDoNotFit) {
    const std::string text = example().render(of_width(5));
    EXPECT_NE(text.find("4242"), std::string::npos);
    EXPECT_NE(text.find("NAME"), std::string::npos);
}

TEST(Table, HostileNamesCannotBreakLinesOrReachTheTerminal) {
    Table table({Column{"NAME", Align::kLeft, 0, 8, false}, Column{"N", Align::kRight, 0, 0, false}});
    table.add({std::string("a\nb\033[2J\xff\0c", 10), "1"});
    const std::string text = table.render(of_width(0));
    EXPECT_EQ(text.find('\033'), std::string::npos);
    EXPECT_EQ(text.find('\xff'), std::string::npos);
    EXPECT_EQ(split(text, '\n').size(), 3U) << text;
}

TEST(Table, ShortensANameOfAMegabyteInNoTime) {
    Table table({Column{"NAME", Align::kLeft, 0, 8, false}, Column{"N", Align::kRight, 0, 0, false}});
    table.add({std::string(1 << 20, 'x'), "1"});
    EXPECT_EQ(widest(table.render(of_width(80))), 80U);
}

TEST(Table, CountsColumnsNotBytes) {
    EXPECT_EQ(display_width("héllo"), 5U);
    EXPECT_EQ(display_width("日本"), 4U);
    EXPECT_EQ(display_width("e\xcc\x81"), 1U) << "combining accent";
    EXPECT_EQ(clip("日本語", 5, true), "日本…");
    EXPECT_EQ(clip("日本語", 4, true), "日…");
    EXPECT_EQ(clip("plain text", 6, false), "plain~");
    EXPECT_EQ(clip("fits", 4, true), "fits");
    EXPECT_EQ(clip("anything", 0, true), "");
}

TEST(Table, ColoursDoNotChangeTheLayout) {
    Table table({Column{"A", Align::kLeft, 0, 0, false}, Column{"B", Align::kRight, 0, 0, false}});
    table.add({Cell{"xx", Tone::kBad}, "12"});
    Style colored;
    colored.color = true;
    EXPECT_EQ(table.render(Style{}), "A    B\nxx  12\n");
    EXPECT_EQ(table.render(colored), "\033[1mA\033[0m    \033[1mB\033[0m\n\033[1;31mxx\033[0m  12\n");
}

TEST(Words, WrapsProseBehindItsIndent) {
    EXPECT_EQ(wrap("one two three four", 9, 0), "one two\nthree\nfour");
    EXPECT_EQ(wrap("one two three four", 13, 4), "one two\n    three\n    four");
    EXPECT_EQ(wrap("", 10, 2), "");
    EXPECT_EQ(wrap("unbreakable_word", 5, 0), "unbreakable_word");
}

TEST(Words, CountsInEnglish) {
    EXPECT_EQ(count_of(1, "process"), "1 process");
    EXPECT_EQ(count_of(2, "process"), "2 processes");
    EXPECT_EQ(count_of(0, "socket"), "0 sockets");
    EXPECT_EQ(format_bytes(1023), "1023 B");
    EXPECT_EQ(format_bytes(12 << 20), "12.0 MiB");
    EXPECT_EQ(format_rate(-0.01), "0.0");
    EXPECT_EQ(format_rate(1e308 * 10), "0.0") << "infinite";
    EXPECT_EQ(seconds_of(-1), Duration::zero());
    EXPECT_GT(seconds_of(1e300), Duration::zero());
}

}  // namespace
}  // namespace sockdog
