#include "run/ignore.h"

#include "run/support.h"

namespace sockdog::testing {
namespace {

using ::testing::HasSubstr;

IgnoreList parsed(const std::string& text) {
    auto list = parse_ignores(text, "known.yaml");
    EXPECT_TRUE(list) << list.error().message;
    return list ? *list : IgnoreList{};
}

std::string mistakes(const std::string& text) {
    const auto list = parse_ignores(text, "known.yaml");
    return list ? "none" : list.error().message;
}

TEST(Ignore, TakesALeakByItsLineFunctionClassAndEndpoint) {
    for (const char* entry : {"site: 'client.py:* fetch'", "site: fetch", "site: '/src/app/*'", "site: '*'",
                              "site: fetch, class: close_wait", "site: fetch, endpoint: '127.0.0.1:*'"}) {
        IgnoreList list = parsed("ignore:\n - {" + std::string(entry) + ", reason: known}\n");
        EXPECT_NE(list.take(leak()), nullptr) << entry;
    }
    for (const char* entry : {"site: fetc", "site: 'client.py:43 *'", "site: fetch, class: open",
                              "site: fetch, endpoint: '10.*'"}) {
        IgnoreList list = parsed("ignore:\n - {" + std::string(entry) + ", reason: known}\n");
        EXPECT_EQ(list.take(leak()), nullptr) << entry;
    }
}

TEST(Ignore, TakesNoMoreThanItsMaximum) {
    IgnoreList list =
        parsed("ignore:\n - {site: fetch, max: 2, reason: known}\n - {site: gone, reason: old}\n");
    const RunReport report = report_of(std::vector<Leak>(5, leak()), list);
    EXPECT_EQ(report.leaked(), 3U);
    EXPECT_EQ(report.ignored_count(), 2U);
    EXPECT_EQ(report.ignored.at(0).reason, "known");
    ASSERT_EQ(report.unused.size(), 1U);
    EXPECT_EQ(report.unused[0].line, 3);
}

TEST(Ignore, TellsMistakesWithTheirPlaceAndWhatWasMeant) {
    EXPECT_THAT(mistakes("ignore:\n - site: a\n   reson: b\n"),
                HasSubstr("known.yaml:3:4: unknown key \"reson\""));
    EXPECT_THAT(mistakes("ignore:\n - site: a\n   reson: b\n"), HasSubstr("did you mean \"reason\"?"));
    EXPECT_THAT(mistakes("ignore:\n - site: a\n"),
                HasSubstr("known.yaml:2:4: an entry needs the key reason"));
    EXPECT_THAT(mistakes("ignore:\n - {site: a, reason: b, class: close-wait}\n"),
                HasSubstr("did you mean \"close_wait\"?"));
    EXPECT_THAT(mistakes("ignore:\n - {site: a, reason: b, max: 0}\n"), HasSubstr("from 1 to 1000000"));
    EXPECT_THAT(mistakes("ignor: []\n"), HasSubstr("did you mean \"ignore\"?"));
    EXPECT_THAT(mistakes("- site: a\n"), HasSubstr("known.yaml:1:1"));
    EXPECT_EQ(mistakes(""), "none");
    EXPECT_THAT(load_ignores("/nonexistent").error().message, HasSubstr("/nonexistent"));
}

}  // namespace
}  // namespace sockdog::testing
