// Whole commands: against a real Varlink server on a socket, and against a kernel that is made up.
#include "cli/commands.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <sstream>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/local.h"
#include "cli/scenes.h"
#include "query/loop_thread.h"

namespace sockdog {
namespace {

using nlohmann::json;

struct FakeKernel : LocalKernel {
    Result<std::vector<Capability>> parts =
        std::vector<Capability>{{"transition", "tp_btf/inet_sock_set_state", true, true, "", ""}};
    std::vector<Result<ScanResult>> looks;
    std::size_t looked = 0;

    Result<std::vector<Capability>> capabilities() override { return parts; }
    BooksPlace books_place() override { return {KeepBooks::kRestart, "/sys/fs/bpf/sockdog", false, ""}; }
    Result<ScanResult> scan() override { return looks.at(std::min(looked++, looks.size() - 1)); }
    Result<RunReport> ran = RunReport{};
    RunPlan planned;
    Result<RunReport> run(const RunPlan& plan) override {
        planned = plan;
        return ran;
    }
    Result<DestroyPlan> plan_destroy(const Incident&) override { return make_error("see destroy_test"); }
    Result<DestroyResult> destroy(const Incident&, const DestroyPlan&) override {
        return make_error("see destroy_test");
    }
};

class Commands : public ::testing::Test {
  protected:
    void SetUp() override { scenes::use_zone(); }

    int run(const std::vector<std::string>& arguments) {
        Environment environment;
        environment.socket = path_.string();
        const Parsed parsed = parse_arguments(arguments, environment);
        if (!parsed.options) {
            ADD_FAILURE() << parsed.err;
            return -1;
        }
        out_.str("");
        err_.str("");
        return run_command(*parsed.options,
                           Surroundings{out_, err_, Style{}, kernel_, ProcRoot{"/nonexistent"}, 1ms});
    }
    /// A daemon that answers `method` with `reply`, and remembers what it was asked with.
    std::unique_ptr<testing::LoopThread> daemon(const std::string& method, const json& reply) {
        return std::make_unique<testing::LoopThread>(path_, [this, method, reply](VarlinkServer& server) {
            server.handle(method, Access::kRead, [this, reply](Call call) {
                asked_ = call.parameters();
                call.reply(reply);
            });
        });
    }

