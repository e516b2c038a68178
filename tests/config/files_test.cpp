// The main file and its drop-ins on disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/text.h"
#include "support.h"

namespace sockdog::test {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<std::string> complaints_of(const std::filesystem::path& file) {
    const auto config = load_config(file);
    return config.ok() ? std::vector<std::string>{} : split(config.error().message, '\n');
}

TEST(ConfigFiles, AFileWithoutDropInsIsEnough) {
    const Folder folder;
    const auto file = folder.write("sockdog.yaml", "tick: 7s\n");
    const auto config = load_config(file);
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->tick, 7s);
    EXPECT_EQ(config->file, file);
}

TEST(ConfigFiles, DropInsOverrideInTheOrderOfNames) {
    const Folder folder;
    const auto file = folder.write("sockdog.yaml", R"(
tick: 1s
walk_interval: 1s
defaults: {close_wait: {count: 10, dwell: 10s}}
remedies: {protected_units: [a]}
policies:
  - {name: one, match: {unit: one}, close_wait: {count: 11}}
  - {name: two, match: {unit: two}}
)");
    folder.write("sockdog.d/20-b.yaml", "tick: 3s\npolicies: [{name: one, match: {unit: new-one}}]\n");
    folder.write("sockdog.d/10-a.yaml", R"(
tick: 2s
defaults: {close_wait: {count: 20}}
remedies: {protected_units: [b]}
policies: [{name: three, match: {unit: three}}]
)");
    const auto config = load_config(file);
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->tick, 3s);
    EXPECT_EQ(config->walk_interval, 1s);
    EXPECT_EQ(config->defaults.limits.close_wait.dwell, 10s) << "a drop-in overrides keys, not sections";
    EXPECT_THAT(config->remedies.protected_units, ElementsAre("a", "b")) << "protection only ever grows";
    ASSERT_EQ(config->policies.size(), 3U);
    EXPECT_EQ(config->policies[0].name, "one");
    EXPECT_EQ(config->policies[0].match.unit, "new-one");
    EXPECT_EQ(config->policies[0].limits.close_wait.count, 20U) << "replaced whole, with the final defaults";
    EXPECT_EQ(config->policies[1].limits.close_wait.count, 20U)
        << "the main file's policies inherit drop-ins' defaults";
    EXPECT_EQ(config->policies[2].name, "three");
}

TEST(ConfigFiles, MistakesInDropInsNameTheirFile) {
    const Folder folder;
    const auto file =
        folder.write("sockdog.yaml", "tik: 1s\npolicies: [{name: a, match: {uid: 0}, alerts: [o]}]\n");
    folder.write("sockdog.d/10.yaml", "policies: [{name: b, match: {uid: 0}, alerts: [x]}]\n");
    folder.write("sockdog.d/20.yaml", "receivers: [{name: o, url: http://h}]\n\ntick: ten\n");
    const auto drop_ins = (folder.path() / "sockdog.d").string();
    EXPECT_THAT(complaints_of(file),
                ElementsAre(StartsWith(file.string() + ":1:1: unknown key"),
                            StartsWith(drop_ins + "/10.yaml:1:48: unknown receiver \"x\"; allowed is o"),
                            StartsWith(drop_ins + "/20.yaml:3:7: tick is \"ten\"")));
}

TEST(ConfigFiles, ADropInMayShortenTheTickBelowTheWindowOfTheMainFile) {
    const Folder folder;
    const auto file = folder.write("sockdog.yaml", "defaults: {idle_growth: {window: 2s}}\n");
    EXPECT_THAT(complaints_of(file), ElementsAre(HasSubstr("is shorter than tick")));
    folder.write("sockdog.d/tick.yaml", "tick: 1s\n");
    EXPECT_THAT(complaints_of(file), ElementsAre());
}

TEST(ConfigFiles, OnlyYamlFilesAreDropInsAndYmlIsNoticed) {
    const Folder folder;
    const auto file = folder.write("sockdog.yaml", "");
    for (const char* name :
         {"a.yaml~", ".b.yaml", "c.yaml.rpmsave", "README", "d.yaml.dpkg-old", "#e.yaml#"}) {
        folder.write(std::string("sockdog.d/") + name, "bad: [\n");
    }
    EXPECT_THAT(complaints_of(file), ElementsAre());
    folder.write("sockdog.d/f.yml", "tick: 9s\n");
    EXPECT_THAT(complaints_of(file),
                ElementsAre(EndsWith("f.yml: the file would not be read; allowed are names that end "
                                     "in .yaml")));
}

TEST(ConfigFiles, ALinkToDevNullMasksADropIn) {
    const Folder folder;
    const auto file = folder.write("sockdog.yaml", "tick: 4s\n");
    std::filesystem::create_directory(folder.path() / "sockdog.d");
    std::filesystem::create_symlink("/dev/null", folder.path() / "sockdog.d/10.yaml");
    const auto config = load_config(file);
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->tick, 4s);
}

TEST(ConfigFiles, AMissingFileSaysSoWithItsErrno) {
    const Folder folder;
    const auto config = load_config(folder.path() / "none.yaml");
    ASSERT_FALSE(config.ok());
    EXPECT_EQ(config.error().code, ENOENT);
    EXPECT_THAT(config.error().message, EndsWith("none.yaml: cannot be opened: No such file or directory"));
}

TEST(ConfigFiles, WhatCannotBeReadSaysWhy) {
    const Folder folder;
    const auto file = folder.write("sockdog.yaml", "");
    const auto drop_in = folder.path() / "sockdog.d";
    std::filesystem::create_directories(drop_in / "10.yaml");
    std::filesystem::create_symlink("/nowhere/at/all", drop_in / "20.yaml");
    ASSERT_EQ(::mkfifo((drop_in / "30.yaml").c_str(), 0644), 0);
    ::chmod(folder.write("sockdog.d/40.yaml", "tick: 1s\n").c_str(), 0666);
    folder.write("sockdog.d/50.yaml", std::string((1 << 20) + 1, '#'));
    EXPECT_THAT(
        complaints_of(file),
        ElementsAre(EndsWith("10.yaml: cannot be used: it is a folder"),
                    EndsWith("20.yaml: cannot be opened: No such file or directory"),
                    EndsWith("30.yaml: cannot be used: it is no regular file"),
                    EndsWith("40.yaml: cannot be used: everybody may write to it, and it decides what root "
                             "runs; chmod o-w"),
                    EndsWith("50.yaml: cannot be read: it is larger than 1 MiB")));
}

TEST(ConfigFiles, ADropInFolderThatIsNoFolderIsAMistake) {
    const Folder folder;
    const auto file = folder.write("sockdog.yaml", "");
    folder.write("sockdog.d", "");
    EXPECT_THAT(complaints_of(file), ElementsAre(EndsWith("sockdog.d: cannot be listed: Not a directory")));
}

TEST(ConfigFiles, AFileOfOneMebibyteIsStillRead) {
    const Folder folder;
    EXPECT_THAT(complaints_of(folder.write("sockdog.yaml", std::string(1 << 20, '#'))), ElementsAre());
}

}  // namespace
}  // namespace sockdog::test
