#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sockdog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Nearest, FindsTheSlipOfAFinger) {
    const std::vector<std::string> keys = {"close_wait", "idle_growth", "dwell", "count", "url"};
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"close_wiat", "close_wait"},
        {"closewait", "close_wait"},
        {"idle-growth", "idle_growth"},
        {"dwel", "dwell"},
        {"conut", "count"},
        {"counts", "count"},
        {"ulr", "url"},
        {"url", "url"},
    };
    for (const auto& [word, key] : cases) EXPECT_EQ(nearest(word, keys), key) << word;
}

TEST(Nearest, StaysSilentWhereNothingIsNear) {
    const std::vector<std::string> keys = {"close_wait", "idle_growth", "b", "url"};
    for (const std::string word : {"", "a", "xyz", "receivers", "close", "CLOSE_WAIT"}) {
        EXPECT_EQ(nearest(word, keys), std::nullopt) << word;
    }
    EXPECT_EQ(nearest("anything", {}), std::nullopt);
    EXPECT_EQ(nearest(std::string(100'000, 'x'), keys), std::nullopt);
}

TEST(Nearest, PrefersTheNearerAndThenTheFirst) {
    const std::vector<std::string> keys = {"counter", "count", "mount"};
    EXPECT_EQ(nearest("count", keys), "count");
    EXPECT_EQ(nearest("fount", keys), "count");
}

TEST(ParseDuration, ReadsUnitsAndSums) {
    const std::vector<std::pair<std::string, Duration>> cases = {
        {"500ms", 500ms},
        {"10s", 10s},
        {"5m", 5min},
        {"2h", 2h},
        {"7d", 7 * 24h},
        {"1h30m", 90min},
        {"1d2h3m4s5ms", 26h + 3min + 4s + 5ms},
        {"0s", 0s},
        {"007s", 7s},
        {"90m", 90min},
        {"106751d", 106751 * 24h},
        {"9223372036854ms", 9'223'372'036'854ms},
    };
    for (const auto& [text, duration] : cases) {
        const auto parsed = parse_duration(text);
        ASSERT_TRUE(parsed.ok()) << parsed.error().message;
        EXPECT_EQ(parsed.value(), duration) << text;
    }
}

TEST(ParseDuration, RefusesWhatIsNotADurationAndSaysWhy) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"", "empty"},
        {"10", "unit is missing"},
        {"0", "unit is missing"},
        {"1h30", "unit is missing"},
        {"s", "for example"},
        {"-5s", "for example"},
        {"+5s", "for example"},
        {" 5s", "for example"},
        {"5s ", "units are"},
        {"5 s", "units are"},
        {"1.5h", "units are"},
        {"5S", "units are"},
        {"5min", "units are"},
        {"5ns", "units are"},
        {"1m30m", "once"},
        {"30m1h", "largest first"},
        {"1e3s", "units are"},
        {"0x10s", "units are"},
        {"forever", "for example"},
        {"106752d", "292 years"},
        {"9223372036855ms", "292 years"},
        {"106751d24h", "292 years"},
        {"9223372036854775807d", "292 years"},
        {"9223372036854775808s", "too large"},
        {"99999999999999999999999999999999s", "too large"},
        {std::string("5s\0", 3), "units are"},
        {"5\xc2\xb5s", "units are"},
    };
    for (const auto& [text, why] : cases) {
        const auto parsed = parse_duration(text);
        ASSERT_FALSE(parsed.ok()) << text;
        EXPECT_THAT(parsed.error().message, HasSubstr(why)) << text;
    }
}

TEST(ParseDuration, DoesNotRepeatHostileTextInItsMessage) {
    const auto parsed = parse_duration("\x1b[2J" + std::string(1'000'000, 'x'));
    ASSERT_FALSE(parsed.ok());
    EXPECT_LT(parsed.error().message.size(), 300U);
    EXPECT_EQ(parsed.error().message.find('\x1b'), std::string::npos);
}

TEST(Printable, LeavesGoodTextAlone) {
    for (const std::string text : {"", "nginx", "a b\"c'd", "gr\xc3\xbc\xc3\x9f", "\xe6\xbc\xa2\xe5\xad\x97",
                                   "\xf0\x9f\x90\x95", "\xf4\x8f\xbf\xbf", "dev-disk\\x2dby.device"}) {
        EXPECT_EQ(printable(text), text);
    }
}

TEST(Printable, EscapesWhatATerminalWouldObeyOrHide) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"a\nb", "a\\x0ab"},
        {"\r\t\x1b[31m", "\\x0d\\x09\\x1b[31m"},
        {std::string("\0", 1), "\\x00"},
        {"\x7f", "\\x7f"},
        {"\xc2\x9b"
         "2J",
         "\\xc2\\x9b2J"},                     // C1: CSI in one code point
        {"\xe2\x80\xae", "\\xe2\\x80\\xae"},  // right-to-left override
        {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},  // isolate
        {"\xe2\x80\x8b", "\\xe2\\x80\\x8b"},  // zero width space
        {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},  // line separator
        {"\xef\xbb\xbf", "\\xef\\xbb\\xbf"},  // byte order mark
    };
    for (const auto& [text, shown] : cases) EXPECT_EQ(printable(text), shown);
}

TEST(Printable, EscapesInvalidUtf8ByteByByteAndGoesOn) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"\xff", "\\xff"},
        {"a\x80z", "a\\x80z"},                         // continuation without a lead
        {"\xc3", "\\xc3"},                             // cut short
        {"\xc3(", "\\xc3("},                           // lead without a continuation
        {"\xe6\xbc", "\\xe6\\xbc"},                    // cut short
        {"\xf0\x9f\x90x", "\\xf0\\x9f\\x90x"},         // cut short before more text
        {"\xc0\xaf", "\\xc0\\xaf"},                    // overlong '/'
        {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},           // overlong
        {"\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf"},  // overlong
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},           // surrogate
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // above U+10FFFF
        {"\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"},  // never a lead
        {"\xff\xc3\xbc", "\\xff\xc3\xbc"},             // good text after bad
    };
    for (const auto& [text, shown] : cases) EXPECT_EQ(printable(text), shown);
}

TEST(Printable, MakesEveryPairOfBytesSafeToPrint) {
    for (int first = 0; first < 256; ++first) {
        for (int second = 0; second < 256; ++second) {
            const std::string pair = {static_cast<char>(first), static_cast<char>(second)};
            const std::string shown = printable(pair);
            for (const char c : shown) {
                ASSERT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f) << first << ' ' << second;
            }
            ASSERT_EQ(printable(shown), shown) << first << ' ' << second;
        }
    }
}

TEST(Split, KeepsEmptyPieces) {
    EXPECT_THAT(split("a,b", ','), ElementsAre("a", "b"));
    EXPECT_THAT(split(",a,,b,", ','), ElementsAre("", "a", "", "b", ""));
    EXPECT_THAT(split("", ','), ElementsAre(""));
    EXPECT_THAT(split("abc", ','), ElementsAre("abc"));
    EXPECT_THAT(split(std::string_view("a\0b", 3), '\0'), ElementsAre("a", "b"));
}

TEST(Trim, TakesSpaceOffBothEndsOnly) {
    EXPECT_EQ(trim("  a b\t\n"), "a b");
    EXPECT_EQ(trim("a"), "a");
    EXPECT_EQ(trim(" \r\n\t\v\f"), "");
    EXPECT_EQ(trim(""), "");
    EXPECT_EQ(trim("\xc2\xa0"), "\xc2\xa0");  // bytes above ASCII are not space
}

}  // namespace
}  // namespace sockdog