    testing::TempDir folder_;
    std::filesystem::path path_ = folder_ / "control";
    std::ostringstream out_;
    std::ostringstream err_;
    LocalKernel* kernel_ = nullptr;
    json asked_;
};

TEST_F(Commands, RunGivesOnThePlanAndTheCommandsExitCode) {
    FakeKernel kernel;
    kernel_ = &kernel;
    EXPECT_EQ(run({"run", "--max", "2", "--no-call-sites", "--", "make", "-k"}), 0);
    EXPECT_EQ(kernel.planned.command, (std::vector<std::string>{"make", "-k"}));
    EXPECT_EQ(kernel.planned.allowed, 2U);
    EXPECT_EQ(kernel.planned.names_program, "");
    EXPECT_TRUE(out_.str().empty()) << "stdout is the command's";
    kernel.ran->end.status = 3;
    EXPECT_EQ(run({"run", "--helper-dir", "/opt/helpers", "--", "make"}), 3);
    EXPECT_EQ(kernel.planned.names_program, "/opt/helpers/sockdog-names");
    kernel.ran->end.status = 0;
    LeakGroup leak;
    leak.count = 5;
    leak.comm = "cli\x1b[2Jent";
    leak.processes = {{4242, 7}};
    leak.endpoints[scenes::endpoint("10.0.0.6:25555")] = 5;
    kernel.ran->leaks = {leak};
    kernel.ran->command = {"make"};
    EXPECT_EQ(run({"run", "--", "make"}), kExitLeaks);
    EXPECT_NE(err_.str().find("make leaked 5 connections."), std::string::npos) << err_.str();
    EXPECT_NE(err_.str().find("cli\\x1b[2Jent (pid 4242)"), std::string::npos) << err_.str();
    EXPECT_EQ(run({"run", "--json", "--", "make"}), kExitLeaks);
    EXPECT_EQ(json::parse(out_.str()).at("leaked"), 5);
}

TEST_F(Commands, RunWritesReportsAndSaysWhereItCannot) {
    FakeKernel kernel;
    kernel_ = &kernel;
    const auto junit = folder_ / "leaks.xml";
    const auto sarif = folder_ / "leaks.sarif";
    EXPECT_EQ(run({"run", "--junit", junit.string(), "--sarif", sarif.string(), "--", "make"}), 0);
    EXPECT_GT(std::filesystem::file_size(junit), 100U);
    EXPECT_GT(std::filesystem::file_size(sarif), 100U);
    EXPECT_EQ(run({"run", "--junit", "/nonexistent/x", "--", "make"}), kExitSoftware);
    EXPECT_EQ(run({"run", "--ignore", "/nonexistent/x", "--", "make"}), kExitUsage);
    kernel.ran = make_error("load programs", EPERM);
    EXPECT_EQ(run({"run", "--", "make"}), kExitNoPermission);
}

TEST_F(Commands, PsShowsWhatTheDaemonSays) {
    const auto server =
        daemon("ListProcesses", {{"processes", std::vector<ProcessView>{scenes::leaking_process()}}});
    ASSERT_TRUE(server->listened().ok());
    EXPECT_EQ(run({"ps", "--exact"}), kExitOk) << err_.str();
    EXPECT_EQ(asked_.at("exact"), true);
    EXPECT_NE(out_.str().find("health_monitor.service"), std::string::npos) << out_.str();
    EXPECT_NE(out_.str().find("i7"), std::string::npos);
    EXPECT_EQ(run({"ps", "--json"}), kExitOk);
    EXPECT_EQ(json::parse(out_.str()).at("processes").at(0).at("gauges").at("sockets").at("CLOSE_WAIT"), 57);
}

TEST_F(Commands, SocketsPassesItsFilters) {
    const auto server =
        daemon("ListSockets", {{"sockets", std::vector<SocketView>{scenes::leaked_socket(1, 60s)}}});
    EXPECT_EQ(run({"sockets", "4242", "--state", "close-wait"}), kExitOk) << err_.str();
    EXPECT_EQ(asked_.at("pid"), 4242);
    EXPECT_EQ(asked_.at("state"), "CLOSE_WAIT");
    EXPECT_NE(out_.str().find("10.0.0.6:25555"), std::string::npos);
    EXPECT_EQ(run({"sockets", "bad\xff.service"}), kExitOk) << "hostile arguments still are valid JSON";
    EXPECT_EQ(asked_.at("unit"), "bad\\xff.service");
}

TEST_F(Commands, ExplainTellsTheStoryFromTheWire) {
    const auto server = daemon("Explain", {{"explanation", scenes::leak_story()}});
    EXPECT_EQ(run({"explain", "i7"}), kExitOk) << err_.str();
    EXPECT_EQ(asked_.at("incident"), "i7");
    EXPECT_NE(out_.str().find("connections are in CLOSE_WAIT"), std::string::npos) << out_.str();
}

TEST_F(Commands, CheckLooksTwiceWhenThereAreLosses) {
    int calls = 0;
    const testing::LoopThread server(path_, [&calls](VarlinkServer& s) {
        s.handle("GetStatus", Access::kRead, [&calls](const Call& call) {
            StatusView status = scenes::status();
            status.losses.gauge_full = static_cast<std::uint64_t>(++calls);
            Call(call).reply({{"status", status}});
        });
    });
    EXPECT_EQ(run({"status", "--check"}), 1);
    EXPECT_NE(out_.str().find("losses grow (1 to 2)"), std::string::npos) << out_.str();
}

TEST_F(Commands, CheckIsUnknownWithoutADaemonAndWithNonsense) {
    EXPECT_EQ(run({"status", "--check"}), 3);
    EXPECT_TRUE(out_.str().starts_with("SOCKDOG UNKNOWN - ")) << out_.str();
    const auto server = daemon("GetStatus", {{"status", "no object"}});
    EXPECT_EQ(run({"status", "--check"}), 3);
    EXPECT_TRUE(out_.str().starts_with("SOCKDOG UNKNOWN - ")) << out_.str();
    EXPECT_EQ(std::count(out_.view().begin(), out_.view().end(), '\n'), 1);
}

TEST_F(Commands, SaysWhatToDoWithoutADaemon) {
    FakeKernel kernel;
    kernel_ = &kernel;
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{"status"},
                                                      {"ps"},
                                                      {"sockets"},
                                                      {"incidents"},
                                                      {"explain", "1"},
                                                      {"trace"},
                                                      {"reload"},
                                                      {"hold"},
                                                      {"destroy", "i7"},
                                                      {"release"}}) {
        EXPECT_EQ(run(arguments), kExitUnavailable) << arguments[0];
        EXPECT_TRUE(err_.str().starts_with("sockdog: ")) << err_.str();
        EXPECT_NE(err_.str().find("sockdogd"), std::string::npos) << err_.str();
        EXPECT_TRUE(out_.str().empty());
    }
}

