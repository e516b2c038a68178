// From connect() in the kernel to file, function and line, for real programs of several languages.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>

#include "callsite/detect.h"
#include "callsite/resolver.h"
#include "kernel/support.h"
#include "probe/call_tracer.h"
#include "temp_dir.h"
#include "told_program.h"

namespace sockdog::testing {
namespace {

const std::string kPrograms = std::string(SOCKDOG_SOURCE_DIR) + "/tests/kernel/callsite_programs/";
const std::string kClientC = std::string(SOCKDOG_BINARY_DIR) + "/bin/call_site_client_c";
const std::string kClientCpp = std::string(SOCKDOG_BINARY_DIR) + "/bin/call_site_client_cpp";
const std::string kClientGo = std::string(SOCKDOG_BINARY_DIR) + "/bin/call_site_client_go";
constexpr const char* kNotBuilt = " is not here: it belongs to the build";

/// The number of the line that has `mark`.
std::uint32_t line_of(const std::string& file, const std::string& mark) {
    std::ifstream in(file);
    std::string line;
    for (std::uint32_t number = 1; std::getline(in, line); number++)
        if (line.find(mark) != std::string::npos) return number;
    ADD_FAILURE() << file << " has no line with " << mark;
    return 0;
}

class CallSiteNamesTest : public ::testing::Test {
  protected:
    /// What runs, and the call sites of one round.
    void watch_one_round(
        const std::vector<std::string>& command,
        const std::function<void(std::uint32_t pid)>& once_it_runs = [](std::uint32_t) {}) {
        OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
        auto tracer = CallTracer::open(books, CallTracerOptions{});
        ASSERT_TRUE(tracer) << tracer.error().message;
        const Listener listener = listen_on_loopback();
        std::vector<std::string> arguments = command;
        arguments.push_back(std::to_string(listener.port));
        ToldProgram program(arguments);
        once_it_runs(program.id().pid);
        detection_ = detect_runtime(program.id(), ProcRoot());
        ASSERT_TRUE((*tracer)->watch(program.id(), detection_.layout));
        program.go();
        CallSiteResolver resolver(options_);
        (*tracer)->drain([&](const CallStack& stack) { sites_.push_back(resolver.resolve(stack)); },
                         [](const FollowEvent&) {});
    }
    /// All application frames, and the whole stacks for a test that fails.
    [[nodiscard]] std::vector<std::string> lines() const {
        std::vector<std::string> all;
        for (const CallSite& site : sites_) {
            const CallFrame* frame = site.application_frame();
            all.push_back(frame ? to_long_string(*frame) : "? " + site.unknown_because);
        }
        return all;
    }
    [[nodiscard]] std::string whole() const {
        std::string text = detection_.what + " " + detection_.unknown_because + "\n";
        for (const CallSite& site : sites_) {
            for (const CallFrame& frame : site.frames)
                text += "  " + std::string(to_string(frame.origin)) + " " + to_long_string(frame) + "\n";
            text += "  --\n";
        }
        return text;
    }
    static std::string at(const std::string& file, const std::string& mark, const std::string& function) {
        return file + ":" + std::to_string(line_of(file, mark)) + " " + function;
    }

