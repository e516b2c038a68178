#include "callsite/origin.h"

#include <gtest/gtest.h>

namespace sockdog::testing {
namespace {

using enum FrameOrigin;

CallFrame in_file(const std::string& file) {
    CallFrame frame;
    frame.function = "f";
    frame.file = file;
    return frame;
}

struct FileCase {
    const char* file;
    FrameOrigin origin;
};

TEST(Origin, OfRubyIsToldFromThePath) {
    for (const FileCase& one : std::initializer_list<FileCase>{
             {"/var/vcap/packages/health_monitor/lib/bosh/director.rb", kApplication},
             {"/var/vcap/packages/ruby/lib/ruby/gems/3.1.0/gems/async-2.0/lib/async/task.rb", kLibrary},
             {"/usr/lib/ruby/3.1.0/net/http.rb", kLibrary},
             {"/usr/local/lib/ruby/3.3.0/socket.rb", kLibrary},
             {"/srv/app/vendor/bundle/ruby/3.2.0/x.rb", kLibrary},
             {"<internal:kernel>", kRuntime},
             {"", kRuntime},
             {"app.rb", kApplication}})
        EXPECT_EQ(origin_of_ruby(in_file(one.file)), one.origin) << one.file;
}

TEST(Origin, OfPythonIsToldFromThePath) {
    for (const FileCase& one : std::initializer_list<FileCase>{
             {"/srv/app.py", kApplication},
             {"/usr/lib/python3.11/socket.py", kLibrary},
             {"/root/.pyenv/versions/3.12.1/lib/python3.12/asyncio/base_events.py", kLibrary},
             {"/srv/venv/lib/python3.11/site-packages/requests/api.py", kLibrary},
             {"/usr/lib/python3/dist-packages/yaml/__init__.py", kLibrary},
             {"<frozen importlib._bootstrap>", kRuntime},
             {"<string>", kApplication}})
        EXPECT_EQ(origin_of_python(in_file(one.file)), one.origin) << one.file;
}

struct ModuleCase {
    const char* module;
    const char* file;
    FrameOrigin origin;
};

TEST(Origin, OfNativeCodeIsToldFromModuleAndSource) {
    const std::string executable = "/opt/shop/bin/shop";
    for (const ModuleCase& one : std::initializer_list<ModuleCase>{
             {"/opt/shop/bin/shop", "/build/shop.c", kApplication},
             {"/opt/shop/bin/shop", "", kApplication},
             {"/opt/shop/bin/shop", "/usr/include/c++/12/bits/invoke.h", kLibrary},
             {"/opt/shop/bin/shop", "/root/go/pkg/mod/x@v1/x.go", kLibrary},
             {"/opt/shop/bin/libshop.so", "", kApplication},
             {"/opt/other/libother.so", "", kLibrary},
             {"/usr/lib/x86_64-linux-gnu/libcurl.so.4", "", kLibrary},
             {"/usr/lib/x86_64-linux-gnu/libc.so.6", "", kRuntime},
             {"/lib64/ld-linux-x86-64.so.2", "", kRuntime},
             {"/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0", "", kRuntime}}) {
        CallFrame frame = in_file(one.file);
        frame.module = one.module;
        EXPECT_EQ(origin_of_native(frame, executable), one.origin) << one.module << " " << one.file;
    }
    EXPECT_EQ(origin_of_native(CallFrame{}, executable), kUnknown);
}

TEST(Origin, TheInnermostFrameOfTheApplicationIsTheOneThatCounts) {
    std::vector<CallFrame> frames(4);
    EXPECT_EQ(find_application_frame(frames), std::nullopt);
    frames[2].origin = frames[3].origin = kApplication;
    EXPECT_EQ(find_application_frame(frames), 2U);
}

}  // namespace
}  // namespace sockdog::testing