TEST_F(Commands, TellErrorsOfTheDaemonApart) {
    struct Case {
        const char* error;
        int code;
    };
    for (const Case& c :
         {Case{"NotFound", kExitProblem}, Case{"InvalidConfig", kExitProblem},
          Case{"PermissionDenied", kExitNoPermission}, Case{"SomethingElse", kExitSoftware}}) {
        const testing::LoopThread server(path_, [&c](VarlinkServer& s) {
            s.handle("Reload", Access::kRead, [&c](Call call) {
                call.fail(c.error, {{"reason", "line one\nline two\033"}});
            });
        });
        EXPECT_EQ(run({"reload"}), c.code) << c.error << err_.str();
        EXPECT_NE(err_.str().find("line one\n  line two\\x1b\n"), std::string::npos) << err_.str();
        const bool plain = c.code != kExitSoftware;
        EXPECT_EQ(err_.str().starts_with("sockdog: line one\n"), plain) << err_.str();
        EXPECT_EQ(err_.str().starts_with("sockdog: Reload: SomethingElse: line one\n"), !plain) << err_.str();
    }
}

TEST_F(Commands, TellAnAnswerOfAnotherVersion) {
    const auto server = daemon("ListProcesses", {{"procs", 1}});
    EXPECT_EQ(run({"ps"}), kExitSoftware);
    EXPECT_NE(err_.str().find("same version"), std::string::npos) << err_.str();
}

/// Ends the reader of a stream from outside, as Ctrl-C does.
class Interrupter : public std::stringbuf {
  protected:
    int sync() override {
        ::raise(SIGINT);
        return 0;
    }
};

TEST_F(Commands, TraceStreamsJsonLinesAndEndsCleanlyOnCtrlC) {
    TraceEvent event;
    event.owner = {4242, 777};
    event.comm = "ruby\xff";
    event.to = TcpState::kCloseWait;
    event.remote = scenes::endpoint("10.0.0.6:25555");
    std::vector<Call> open;
    const testing::LoopThread server(path_, [&](VarlinkServer& s) {
        s.handle("Trace", Access::kRead, [&](const Call& call) {
            open.push_back(call);
            open.back().reply_continues({{"event", event}});
        });
    });
    Environment environment;
    environment.socket = path_.string();
    const Parsed parsed = parse_arguments({"trace", "4242", "--json"}, environment);
    Interrupter buffer;
    std::ostream out(&buffer);
    EXPECT_EQ(run_command(*parsed.options, Surroundings{out, err_, Style{}, nullptr, ProcRoot{}, 1ms}),
              kExitOk)
        << err_.str();
    EXPECT_EQ(json::parse(buffer.str()).at("to"), "CLOSE_WAIT") << buffer.str();
    EXPECT_EQ(std::count(buffer.view().begin(), buffer.view().end(), '\n'), 1);
}

