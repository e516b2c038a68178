// What runs in real processes: interpreters that are installed here, and programs that are none.
#include "callsite/detect.h"

#include <gtest/gtest.h>

#include "callsite/versions.h"
#include "temp_dir.h"
#include "told_program.h"

namespace sockdog::testing {
namespace {

constexpr const char* kPythonWaits = "import sys\nprint('ready', flush=True)\nsys.stdin.readline()";

TEST(Detect, KnowsPythonByItsOwnVersion) {
    for (const char* name : {"/usr/bin/python3.11", "python3.11", "python3.12", "python3.13"}) {
        if (find_program(name).empty()) continue;
        const ToldProgram program({name, "-c", kPythonWaits});
        const Detection detection = detect_runtime(program.id(), ProcRoot());
        EXPECT_EQ(detection.layout.kind, std::uint32_t{SOCKDOG_RUNTIME_PYTHON})
            << name << detection.unknown_because;
        const std::string minor = std::to_string(detection.layout.version & 0xff);
        EXPECT_TRUE(std::string(name).ends_with("3." + minor)) << detection.what;
        EXPECT_TRUE(detection.what.starts_with("CPython 3." + minor + ".")) << detection.what;
        EXPECT_EQ(detection.unknown_because, "");
        EXPECT_EQ(detection.layout.start_ticks, program.id().start_ticks);
        EXPECT_NE(detection.layout.runtime, 0U);
        EXPECT_NE(detection.layout.code[0].end, 0U);
    }
}

TEST(Detect, SaysWhichPythonIsTooOld) {
    const std::string old = "/root/.pyenv/versions/3.10.13/bin/python3.10";
    if (find_program(old).empty()) GTEST_SKIP() << "no python3.10";
    const ToldProgram program({old, "-c", kPythonWaits});
    const Detection detection = detect_runtime(program.id(), ProcRoot());
    EXPECT_EQ(detection.layout.kind, std::uint32_t{SOCKDOG_RUNTIME_NATIVE});
    EXPECT_EQ(detection.unknown_because, "CPython: the frames of 3.11, 3.12 and 3.13 are known");
}

TEST(Detect, KnowsRubyAndWhereItsThreadsKeepTheirContext) {
    if (find_program("ruby").empty()) GTEST_SKIP() << "no ruby";
    const ToldProgram program({"ruby", "-e", "$stdout.puts 'ready'; $stdout.flush; $stdin.gets"});
    const Detection detection = detect_runtime(program.id(), ProcRoot());
    ASSERT_EQ(detection.layout.kind, std::uint32_t{SOCKDOG_RUNTIME_RUBY}) << detection.unknown_because;
    EXPECT_TRUE(detection.what.starts_with("Ruby 3.")) << detection.what;
    EXPECT_NE(find_ruby(detection.layout.version), nullptr);
    EXPECT_NE(detection.layout.thread_local_kind, std::uint32_t{SOCKDOG_THREAD_LOCAL_NONE});
}

TEST(Detect, TakesOtherProgramsForNativeCodeAndSuggestsToCopyStacks) {
    const ToldProgram program({"sh", "-c", "echo ready; read line"});
    const Detection detection = detect_runtime(program.id(), ProcRoot());
    EXPECT_EQ(detection.layout.kind, std::uint32_t{SOCKDOG_RUNTIME_NATIVE});
    EXPECT_EQ(detection.layout.flags, std::uint32_t{SOCKDOG_RUNTIME_COPY_STACK});
    EXPECT_EQ(detection.what, "native code");
    EXPECT_EQ(detection.unknown_because, "");
    EXPECT_LT(detection.layout.code[0].start, detection.layout.code[0].end);
}

TEST(Detect, SaysWhyNodeAndJavaHaveNoLines) {
    const fixtures::TempDir dir;
    std::filesystem::create_directories(dir / "7");
    std::ignore = dir.put("7/maps", "1000-2000 r-xp 00000000 fe:01 12 /usr/lib/jvm/lib/server/libjvm.so\n");
    std::filesystem::create_symlink("/usr/bin/node", dir / "7/exe");
    Detection detection = detect_runtime({7, 1}, ProcRoot(dir.path()));
    EXPECT_EQ(detection.what, "Node.js");
    EXPECT_NE(detection.unknown_because, "");
    std::filesystem::remove(dir / "7/exe");
    std::filesystem::create_symlink("/usr/bin/java", dir / "7/exe");
    detection = detect_runtime({7, 1}, ProcRoot(dir.path()));
    EXPECT_EQ(detection.what, "Java");
    EXPECT_NE(detection.unknown_because, "");
}

TEST(Detect, OfAProcessThatIsGoneIsNativeCode) {
    const Detection detection = detect_runtime({4194304, 1}, ProcRoot());
    EXPECT_EQ(detection.layout.kind, std::uint32_t{SOCKDOG_RUNTIME_NATIVE});
    EXPECT_EQ(detection.layout.code[0].end, 0U);
}

}  // namespace
}  // namespace sockdog::testing
