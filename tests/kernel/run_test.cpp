// A command under watch, on the real kernel: real programs that leak on loopback, and others that do not.
#include "run/runner.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <map>

#include "kernel/support.h"
#include "temp_dir.h"

namespace sockdog::testing {
namespace {

/// What each program begins with. It ends by os._exit(): an interpreter that shuts down closes what it holds.
constexpr const char* kPrelude = R"(
import os, socket, struct, sys, time
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(64)
held = []
def pair():
    client = socket.create_connection(listener.getsockname())
    return client, listener.accept()[0]
def close_wait(count):
    for _ in range(count):
        client, server = pair()
        server.close()
        held.append(client)
def left_open(count):
    for _ in range(count):
        held.extend(pair())
def end(code=0):
    time.sleep(0.15)
    os._exit(code)
)";

/// The report, or a skip that says why.
#define RUN_OR_SKIP(name, plan)                                                                          \
    auto name##_result = run_watched(plan);                                                              \
    if (!name##_result && (name##_result.error().code == EPERM || name##_result.error().code == EACCES)) \
        GTEST_SKIP() << "needs root (CAP_BPF, CAP_PERFMON): " << name##_result.error().message;          \
    ASSERT_TRUE(name##_result) << name##_result.error().message;                                         \
    [[maybe_unused]] const RunReport& name = *name##_result

const std::string kNames = SOCKDOG_BINARY_DIR "/bin/sockdog-names";

RunPlan python(const std::string& body) {
    RunPlan plan;
    plan.names_program = kNames;
    plan.command = {"/usr/bin/python3", "-c", kPrelude + body};
    return plan;
}

RunPlan shell(const std::string& script) {
    RunPlan plan;
    plan.names_program = kNames;
    plan.command = {"/bin/sh", "-c", script};
    return plan;
}

std::map<RunClass, std::uint32_t> counts(const RunReport& report) {
    std::map<RunClass, std::uint32_t> counts;
    for (const LeakGroup& leak : report.leaks) counts[leak.leak_class] += leak.count;
    return counts;
}

using Counts = std::map<RunClass, std::uint32_t>;

TEST(Run, TellsWhatAProgramNeverClosed) {
    RUN_OR_SKIP(report, python("close_wait(5)\nleft_open(3)\nend()\n"));
    EXPECT_EQ(counts(report), (Counts{{RunClass::kCloseWait, 5}, {RunClass::kOpen, 3}}));
    EXPECT_EQ(report.exit_code(), kExitLeaks);
    EXPECT_EQ(report.processes, 1U);
    EXPECT_TRUE(report.notes.empty());
    for (const LeakGroup& leak : report.leaks) EXPECT_EQ(leak.comm, "python3");
}

TEST(Run, TellsDeadFdsButNotRefusedConnects) {
    RUN_OR_SKIP(report, python(R"(
client, server = pair()
server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
server.close()
refused = socket.socket()
try:
    refused.connect(("127.0.0.1", 1))
except OSError:
    pass
end()
)"));
    EXPECT_EQ(counts(report), (Counts{{RunClass::kDeadFd, 1}}));
}

TEST(Run, FindsNothingInAProgramThatClosesItsSockets) {
    RUN_OR_SKIP(report, python(R"(
for _ in range(20):
    client, server = pair()
    server.close()
    client.close()
listener.close()
end()
)"));
    EXPECT_EQ(report.leaked(), 0U);
    EXPECT_EQ(report.exit_code(), 0);
}

TEST(Run, CountsLeaksWhereTheirLinesCannotBeFound) {
    RunPlan plan = python("close_wait(3)\nend()\n");
    plan.names_program = "/nonexistent/sockdog-names";
    RUN_OR_SKIP(report, plan);
    EXPECT_EQ(counts(report), (Counts{{RunClass::kCloseWait, 3}}));
    ASSERT_EQ(report.notes.size(), 1U);
    EXPECT_NE(report.notes[0].find("no call sites: start /nonexistent/sockdog-names"), std::string::npos)
        << report.notes[0];
}

TEST(Run, FollowsChildrenAndTheirChildren) {
    RUN_OR_SKIP(report, python(R"(
if os.fork() == 0:
    if os.fork() == 0:
        close_wait(2)
        end()
    os.wait()
    end()
os.wait()
close_wait(1)
end()
)"));
    EXPECT_EQ(counts(report), (Counts{{RunClass::kCloseWait, 3}}));
    EXPECT_EQ(report.processes, 3U);
}

TEST(Run, WaitsForNoDaemonOfTheCommandButLooksAtIt) {
    const MonoTime start = read_now().mono;
    RUN_OR_SKIP(report, python(R"(
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        close_wait(1)
        time.sleep(20)
        os._exit(0)
    os._exit(0)
os.wait()
time.sleep(0.5)
os._exit(0)
)"));
    EXPECT_EQ(counts(report), (Counts{{RunClass::kCloseWait, 1}}));
    EXPECT_LT(read_now().mono - start, Duration(15s));
}

TEST(Run, CountsNothingFromTheWarmUpNorOfOtherProcesses) {
    RunPlan plan = python("close_wait(3)\ntime.sleep(2.5)\nclose_wait(2)\nend()\n");
    plan.warm_up = 2s;  // an interpreter has started by then, on an emulated machine, too
    const Listener listener = listen_on_loopback();
    const UniqueFd ours = connect_to(listener.port);
    RUN_OR_SKIP(report, plan);
    EXPECT_EQ(counts(report), (Counts{{RunClass::kCloseWait, 2}}));
}

TEST(Run, TakesTheClassesAndTheBaselineItIsGiven) {
    RunPlan plan = python("close_wait(5)\nleft_open(3)\nend()\n");
    plan.classes = {RunClass::kOpen};
    plan.baseline =
        *parse_ignores("ignore: [{site: '*', endpoint: '127.0.0.1:*', max: 1, reason: known}]", "");
    RUN_OR_SKIP(report, plan);
    EXPECT_EQ(report.leaked() + report.ignored_count(), 3U);
}

TEST(Run, TellsWhatOnlyTheEndOfAnInterpreterClosed) {
    RunPlan plan = python("close_wait(4)\ntime.sleep(2.5)\n");
    RUN_OR_SKIP(hidden, plan);
    EXPECT_EQ(hidden.leaked(), 0U);
    EXPECT_EQ(hidden.late_count(), 4U);
    EXPECT_EQ(hidden.exit_code(), 0);
    plan.count_late = true;
    RUN_OR_SKIP(counted, plan);
    EXPECT_EQ(counts(counted), (Counts{{RunClass::kCloseWait, 4}}));
    plan = python("close_wait(4)\ntime.sleep(1.8)\nheld.clear()\ntime.sleep(1.5)\n");
    RUN_OR_SKIP(closed, plan);
    EXPECT_EQ(closed.late_count(), 0U) << "closed in time";
}

TEST(Run, NamesTheLineThatLeaks) {
    const fixtures::TempDir folder;
    const auto script = folder / "leaks.py";
    std::ofstream(script)
        << "import os, socket, time\nlistener = socket.create_server(('127.0.0.1', 0))\nheld = []\n"
           "def fetch():\n    held.append(socket.create_connection(listener.getsockname()))\n"
           "for _ in range(3):\n    fetch()\n    listener.accept()[0].close()\n"
           "time.sleep(0.15)\nos._exit(0)\n";
    RunPlan plan;
    plan.names_program = kNames;
    plan.command = {"/usr/bin/python3", script.string()};
    RUN_OR_SKIP(report, plan);
    ASSERT_EQ(report.leaks.size(), 1U);
    const LeakGroup& leak = report.leaks[0];
    EXPECT_EQ(leak.count, 3U);
    if (leak.site.kind != RuntimeKind::kPython) GTEST_SKIP() << "a Python whose frames are not known";
    ASSERT_NE(leak.site.application_frame(), nullptr) << leak.site.unknown_because;
    EXPECT_EQ(leak.place(), "leaks.py:5 fetch");
    EXPECT_EQ(leak.site.application_frame()->file, script.string());
}

TEST(Run, EndsAsItsCommandDoes) {
    RUN_OR_SKIP(seven, shell("exit 7"));
    EXPECT_EQ(seven.exit_code(), 7);
    RUN_OR_SKIP(killed, shell("kill -TERM $$"));
    EXPECT_EQ(killed.exit_code(), 143);
    RunPlan missing;
    missing.command = {"sockdog-no-such-command"};
    RUN_OR_SKIP(none, missing);
    EXPECT_EQ(none.exit_code(), kExitNotFound);
    RunPlan nobody = shell("test $(id -un) = nobody");
    nobody.user = "nobody";
    RUN_OR_SKIP(dropped, nobody);
    EXPECT_EQ(dropped.exit_code(), 0);
}

TEST(Run, PassesSignalsOnToTheCommand) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    const fixtures::TempDir dir;
    const std::string ready = (dir / "ready").string();
    // A process of its own sends it: a thread of ours that does not block it would be ended by it.
    const pid_t sender = fork();
    if (sender == 0) {
        for (int i = 0; i < 600 && ::access(ready.c_str(), F_OK) != 0; i++) ::usleep(100'000);
        ::kill(::getppid(), SIGTERM);
        ::_exit(0);
    }
    auto report = run_watched(
        shell("trap 'exit 9' TERM; : > " + ready + "; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; done"));
    ::waitpid(sender, nullptr, 0);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->exit_code(), 9);
}

}  // namespace
}  // namespace sockdog::testing
