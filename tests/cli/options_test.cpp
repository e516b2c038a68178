#include "cli/options.h"

#include <gtest/gtest.h>

#include "cli/cli.h"

namespace sockdog {
namespace {

Parsed parse(std::vector<std::string> arguments) {
    return parse_arguments(arguments, Environment{});
}

TEST(Options, ReadEveryCommand) {
    EXPECT_TRUE(parse({"status", "--check"}).options->check);
    const auto ps = parse({"ps", "--exact", "--sort", "established", "--all", "--json"}).options;
    ASSERT_TRUE(ps);
    EXPECT_EQ(ps->command, Command::kPs);
    EXPECT_TRUE(ps->exact && ps->all && ps->json);
    EXPECT_EQ(ps->sort, SortKey::kEstablished);
    EXPECT_EQ(parse({"sockets", "4242"}).options->pid, 4242U);
    EXPECT_EQ(parse({"sockets", "nginx.service"}).options->unit, "nginx.service");
    EXPECT_EQ(parse({"explain", "7"}).options->pid, 7U);
    EXPECT_EQ(parse({"explain", "i7"}).options->incident, "i7");
    EXPECT_EQ(parse({"trace", "9"}).options->pid, 9U);
    EXPECT_FALSE(parse({"trace"}).options->pid);
    EXPECT_EQ(parse({"scan", "--watch", "1m30s"}).options->watch, Duration(90s));
    EXPECT_EQ(parse({"hold", "until", "release", "of", "1.2"}).options->reason, "until release of 1.2");
    const auto backtest =
        parse({"backtest", "--config", "n.yaml", "--since", "7d", "--samples", "s.db"}).options;
    ASSERT_TRUE(backtest);
    EXPECT_EQ(backtest->command, Command::kBacktest);
    EXPECT_EQ(backtest->since, Duration(24h * 7));
    EXPECT_EQ(backtest->samples, "s.db");
    const auto destroy = parse({"destroy", "i7", "--yes"}).options;
    ASSERT_TRUE(destroy);
    EXPECT_EQ(destroy->command, Command::kDestroy);
    EXPECT_EQ(destroy->incident, "i7");
    EXPECT_TRUE(destroy->yes && !destroy->dry_run);
    EXPECT_EQ(parse({"--version"}).options->command, Command::kVersion);
}

TEST(Options, TakeGlobalOnesBeforeAndAfterTheCommand) {
    EXPECT_TRUE(parse({"--json", "status"}).options->json);
    EXPECT_TRUE(parse({"status", "--json"}).options->json);
    EXPECT_EQ(parse({"status"}).options->socket, kDefaultSocket);
    EXPECT_EQ(parse({"status", "--socket", "/tmp/s"}).options->socket, "/tmp/s");
    Environment environment;
    environment.socket = "/tmp/e";
    EXPECT_EQ(parse_arguments({"status"}, environment).options->socket, "/tmp/e");
    EXPECT_EQ(parse_arguments({"--socket=/tmp/s", "status"}, environment).options->socket, "/tmp/s");
}

TEST(Options, TakeStatesAsPeopleTypeThem) {
    const std::vector<std::pair<std::string, TcpState>> cases{{"CLOSE_WAIT", TcpState::kCloseWait},
                                                              {"close-wait", TcpState::kCloseWait},
                                                              {"estab", TcpState::kEstablished},
                                                              {"dead", TcpState::kClose},
                                                              {"fin_wait2", TcpState::kFinWait2}};
    for (const auto& [word, state] : cases)
        EXPECT_EQ(parse({"sockets", "--state", word}).options->state, state) << word;
}

struct Mistake {
    std::vector<std::string> arguments;
    std::string says;
};

TEST(Options, SayWhatIsWrongAndWhatWasMeant) {
    const std::vector<Mistake> mistakes{
        {{"statsu"}, "unknown command 'statsu'; did you mean 'status'?"},
        {{"incident"}, "did you mean 'incidents'?"},
        {{"frobnicate"}, "unknown command 'frobnicate'\n"},
        {{"bad\nname\xff"}, "bad\\x0aname\\xff"},
        {{"ps", "--exakt"}, "unknown option '--exakt' for 'ps'; did you mean '--exact'?"},
        {{"--jsn", "ps"}, "did you mean '--json'?"},
        {{"ps", "extra"}, "'ps' does not take 'extra'"},
        {{"ps", "--sort", "close-wait"}, "did you mean 'close_wait'?"},
        {{"sockets", "--state", "CLOSED_WAIT"}, "did you mean 'CLOSE_WAIT'?"},
        {{"sockets", "--state", "UNKNOWN"}, "no TCP state"},
        {{"sockets", "99999999999"}, "no process id"},
        {{"sockets", "0"}, "no process id"},
        {{"trace", "-1"}, ""},
        {{"trace", "nginx"}, "'nginx' is no process id"},
        {{"destroy"}, "'destroy' needs the incident, as i7"},
        {{"destroy", "4242"}, "'4242' is no incident"},
        {{"destroy", "i7x"}, "is no incident"},
        {{"destroy", "i7", "--yes", "--dry-run"}, "give one of them"},
        {{"explain"}, "needs a process id as 4242 or an incident as i7"},
        {{"explain", "i"}, "neither a process id"},
        {{"explain", "i7x"}, "neither a process id"},
        {{"explain", "nginx"}, "see 'sockdog incidents'"},
        {{"explain", ""}, "neither a process id"},
        {{"scan", "--watch", "30"}, "--watch: "},
        {{"scan", "--watch", "1ms"}, "between 1s and 24h"},
        {{"status", "--check", "--json"}, "leave out --json"},
        {{"run"}, "'run' needs -- and a command"},
        {{"alerts", "tets"}, "did you mean 'test'?"},
        {{"alerts", "test"}, "'alerts test' needs the name of a receiver"},
        {{"alerts", "list", "x"}, "'alerts list' does not take 'x'"},
        {{"alerts", "retry", "x"}, "'x' is no number of a dead letter"},
        {{"silence", "--unit", "a"}, "for how long?"},
        {{"silence", "--for", "2h"}, "silence what?"},
        {{"silence", "--unit", "a", "--for", "2"}, "--for: "},
        {{"silence", "--unit", "a", "--until", "tomorrow"}, "'tomorrow' is no time"},
        {{"silence", "--unit", "a", "--for", "1h", "--until", "2099-01-01T00:00:00Z"}, "not both"},
        {{"silence", "--end", "1", "--unit", "a"}, "--end stands alone"},
        {{"silence", "--end", "one"}, "'one' is no number of a silence"},
        {{"run", "--"}, "'run' needs -- and a command"},
        {{"run", "make"}, "put the command behind --"},
        {{"run", "--class", "closewait", "--", "make"}, "did you mean 'close_wait'?"},
        {{"run", "--max", "-1", "--", "make"}, "--max"},
        {{"run", "--max", "many", "--", "make"}, "'many' is no number of sockets"},
        {{"run", "--warm-up", "5", "--", "make"}, "--warm-up: "},
        {{"run", "--ignor", "x", "--", "make"}, "did you mean '--ignore'?"},
        {{"--json"}, "which command?"},
        {{"status", "--socket"}, "--socket"},
    };
    for (const Mistake& mistake : mistakes) {
        const Parsed parsed = parse(mistake.arguments);
        EXPECT_FALSE(parsed.options) << mistake.says;
        EXPECT_EQ(parsed.exit_code, kExitUsage) << mistake.says;
        EXPECT_TRUE(parsed.out.empty());
        EXPECT_TRUE(parsed.err.starts_with("sockdog: ")) << parsed.err;
        EXPECT_NE(parsed.err.find(mistake.says), std::string::npos)
            << parsed.err << "lacks: " << mistake.says;
        EXPECT_NE(parsed.err.find("--help'"), std::string::npos) << parsed.err;
    }
}

TEST(Options, OfRunEndWhereTheCommandBegins) {
    const Parsed parsed =
        parse({"--json", "run", "--max", "3", "--class", "open,dead_fd", "--warm-up", "5s", "--user", "ci",
               "--full-stacks", "--", "sockdog", "run", "--json", "--", "--help"});
    ASSERT_TRUE(parsed.options) << parsed.err;
    const RunOptions& run = parsed.options->run;
    EXPECT_EQ(parsed.options->command, Command::kRun);
    EXPECT_EQ(run.command, (std::vector<std::string>{"sockdog", "run", "--json", "--", "--help"}));
    EXPECT_EQ(run.max, 3U);
    EXPECT_EQ(run.classes, (std::set<RunClass>{RunClass::kOpen, RunClass::kDeadFd}));
    EXPECT_EQ(run.warm_up, Duration(5s));
    EXPECT_EQ(run.user, "ci");
    EXPECT_TRUE(run.full_stacks);
    EXPECT_NE(parse({"run", "--help"}).out.find("sockdog run [OPTIONS] -- COMMAND [ARG...]"),
              std::string::npos)
        << parse({"run", "--help"}).out;
}

TEST(Options, HelpIsNoErrorAndNamesEveryCommand) {
    const Parsed help = parse({"--help"});
    EXPECT_EQ(help.exit_code, kExitOk);
    EXPECT_TRUE(help.err.empty());
    for (const char* name :
         {"status", "ps", "sockets", "incidents", "explain", "trace", "scan", "reload", "hold", "release",
          "doctor", "version", "--json", "--socket", "--no-color", "Exit codes", "Examples"}) {
        EXPECT_NE(help.out.find(name), std::string::npos) << name;
    }
    EXPECT_NE(help.out.find("-h, --help"), std::string::npos) << help.out;
    EXPECT_NE(parse({"ps", "--help"}).out.find("--sort KEY"), std::string::npos)
        << parse({"ps", "--help"}).out;
    EXPECT_NE(parse({"explain", "-h"}).out.find("explain [OPTIONS] PID|INCIDENT"), std::string::npos);
    const Parsed alone = parse({});
    EXPECT_EQ(alone.exit_code, kExitOk);
    EXPECT_NE(alone.out.find("sockdog incidents"), std::string::npos);
}

}  // namespace
}  // namespace sockdog
