// config/sockdog.yaml is documentation: what it says about defaults is asserted here, and that it leaves no
// key out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>

#include "base/text.h"
#include "config/schema.h"
#include "support.h"

namespace sockdog::test {
namespace {

/// "# text" is prose; "#key: value" and "#  key: value" are settings that are commented out.
std::string uncommented(const std::string& yaml) {
    std::string result;
    for (auto& line : split(yaml, '\n')) {
        const auto hash = line.find_first_not_of(' ');
        const auto rest = hash == std::string::npos ? std::string() : line.substr(hash + 1);
        const bool prose =
            rest.empty() || rest[0] == '#' || (rest[0] == ' ' && (rest.size() < 2 || rest[1] != ' '));
        if (hash != std::string::npos && line[hash] == '#' && !prose) line.erase(hash, 1);
        result += line + '\n';
    }
    return result;
}

bool is_word_char(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// Whether `text` has "KEY:" (or, outside of YAML, the bare word).
bool names_key(const std::string& text, const std::string& key, bool with_colon) {
    for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at + 1)) {
        const auto end = at + key.size();
        const char after = end < text.size() ? text[end] : '\n';
        const bool starts = at == 0 || !is_word_char(text[at - 1]);
        if (starts && (with_colon ? after == ':' : !is_word_char(after))) return true;
    }
    return false;
}

std::vector<std::string> all_keys() {
    auto keys = dotted_keys(config_schema());
    for (auto& key : keys) key = key.substr(key.rfind('.') + 1);
    return keys;
}

TEST(ShippedConfig, IsExactlyTheDefaults) {
    EXPECT_EQ(in_words(parsed(read_source("config/sockdog.yaml"))), in_words(Config{}));
}

TEST(ShippedConfig, ShowsTheDefaultOfEveryKeyItCommentsOut) {
    Config shown = parsed(uncommented(read_source("config/sockdog.yaml")));
    ASSERT_EQ(shown.policies.size(), 1U);
    ASSERT_EQ(shown.receivers.size(), 3U);
    Policy policy = shown.policies[0];
    EXPECT_EQ(policy.remedy.action, RemedyAction::kSystemdRestart);
    EXPECT_TRUE(policy.remedy.dry_run);
    ReceiverSettings receiver = shown.receivers[0];
    EXPECT_EQ(receiver.url.rfind("https://", 0), 0U);

    // But for what an example must say, policy and receiver show the defaults as well.
    policy.name = "default";
    policy.match = {};
    policy.remedy.action = RemedyAction::kNone;
    policy.alerts.reset();
    receiver.name.clear();
    receiver.url.clear();
    receiver.match = {};
    EXPECT_EQ(receiver.repeat, repeat_of(ReceiverSettings{}));
    EXPECT_EQ(receiver.group_wait, group_wait_of(ReceiverSettings{}));
    receiver.repeat.reset();
    receiver.group_wait.reset();
    Config expected;
    expected.policies = {Policy{}};
    expected.receivers = {ReceiverSettings{}};
    shown.policies = {policy};
    shown.receivers = {receiver};
    EXPECT_EQ(in_words(shown), in_words(expected));
}

TEST(ShippedConfig, NamesEveryKeyOfTheSchema) {
    const std::string yaml = read_source("config/sockdog.yaml");
    const auto keys = all_keys();
    EXPECT_GT(keys.size(), 60U);
    for (const auto& key : keys) EXPECT_TRUE(names_key(yaml, key, true)) << key;
    EXPECT_FALSE(names_key(yaml, "no_such_key", true));
}

TEST(ManualPage, NamesEveryKeyOfTheSchema) {
    const std::string page = read_source("docs/man/sockdog.yaml.5");
    for (const auto& key : all_keys()) EXPECT_TRUE(names_key(page, key, false)) << key;
}

}  // namespace
}  // namespace sockdog::test