    ResolverOptions options_;
    Detection detection_;
    std::vector<CallSite> sites_;
};

class PythonNamesTest : public CallSiteNamesTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(PythonNamesTest, AreThoseOfThreadsAndCoroutines) {
    const std::string python = find_program(GetParam());
    if (python.empty()) GTEST_SKIP() << "no " << GetParam();
    const std::string file = kPrograms + "client.py";
    watch_one_round({python, file});
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_EQ(detection_.layout.kind, std::uint32_t{SOCKDOG_RUNTIME_PYTHON}) << whole();
    ASSERT_EQ(sites_.size(), 3U) << whole();
    EXPECT_EQ(lines()[0], at(file, "THE THREAD'S LINE", "Pool.fetch")) << whole();
    EXPECT_EQ(lines()[1], at(file, "await asyncio.open_connection", "poll")) << whole();
    EXPECT_EQ(lines()[2], at(file, "THE LIBRARY'S CALLER", "dial")) << whole();
}

INSTANTIATE_TEST_SUITE_P(Versions, PythonNamesTest,
                         ::testing::Values("/usr/bin/python3.11", "python3.11", "python3.12", "python3.13"),
                         [](const auto& one) {
                             std::string name = one.param;
                             std::ranges::replace_if(
                                 name, [](char c) { return !std::isalnum(c); }, '_');
                             return name;
                         });

TEST_F(CallSiteNamesTest, OfRubyAreFoundDeepInFibersOfThreads) {
    const std::string ruby = find_program("ruby");
    if (ruby.empty()) GTEST_SKIP() << "no ruby";
    const std::string file = kPrograms + "client.rb";
    watch_one_round({ruby, file});
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_EQ(detection_.layout.kind, std::uint32_t{SOCKDOG_RUNTIME_RUBY}) << whole();
    ASSERT_EQ(sites_.size(), 1U) << whole();
    EXPECT_EQ(lines()[0], at(file, "THE LINE", "perform_request")) << whole();
    const auto& frames = sites_[0].frames;
    EXPECT_GT(frames.size(), 36U);
    const auto count = std::ranges::count(frames, std::string("block in deep"), &CallFrame::function);
    EXPECT_EQ(count, 12) << whole();
}

TEST_F(CallSiteNamesTest, OfCAreFoundWithoutFramePointers) {
    if (!std::filesystem::exists(kClientC)) GTEST_SKIP() << kClientC << kNotBuilt;
    const std::string file = kPrograms + "client.c";
    watch_one_round({kClientC});
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_EQ(sites_.size(), 1U) << whole();
    EXPECT_EQ(lines()[0], at(file, "THE LINE", "open_connection")) << whole();
    const auto& frames = sites_[0].frames;
    const auto caller = std::ranges::find(frames, std::string("fetch"), &CallFrame::function);
    ASSERT_NE(caller, frames.end()) << whole();
    EXPECT_EQ(caller->line, line_of(file, "THE CALLER")) << whole();
    EXPECT_NE(std::ranges::find(frames, std::string("main"), &CallFrame::function), frames.end()) << whole();
}

TEST_F(CallSiteNamesTest, AreOfTheFileThatRunsEvenWhenItWasDeleted) {
    if (!std::filesystem::exists(kClientC)) GTEST_SKIP() << kClientC << kNotBuilt;
    const fixtures::TempDir dir;
    std::filesystem::copy(kClientC, dir / "client");
    watch_one_round({"/bin/sh", "-c", "exec " + (dir / "client").string() + " $1", "sh"},
                    [&](std::uint32_t) { std::filesystem::remove(dir / "client"); });
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_EQ(sites_.size(), 1U) << whole();
    EXPECT_EQ(lines()[0], at(kPrograms + "client.c", "THE LINE", "open_connection")) << whole();
}

TEST_F(CallSiteNamesTest, AreNotLookedForInFilesThatAProgramNames) {
    const std::string program = std::string(SOCKDOG_BINARY_DIR) + "/bin/call_site_client_split";
    if (!std::filesystem::exists(program)) GTEST_SKIP() << program << kNotBuilt;
    watch_one_round({program});
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_EQ(sites_.size(), 1U) << whole();
    const CallFrame* frame = sites_[0].application_frame();
    ASSERT_NE(frame, nullptr) << whole();
    EXPECT_EQ(frame->function, "open_connection") << "by its symbol";
    EXPECT_EQ(frame->line, 0U) << "of a .dwo file";
    EXPECT_THAT(sites_[0].unknown_because, ::testing::StartsWith("no line numbers"));
}

TEST_F(CallSiteNamesTest, OfAStrippedProgramAreInItsDebugFile) {
    if (!std::filesystem::exists(kClientC)) GTEST_SKIP() << kClientC << kNotBuilt;
    const fixtures::TempDir dir;
    const std::string script = R"(
        set -e
        cd "$1"
        objcopy --only-keep-debug "$2" debug
        strip -o client "$2"
        id=$(readelf -n client | sed -n 's/.*Build ID: //p')
        rest=${id#??}
        mkdir -p ".build-id/${id%"$rest"}"
        mv debug ".build-id/${id%"$rest"}/$rest.debug"
    )";
    const std::string client = kClientC;
    std::string quoted;
    for (const char c : script) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    if (std::system(("sh -c '" + quoted + "' sh " + dir.path().string() + " " + client).c_str()) != 0)
        GTEST_SKIP() << "no objcopy, strip and readelf, or a program without build-id";
    options_.debug_directory = dir.path();
    watch_one_round({(dir / "client").string()});
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_EQ(sites_.size(), 1U) << whole();
    EXPECT_EQ(lines()[0], at(kPrograms + "client.c", "THE LINE", "open_connection")) << whole();
}

TEST_F(CallSiteNamesTest, OfCppAreDemangled) {
    if (!std::filesystem::exists(kClientCpp)) GTEST_SKIP() << kClientCpp << kNotBuilt;
    const std::string file = kPrograms + "client.cpp";
    watch_one_round({kClientCpp});
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_EQ(sites_.size(), 1U) << whole();
    EXPECT_EQ(lines()[0], at(file, "THE LINE", "pool::Client<sockaddr_in>::open(int)")) << whole();
}

TEST_F(CallSiteNamesTest, OfRubyAreThoseOfTheMethodThatMakesAClientForEachRequest) {
    const std::string ruby = find_program("ruby");
    if (ruby.empty()) GTEST_SKIP() << "no ruby";
    if (std::system("ruby -e \"require 'async/http'\" 2>/dev/null") != 0)
        GTEST_SKIP() << "no async-http for Ruby (package ruby-async-http)";
    watch_one_round({ruby, kPrograms + "http_client.rb"});
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_EQ(sites_.size(), 1U) << whole();
    EXPECT_EQ(lines()[0], at(kPrograms + "http_director.rb", "THE REQUEST", "block in perform_request"))
        << whole();
    const auto& frames = sites_[0].frames;
    const auto libraries = std::ranges::count(frames, FrameOrigin::kLibrary, &CallFrame::origin);
    EXPECT_GT(libraries, 8) << whole();
    EXPECT_EQ(std::ranges::count(frames, std::string("block in agents"), &CallFrame::function), 12)
        << whole();
}

TEST_F(CallSiteNamesTest, OfJavaAreInItsPerfMap) {
    for (const char* tool : {"java", "javac", "jcmd"})
        if (std::system((std::string("command -v ") + tool + " >/dev/null").c_str()) != 0)
            GTEST_SKIP() << "no " << tool << " (package openjdk-17-jdk-headless)";
    const fixtures::TempDir dir;
    const std::string classes = dir.path().string();
    if (std::system(("javac -d " + classes + " " + kPrograms + "Client.java").c_str()) != 0)
        GTEST_SKIP() << "javac is too old";
    std::string perf_map;
    watch_one_round(
        {"java", "-XX:+PreserveFramePointer", "-Xcomp", "-XX:TieredStopAtLevel=1", "-cp", classes, "Client"},
        [&](std::uint32_t pid) {
            perf_map = "/tmp/perf-" + std::to_string(pid) + ".map";
            const std::string ask = "jcmd " + std::to_string(pid) + " Compiler.perfmap >/dev/null";
            EXPECT_EQ(std::system(ask.c_str()), 0);
        });
    std::filesystem::remove(perf_map);
    if (IsSkipped() || HasFatalFailure()) return;
    EXPECT_EQ(detection_.what, "Java");
    ASSERT_EQ(sites_.size(), 1U) << whole();
    const auto& frames = sites_[0].frames;
    const auto has = [&](const std::string& name) {
        return std::ranges::any_of(
            frames, [&](const CallFrame& frame) { return frame.function.find(name) != std::string::npos; });
    };
    EXPECT_TRUE(has("Client$Pool.fetch")) << whole();
    EXPECT_TRUE(has("Client.main")) << whole();
    EXPECT_THAT(lines()[0], ::testing::HasSubstr("Client$Pool.fetch")) << whole();
}

TEST_F(CallSiteNamesTest, OfNodeAreSaidToBeUnknown) {
    const std::string node = find_program("node");
    if (node.empty()) GTEST_SKIP() << "no node";
    watch_one_round({node, kPrograms + "client.js"});
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_EQ(sites_.size(), 1U) << whole();
    EXPECT_EQ(sites_[0].application_frame(), nullptr) << whole();
    EXPECT_THAT(sites_[0].unknown_because, ::testing::StartsWith("node: ")) << whole();
    EXPECT_FALSE(sites_[0].frames.empty());
}

/// What was built how, and whether its DWARF tells inlined functions apart.
struct GoProgramCase {
    const char* suffix;
    bool has_dwarf;
    bool has_whole_paths;
};

class GoNamesTest : public CallSiteNamesTest, public ::testing::WithParamInterface<GoProgramCase> {};

TEST_P(GoNamesTest, AreFoundByFramePointersAndItsOwnTable) {
    const std::string program = kClientGo + GetParam().suffix;
    if (!std::filesystem::exists(program)) GTEST_SKIP() << program << kNotBuilt << ", where that has Go";
    const std::string file = kPrograms + "client.go";
    watch_one_round({program});
    if (IsSkipped() || HasFatalFailure()) return;
    EXPECT_EQ(detection_.what, "Go");
    ASSERT_EQ(sites_.size(), 2U) << whole();
    const std::string shown = GetParam().has_whole_paths ? file : "client.go";
    const std::vector<std::string> seen = lines();
    const auto line = [&](const std::string& mark) {
        return ":" + std::to_string(line_of(file, mark)) + " main.(*pool).";
    };
    EXPECT_THAT(seen[0], ::testing::EndsWith(line("THE LINE") + "fetch")) << whole();
    EXPECT_THAT(seen[1],
                ::testing::EndsWith(line("THE INLINED LINE") + (GetParam().has_dwarf ? "dial" : "poll")))
        << whole();
    for (const std::string& one : seen)
        EXPECT_TRUE(GetParam().has_whole_paths ? one.starts_with(file)
                                               : one.find("client.go:") != std::string::npos)
            << one;
    const auto& frames = sites_[1].frames;
    const auto main = std::ranges::find(frames, std::string("main.main"), &CallFrame::function);
    ASSERT_NE(main, frames.end()) << whole();
    EXPECT_EQ(main->origin, FrameOrigin::kApplication);
    const auto dialer = std::ranges::find_if(
        frames, [](const CallFrame& frame) { return frame.function.starts_with("net."); });
    ASSERT_NE(dialer, frames.end()) << whole();
    EXPECT_EQ(dialer->origin, FrameOrigin::kLibrary) << whole();
}

INSTANTIATE_TEST_SUITE_P(Builds, GoNamesTest,
                         ::testing::Values(GoProgramCase{"", true, true},
                                           GoProgramCase{"_stripped", false, false},
                                           GoProgramCase{"_pie", false, true}),
                         [](const auto& one) { return "go" + std::string(one.param.suffix); });

}  // namespace
}  // namespace sockdog::testing
