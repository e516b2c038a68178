#include <fstream>
#include <memory>

#include "cli/cli.h"
#include "cli/options.h"
#include "command_output.h"
#include "gmock/gmock.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

std::string script_for(const std::string& shell) {
    const Parsed parsed = parse_arguments({"completion", shell}, {});
    EXPECT_EQ(parsed.exit_code, kExitOk) << parsed.err;
    return parsed.out;
}

using fixtures::CommandOutput;
using fixtures::output_of;

class Completion : public ::testing::Test {
  protected:
    /// What bash offers when <Tab> is pressed at the end of `words`.
    std::vector<std::string> offered(const std::vector<std::string>& words) {
        std::ofstream(dir_.path() / "script") << script_for("bash");
        // A sockdog of which the script can ask for processes and incidents.
        std::ofstream(dir_.path() / "sockdog")
            << "#!/bin/sh\ncase $1 in\n"
               "ps) printf '  PID  NAME\\n 4242  web\\n   17  db\\n' ;;\n"
               "incidents) printf 'ID  CLASS\\ni7  close_wait\\n' ;;\nesac\n";
        std::filesystem::permissions(dir_.path() / "sockdog", std::filesystem::perms::owner_all);
        std::string line = "sockdog";
        for (const std::string& word : words) line += " '" + word + "'";
        const CommandOutput output = output_of(
            "cd '" + dir_.path().string() + "' && PATH=.:$PATH bash -c 'source ./script; COMP_WORDS=(" +
            escaped(line) + "); COMP_CWORD=" + std::to_string(words.size()) +
            "; _sockdog; printf \"%s\\n\" \"${COMPREPLY[@]}\"' 2>&1");
        std::vector<std::string> lines;
        std::string text = output.text;
        for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
            if (end > 0) lines.push_back(text.substr(0, end));
            text.erase(0, end + 1);
        }
        return lines;
    }

    fixtures::TempDir dir_;

  private:
    static std::string escaped(std::string line) {
        for (auto at = line.find('\''); at != std::string::npos; at = line.find('\'', at + 1)) line[at] = '"';
        return line;
    }
};

TEST_F(Completion, OffersCommandsAndOptionsWhereTheyMayStand) {
    EXPECT_THAT(offered({"sc"}), ElementsAre("scan"));
    EXPECT_THAT(offered({""}), IsSupersetOf({"status", "explain", "completion", "backtest"}));
    EXPECT_THAT(offered({"ps", "--"}), IsSupersetOf({"--exact", "--sort", "--json", "--socket"}));
    EXPECT_THAT(offered({"ps", "--"}), Not(Contains("--watch")));
    EXPECT_THAT(offered({"--json", "scan", "--w"}), ElementsAre("--watch"));
}

TEST_F(Completion, OffersTheValuesOfAnOption) {
    EXPECT_THAT(offered({"ps", "--sort", "est"}), ElementsAre("established"));
    EXPECT_THAT(offered({"sockets", "--state", "CLOSE"}), ElementsAre("CLOSE", "CLOSE_WAIT"));
    EXPECT_THAT(offered({"completion", "f"}), ElementsAre("fish"));
    EXPECT_THAT(offered({"scan", "--watch", ""}), IsEmpty());
}

TEST_F(Completion, TakesTheValueOfAnOptionForNoCommand) {
    EXPECT_THAT(offered({"--socket", "scan", "sta"}), ElementsAre("status"));
}

TEST_F(Completion, AsksForProcessesAndIncidents) {
    EXPECT_THAT(offered({"explain", ""}), ElementsAre("4242", "17", "i7"));
    EXPECT_THAT(offered({"trace", "4"}), ElementsAre("4242"));
}

TEST_F(Completion, IsTakenByEachShell) {
    for (const std::string shell : {"bash", "zsh", "fish"}) {
        if (output_of("command -v " + shell).code != 0) continue;
        const auto file = dir_ / ("script." + shell);
        std::ofstream(file) << script_for(shell);
        const CommandOutput output = output_of(shell + " -n '" + file.string() + "' 2>&1");
        EXPECT_EQ(output.code, 0) << shell << ": " << output.text;
    }
}

TEST(CompletionScript, KnowsEveryCommandInEveryShell) {
    const std::string help = parse_arguments({"--help"}, {}).out;
    for (const char* shell : {"bash", "zsh", "fish"}) {
        const std::string script = script_for(shell);
        for (const char* word :
             {"status", "scan", "run", "hold", "release", "backtest", "sort", "since", "no-color"}) {
            ASSERT_THAT(help + "--sort --since", HasSubstr(word));
            EXPECT_THAT(script, HasSubstr(word)) << shell;
        }
    }
}

TEST(CompletionScript, AShellThatItDoesNotKnowIsAMistakeWithAHint) {
    const Parsed parsed = parse_arguments({"completion", "fisch"}, {});
    EXPECT_EQ(parsed.exit_code, kExitUsage);
    EXPECT_THAT(parsed.err, HasSubstr("did you mean 'fish'?"));
    EXPECT_THAT(parse_arguments({"completion"}, {}).err, HasSubstr("bash, fish or zsh"));
}

}  // namespace
}  // namespace sockdog
