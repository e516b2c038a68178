#include "run/report.h"

#include <sys/wait.h>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include <nlohmann/json.hpp>

#include "run/command.h"
#include "run/junit.h"
#include "run/sarif.h"
#include "run/support.h"
#include "temp_dir.h"

namespace sockdog::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RunReport, ItsExitCodeIsTheCommandsUnlessThatIsNull) {
    RunReport report = report_of({leak(), leak()});
    EXPECT_EQ(report.exit_code(), kExitLeaks);
    report.allowed = 2;
    EXPECT_EQ(report.exit_code(), 0);
    report.allowed = 0;
    report.end.status = 3;
    EXPECT_EQ(report.exit_code(), 3);
    report.end = {0, 0, SIGTERM};
    EXPECT_EQ(report.exit_code(), 143);
    report.end = {ENOENT, 126, 0};
    EXPECT_EQ(report.exit_code(), 127);
    report.end = {EACCES, 126, 0};
    EXPECT_EQ(report.exit_code(), 126);
}

TEST(RunReport, AsJsonHasNamesAndNumbers) {
    const auto j = report_json(report_of({leak(), leak(RunClass::kOpen, CallSite{})}));
    EXPECT_EQ(j.at("leaked"), 2);
    EXPECT_EQ(j.at("exit_code"), kExitLeaks);
    EXPECT_EQ(j.at("leaks").at(0).at("site"), "client.py:42 fetch");
    EXPECT_EQ(j.at("leaks").at(0).at("call_site").at("application"), 1);
    EXPECT_FALSE(j.at("leaks").at(1).contains("call_site"));
    EXPECT_NO_THROW(static_cast<void>(j.dump()));
}

