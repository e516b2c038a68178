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
             {"/opt/shop/bin/shop", "/usr/src/rustc-1.63.0/library/std/src/net/tcp.rs", kLibrary},
             {"/opt/shop/bin/shop", "/usr/src/app/shop.c", kApplication},
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

TEST(Origin, OfCompiledCodeIsToldFromItsName) {
    for (const FileCase& one : std::initializer_list<FileCase>{
             {"void Client$Pool.fetch(int)", kApplication},
             {"static void com.example.Shop.main(java.lang.String[])", kApplication},
             {"void java.net.Socket.connect(java.net.SocketAddress)", kLibrary},
             {"void sun.nio.ch.NioSocketImpl.connect(java.net.SocketAddress, int)", kLibrary},
             {"void sunny.Day.begin()", kApplication},
             {"Lcom/example/Shop;::open", kApplication},
             {"Ljava/net/Socket;::connect", kLibrary},
             {"Interpreter", kRuntime},
             {"StubRoutines (1)", kRuntime}}) {
        CallFrame frame;
        frame.function = one.file;
        EXPECT_EQ(origin_of_native(frame, "/usr/lib/jvm/bin/java"), one.origin) << one.file;
    }
}

TEST(Origin, OfGoIsToldFromPackageAndFile) {
    struct GoCase {
        const char* function;
        const char* file;
        FrameOrigin origin;
    };
    const std::string executable = "/srv/shop";
    for (const GoCase& one : std::initializer_list<GoCase>{
             {"main.main", "/home/me/shop/main.go", kApplication},
             {"main.main", "shop/main.go", kApplication},
             {"net.(*Dialer).DialContext", "/opt/hostedtoolcache/go/1.24.1/x64/src/net/dial.go", kLibrary},
             {"net/http.(*Transport).dialConn.func1", "net/http/transport.go", kLibrary},
             {"example.com/pool.Open", "example.com/pool@v1.2.3/pool.go", kLibrary},
             {"example.com/shop/net.Open", "/home/me/src/example.com/shop/net/open.go", kApplication},
             {"github.com/x/y.Open", "/home/me/shop/vendor/github.com/x/y/open.go", kLibrary},
             {"runtime/internal/syscall.Syscall6", "runtime/internal/syscall/asm_linux_amd64.s", kLibrary},
             {"net.(*Dialer).DialContext-fm", "<autogenerated>", kLibrary},
             {"runtime.goexit", "runtime/asm_amd64.s", kRuntime}}) {
        CallFrame frame;
        frame.module = executable;
        frame.function = one.function;
        frame.file = one.file;
        EXPECT_EQ(origin_of_native(frame, executable), one.origin) << one.function << " " << one.file;
    }
}

TEST(Origin, OfConnectionsThatAGoroutineOfNetHttpOpensIsSaidToBeUnknown) {
    CallFrame frame;
    frame.function = "net/http.(*Transport).dialConnFor";
    EXPECT_NE(unknown_in({CallFrame{}, frame}), "");
    frame.function = "net/http.(*Client).Do";
    EXPECT_EQ(unknown_in({frame}), "");
    EXPECT_EQ(unknown_in({}), "");
}

TEST(Origin, OfNodeIsSaidToBeUnknown) {
    EXPECT_NE(unknown_in_all_of("/usr/bin/node"), "");
    EXPECT_NE(unknown_in_all_of("/usr/bin/nodejs"), "");
    EXPECT_EQ(unknown_in_all_of("/usr/bin/python3.11"), "");
    EXPECT_EQ(unknown_in_all_of("/srv/node/shop"), "");
}

}  // namespace
}  // namespace sockdog::testing
