#include "callsite/origin.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace sockdog {
namespace {

template <typename List>
bool contains_one_of(std::string_view path, const List& parts) {
    return std::ranges::any_of(
        parts, [&](std::string_view part) { return path.find(part) != std::string_view::npos; });
}

template <typename List>
bool starts_with_one_of(std::string_view path, const List& beginnings) {
    return std::ranges::any_of(beginnings,
                               [&](std::string_view beginning) { return path.starts_with(beginning); });
}

constexpr std::array<std::string_view, 7> kRubyLibraries{
    "/gems/",        "/bundler/",   "/usr/lib/ruby/", "/usr/share/rubygems",
    "/vendor_ruby/", "/site_ruby/", "/vendor/bundle/"};
constexpr std::array<std::string_view, 3> kPythonLibraries{"/site-packages/", "/dist-packages/",
                                                           "/lib/python3."};
/// Libraries that are compiled into the program, by their source files.
constexpr std::array<std::string_view, 9> kCompiledIn{
    "/usr/include/", "/go/pkg/mod/",  "/usr/local/go/src/", "/usr/lib/go",          "/.cargo/registry/",
    "/rustc/",       "/include/c++/", "/usr/src/rustc",     "/cargo/git/checkouts/"};
constexpr std::array<std::string_view, 9> kRuntimeModules{
    "libc.so", "libc-", "ld-linux", "ld-musl", "libpthread", "libruby", "libpython", "libjvm", "libstdc++"};
constexpr std::array<std::string_view, 5> kJavaLibraries{"java.", "javax.", "jdk.", "sun.", "com.sun."};
constexpr std::array<std::string_view, 4> kSystemFolders{"/usr/", "/lib", "/bin/", "/nix/store/"};

bool is_below_folder_of(std::string_view module, std::string_view executable) {
    const std::string_view folder = executable.substr(0, executable.rfind('/') + 1);
    return folder.size() > 1 && !starts_with_one_of(folder, kSystemFolders) && module.starts_with(folder);
}

/// First elements of the import paths of Go's standard library.
constexpr std::array<std::string_view, 29> kGoStandardLibrary{
    "bufio",   "bytes",  "compress", "container", "context", "crypto",   "database", "encoding",
    "errors",  "expvar", "fmt",      "hash",      "html",    "internal", "io",       "log",
    "math",    "mime",   "net",      "os",        "reflect", "regexp",   "runtime",  "sort",
    "strings", "sync",   "syscall",  "text",      "time"};

/// By the file, as "/opt/go/src/net/http/client.go" or, of a program built with -trimpath,
/// "net/http/client.go" or "example.com/pool@v1.2.3/pool.go": only what is not the program's own has a
/// version.
bool is_go_library(const CallFrame& frame) {
    if (!frame.file.ends_with(".go") && !frame.file.ends_with(".s")) return false;
    const std::size_t after_slash = frame.function.rfind('/') + 1;  // 0 where there is none
    const std::string_view package =
        std::string_view(frame.function).substr(0, frame.function.find('.', after_slash));
    const std::string_view first = package.substr(0, package.find('/'));
    const std::string_view folder = std::string_view(frame.file).substr(0, frame.file.rfind('/'));
    const bool is_of_package =
        folder == package ||
        (folder.ends_with(package) && folder.substr(0, folder.size() - package.size()).ends_with("/src/"));
    if (is_of_package && std::ranges::find(kGoStandardLibrary, first) != kGoStandardLibrary.end())
        return true;
    return frame.file.find('@') != std::string::npos || frame.file.find("/vendor/") != std::string::npos;
}

/// What a just-in-time compiler named: "void java.net.Socket.connect(java.net.SocketAddress)" by the JVM
/// itself, "Ljava/net/Socket;::connect" by perf-map-agent, and the JVM's own "Interpreter" and "StubRoutines
/// (1)".
FrameOrigin origin_of_compiled(std::string_view function) {
    if (!function.starts_with('L') || function.find(";::") == std::string_view::npos) {
        const std::size_t arguments = function.find('(');
        const std::string_view before = function.substr(0, arguments);
        const std::string_view method = before.substr(before.rfind(' ') + 1);
        if (arguments == std::string_view::npos || method.find('.') == std::string_view::npos)
            return FrameOrigin::kRuntime;
        return starts_with_one_of(method, kJavaLibraries) ? FrameOrigin::kLibrary : FrameOrigin::kApplication;
    }
    constexpr std::array<std::string_view, 5> kPaths{"Ljava/", "Ljavax/", "Ljdk/", "Lsun/", "Lcom/sun/"};
    return starts_with_one_of(function, kPaths) ? FrameOrigin::kLibrary : FrameOrigin::kApplication;
}

/// "/usr/lib/ruby/3.1.0/net/http.rb" of whatever prefix: the standard library is in lib/ruby/VERSION.
bool is_ruby_standard_library(std::string_view file) {
    const std::size_t at = file.find("/lib/ruby/");
    return at != std::string_view::npos;
}

}  // namespace

FrameOrigin origin_of_ruby(const CallFrame& frame) {
    if (frame.file.empty()) return frame.function.empty() ? FrameOrigin::kUnknown : FrameOrigin::kRuntime;
    if (frame.file.starts_with("<internal:")) return FrameOrigin::kRuntime;
    if (is_ruby_standard_library(frame.file) || contains_one_of(frame.file, kRubyLibraries))
        return FrameOrigin::kLibrary;
    return FrameOrigin::kApplication;
}

FrameOrigin origin_of_python(const CallFrame& frame) {
    if (frame.file.empty()) return frame.function.empty() ? FrameOrigin::kUnknown : FrameOrigin::kRuntime;
    if (frame.file.starts_with("<frozen")) return FrameOrigin::kRuntime;
    if (contains_one_of(frame.file, kPythonLibraries)) return FrameOrigin::kLibrary;
    return FrameOrigin::kApplication;  // "<string>" and "<stdin>" too: python3 -c is somebody's program
}

FrameOrigin origin_of_native(const CallFrame& frame, std::string_view executable) {
    if (frame.module.empty())
        return frame.function.empty() ? FrameOrigin::kUnknown : origin_of_compiled(frame.function);
    if (starts_with_one_of(base_name(frame.module), kRuntimeModules)) return FrameOrigin::kRuntime;
    if (frame.module == executable) {
        if (frame.function == "_start" || frame.function.starts_with("runtime."))
            return FrameOrigin::kRuntime;
        const bool is_library = contains_one_of(frame.file, kCompiledIn) || is_go_library(frame);
        return is_library ? FrameOrigin::kLibrary : FrameOrigin::kApplication;
    }
    if (!is_below_folder_of(frame.module, executable)) return FrameOrigin::kLibrary;
    return FrameOrigin::kApplication;
}

std::string_view unknown_in_all_of(std::string_view executable) {
    const std::string_view name = base_name(executable);
    if (name != "node" && name != "nodejs") return {};
    return "node: connections are opened from its event loop, the code that asked is not on the stack";
}

std::optional<std::size_t> find_application_frame(const std::vector<CallFrame>& frames) {
    const auto found = std::ranges::find(frames, FrameOrigin::kApplication, &CallFrame::origin);
    if (found == frames.end()) return std::nullopt;
    return static_cast<std::size_t>(found - frames.begin());
}

}  // namespace sockdog