TEST(Junit, EscapesWhatIsNotText) {
    EXPECT_EQ(xml_escaped("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&apos;");
    EXPECT_EQ(xml_escaped(std::string_view("\0\x1b\xff", 3)), "\\x00\\x1b\\xff");
    EXPECT_EQ(xml_escaped("one\ntwo"), "one\ntwo");
}

TEST(Junit, FailsWhatLeaksSkipsWhatIsKnownAndPassesTheRest) {
    IgnoreList list = *parse_ignores("ignore: [{site: post, reason: 'slow <pool>'}]", "known.yaml");
    const RunReport report =
        report_of({leak(), leak(RunClass::kOpen, site_at("/src/app/client.py", 50, "post"))}, list);
    const std::string xml = junit_xml(report);
    EXPECT_THAT(xml, HasSubstr("tests=\"5\" failures=\"1\" errors=\"0\" skipped=\"1\""));
    EXPECT_THAT(xml, HasSubstr("name=\"close_wait at client.py:42 fetch\""));
    EXPECT_THAT(xml, HasSubstr("<failure type=\"close_wait\" message=\"1 leaked\">"));
    EXPECT_THAT(xml, HasSubstr("1 ignored: slow &lt;pool&gt;"));
    EXPECT_THAT(xml, HasSubstr("name=\"no dead_fd\""));
    RunReport allowed = report_of({leak()});
    allowed.allowed = 1;
    EXPECT_THAT(junit_xml(allowed), Not(HasSubstr("<failure")));
}

TEST(Sarif, NamesFilesBelowTheWorkingDirectoryRelativeToIt) {
    EXPECT_EQ(sarif_place("/src/app/a b.py", "/src/app").uri, "a%20b.py");
    EXPECT_TRUE(sarif_place("lib/x.rb", "/src/app").relative);
    EXPECT_TRUE(sarif_place("/src/app/../app/x.rb", "/src/app").relative);
    EXPECT_EQ(sarif_place("/src/other/x.rb", "/src/app").uri, "file:///src/other/x.rb");
    EXPECT_FALSE(sarif_place("/src/application/x.rb", "/src/app").relative);
}

TEST(Sarif, HasARuleAClassAndALineALeak) {
    const auto j = sarif_json(report_of({leak(), leak(RunClass::kDeadFd, CallSite{})}));
    EXPECT_EQ(j.at("version"), "2.1.0");
    const auto& run = j.at("runs").at(0);
    EXPECT_EQ(run.at("tool").at("driver").at("rules").size(), 3U);
    const auto& result = run.at("results").at(0);
    EXPECT_EQ(result.at("ruleId"), "close_wait");
    const auto& where = result.at("locations").at(0).at("physicalLocation");
    EXPECT_EQ(where.at("artifactLocation").at("uri"), "client.py");
    EXPECT_EQ(where.at("region").at("startLine"), 42);
    EXPECT_TRUE(run.at("results").at(1).at("locations").empty());
    EXPECT_EQ(result.at("level"), "error");
}

TEST(Sarif, KnowsALeakAgainAfterLinesMoved) {
    const auto print = [](std::uint32_t line, const char* function) {
        return sarif_json(report_of({leak(RunClass::kOpen, site_at("/src/app/c.py", line, function))}))
            .at("runs")
            .at(0)
            .at("results")
            .at(0)
            .at("partialFingerprints");
    };
    EXPECT_EQ(print(42, "fetch"), print(43, "fetch"));
    EXPECT_NE(print(42, "fetch"), print(42, "post"));
}

TEST(Reports, AreValidByTheSchemasOfTheirFormats) {
    const fixtures::TempDir dir;
    const std::string folder = dir.path().string();
    IgnoreList list = *parse_ignores("ignore: [{site: post, reason: known}]", "known.yaml");
    RunReport report = report_of({leak(), leak(RunClass::kOpen, site_at("/src/app/client.py", 50, "post")),
                                  leak(RunClass::kDeadFd, {})},
                                 list);
    report.notes = {"some call sites were not seen"};
    std::ofstream(folder + "/leaks.xml") << junit_xml(report);
    std::ofstream(folder + "/leaks.sarif") << sarif_json(report).dump(2);
    RunReport clean = report_of({});
    clean.end = {ENOENT, 126, 0};
    std::ofstream(folder + "/clean.xml") << junit_xml(clean);
    std::ofstream(folder + "/clean.sarif") << sarif_json(clean).dump(2);
    const int status = std::system((SOCKDOG_SOURCE_DIR "/tests/run/check_reports.sh " + folder).c_str());
    if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no xmllint, or no jsonschema for python3";
    EXPECT_EQ(status, 0);
}

CommandEnd ran(const std::vector<std::string>& words) {
    sigset_t none;
    sigemptyset(&none);
    auto command = Command::prepare(words, std::nullopt, none);
    EXPECT_TRUE(command);
    const int start_error = command->let_go();
    for (int i = 0; i < 1000; ++i) {
        if (auto end = command->ended()) {
            end->start_error = start_error;
            return *end;
        }
        ::usleep(5000);
    }
    ADD_FAILURE() << "does not end";
    return {};
}

TEST(RunCommand, EndsAsTheCommandDoes) {
    EXPECT_EQ(ran({"true"}).exit_code(), 0);
    EXPECT_EQ(ran({"sh", "-c", "exit 7"}).exit_code(), 7);
    EXPECT_EQ(ran({"sh", "-c", "kill -KILL $$"}).exit_code(), 137);
    EXPECT_EQ(ran({"sockdog-no-such-command"}).exit_code(), kExitNotFound);
    EXPECT_EQ(ran({"/etc/passwd"}).exit_code(), kExitNotExecutable);
}

TEST(RunCommand, KnowsNoUserThatIsNone) {
    EXPECT_FALSE(credentials_of("no-such-user"));
    const auto root = credentials_of("root");
    ASSERT_TRUE(root);
    EXPECT_EQ(root->uid, 0U);
    EXPECT_EQ(credentials_of("0")->name, "root");
}

}  // namespace
}  // namespace sockdog::testing
