// `sockdog run -- pytest`, as a developer has it: a small suite with one leak, and the same suite mended.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "temp_dir.h"

namespace sockdog::testing {
namespace {

const std::string kSuite = SOCKDOG_SOURCE_DIR "/tests/kernel/pytest_suite";
const std::string kSockdog = SOCKDOG_BINARY_DIR "/bin/sockdog";
constexpr int kExitLeaks = 86;  // docs/ci.md

std::string content_of(const std::string& file) {
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

int run(const std::string& command) {
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// A python3 that has pytest; empty: none.
std::string python_with_pytest() {
    for (const char* python : {"/usr/bin/python3", "python3"})
        if (run(std::string(python) + " -c 'import pytest' 2>/dev/null") == 0) return python;
    return "";
}

class RunPytest : public ::testing::Test {
  protected:
    void SetUp() override {
        python_ = python_with_pytest();
        if (geteuid() != 0) GTEST_SKIP() << "needs root (CAP_BPF, CAP_PERFMON)";
        if (python_.empty()) GTEST_SKIP() << "no pytest (package python3-pytest)";
        if (access(kSockdog.c_str(), X_OK) != 0) GTEST_SKIP() << kSockdog << " was not built";
        std::filesystem::copy(kSuite, suite_.path(), std::filesystem::copy_options::recursive);
    }
    /// Exit code of sockdog over the suite; its report as JSON goes to `report_`.
    int run_suite() {
        const std::string folder = reports_.path().string();
        const int code = run(
            "cd " + suite_.path().string() + " && " + kSockdog +
            " --json run --helper-dir " SOCKDOG_BINARY_DIR "/bin --junit " + folder + "/leaks.xml --sarif " +
            folder + "/leaks.sarif -- env PYTHONDONTWRITEBYTECODE=1 LEAK_CHECK=1 " + python_ +
            " -m pytest -q -p no:cacheprovider >" + folder + "/stdout 2>" + folder + "/stderr");
        const std::string text = content_of(folder + "/stdout");
        const std::size_t begin = text.find("\n{");  // pytest speaks first
        report_ =
            begin == std::string::npos ? nullptr : nlohmann::json::parse(text.substr(begin), nullptr, false);
        return code;
    }
    [[nodiscard]] std::string words() const {
        return content_of((reports_ / "stdout").string()) + content_of((reports_ / "stderr").string());
    }
    void expect_valid_reports() {
        const int checked = run(SOCKDOG_SOURCE_DIR "/tests/run/check_reports.sh " + reports_.path().string());
        EXPECT_TRUE(checked == 0 || checked == 77) << "valid, or no validators";
    }
    void replace_in_shop(const std::string& old, const std::string& mended) {
        std::string text = content_of((suite_ / "shop.py").string());
        const std::size_t at = text.find(old);
        ASSERT_NE(at, std::string::npos);
        std::ofstream((suite_ / "shop.py").string()) << text.replace(at, old.size(), mended);
    }
    void mend() { replace_in_shop("RECENT.append((name, response))", "response.close()"); }

    std::uint32_t line_of_the_leak() {
        std::ifstream in((suite_ / "shop.py").string());
        std::string line;
        for (std::uint32_t number = 1; std::getline(in, line); number++)
            if (line.find("THE LEAK") != std::string::npos) return number;
        return 0;
    }

    fixtures::TempDir suite_;
    fixtures::TempDir reports_;
    std::string python_;
    nlohmann::json report_;
};

TEST_F(RunPytest, NamesTheLineOfTheApplicationThatLeaks) {
    EXPECT_EQ(run_suite(), kExitLeaks) << words();
    EXPECT_THAT(words(), ::testing::HasSubstr("5 passed"));
    ASSERT_TRUE(report_.is_object()) << words();
    ASSERT_EQ(report_.at("leaks").size(), 1U) << report_.dump(1);
    const auto& leak = report_.at("leaks").at(0);
    EXPECT_EQ(leak.at("count"), 3);
    EXPECT_EQ(leak.at("class"), "close_wait");
    const auto& site = leak.at("call_site");
    const auto& line = site.at("frames").at(site.at("application").get<std::size_t>());
    EXPECT_EQ(line.at("file"), (suite_ / "shop.py").string());
    EXPECT_EQ(line.at("line"), line_of_the_leak());
    EXPECT_EQ(line.at("function"), "Prices.ask");
    expect_valid_reports();
    const auto sarif = nlohmann::json::parse(content_of((reports_ / "leaks.sarif").string()));
    const auto& where =
        sarif.at("runs").at(0).at("results").at(0).at("locations").at(0).at("physicalLocation");
    EXPECT_EQ(where.at("artifactLocation").at("uri"), "shop.py");
    EXPECT_EQ(where.at("region").at("startLine"), line_of_the_leak());
    EXPECT_THAT(content_of((reports_ / "leaks.xml").string()),
                ::testing::AllOf(::testing::HasSubstr("<failure"), ::testing::HasSubstr("shop.py")));
}

TEST_F(RunPytest, IsCleanOnceTheSuiteIsMended) {
    mend();
    EXPECT_EQ(run_suite(), 0) << words();
    EXPECT_THAT(words(), ::testing::HasSubstr("5 passed"));
    ASSERT_TRUE(report_.is_object()) << words();
    EXPECT_TRUE(report_.at("leaks").empty()) << report_.dump(1);
    expect_valid_reports();
    EXPECT_THAT(content_of((reports_ / "leaks.xml").string()),
                ::testing::Not(::testing::HasSubstr("<failure")));
}

TEST_F(RunPytest, KeepsTheExitCodeOfTestsThatFail) {
    replace_in_shop("total += int", "total -= int");
    EXPECT_EQ(run_suite(), 1) << words();
    ASSERT_TRUE(report_.is_object()) << words();
    EXPECT_EQ(report_.at("leaks").size(), 1U) << report_.dump(1);
}

}  // namespace
}  // namespace sockdog::testing