TEST_F(Commands, TraceEndedByTheDaemonIsAFailure) {
    const testing::LoopThread server(path_, [](VarlinkServer& s) {
        s.handle("Trace", Access::kRead, [](Call call) { call.reply({{"event", TraceEvent{}}}); });
    });
    EXPECT_EQ(run({"trace"}), kExitUnavailable);
    EXPECT_NE(err_.str().find("ended the trace"), std::string::npos) << err_.str();
}

TEST_F(Commands, ScanExitsWithAProblemWhenItSuspects) {
    FakeKernel kernel;
    ScanResult leaking;
    for (std::uint64_t i = 0; i < 9; ++i) leaking.sockets.push_back(scenes::leaked_socket(i, 60s));
    kernel.looks = {leaking};
    kernel_ = &kernel;
    EXPECT_EQ(run({"scan"}), kExitProblem);
    EXPECT_EQ(run({"scan", "--json"}), kExitProblem);
    const json report = json::parse(out_.str());
    EXPECT_EQ(report.at("suspicious"), true);
    EXPECT_EQ(report.at("groups").at(0).at("count"), 9);
    EXPECT_EQ(report.at("sockets").size(), 9U);
    kernel.looks = {ScanResult{}};
    EXPECT_EQ(run({"scan"}), kExitOk);
    kernel.looks = {Error{EPERM, "load the programs: Operation not permitted"}};
    EXPECT_EQ(run({"scan"}), kExitNoPermission);
    EXPECT_NE(err_.str().find("sudo"), std::string::npos) << err_.str();
}

TEST_F(Commands, ScanWithAPauseLooksTwice) {
    FakeKernel kernel;
    ScanResult first;
    first.sockets = {scenes::leaked_socket(1, 60s), scenes::leaked_socket(2, 50s)};
    ScanResult second = first;
    second.sockets.push_back(scenes::leaked_socket(3, 1s));
    second.sockets.push_back(scenes::leaked_socket(4, 1s));
    kernel.looks = {first, second};
    kernel_ = &kernel;
    EXPECT_EQ(run({"scan", "--watch", "1s"}), kExitProblem) << out_.str();
    EXPECT_EQ(kernel.looked, 2U);
}

TEST_F(Commands, DoctorFailsWithoutWhatIsRequired) {
    FakeKernel kernel;
    kernel_ = &kernel;
    EXPECT_EQ(run({"doctor"}), kExitOk) << err_.str();
    EXPECT_EQ(run({"doctor", "--json"}), kExitOk);
    EXPECT_EQ(json::parse(out_.str()).at("healthy"), true);
    kernel.parts =
        std::vector<Capability>{{"transition", "tp_btf/inet_sock_set_state", true, false, "all", "EINVAL"}};
    EXPECT_EQ(run({"doctor"}), kExitProblem);
    kernel.parts = Error{EPERM, "bpf: Operation not permitted"};
    EXPECT_EQ(run({"doctor"}), kExitNoPermission);
    EXPECT_NE(out_.str().find("kernel:"), std::string::npos) << "what can be told is told";
    kernel_ = nullptr;
    EXPECT_EQ(run({"doctor"}), kExitSoftware);
    EXPECT_EQ(run({"scan"}), kExitSoftware);
}

TEST_F(Commands, VersionNeedsNobody) {
    EXPECT_EQ(run({"version"}), kExitOk);
    EXPECT_TRUE(out_.str().starts_with("sockdog "));
    EXPECT_EQ(run({"version", "--json"}), kExitOk);
    EXPECT_TRUE(json::parse(out_.str()).at("version").is_string());
}

}  // namespace
}  // namespace sockdog
