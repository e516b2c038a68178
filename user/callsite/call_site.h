// Where in a program a socket was opened: the frames of one call stack with their names, innermost first, and
// the frame that an operator means by "the line": the innermost one of the application itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/process_id.h"
#include "probe/call_stack.h"

namespace sockdog {

/// Whose code a frame is. Libraries, standard libraries and the interpreter itself are folded where call
/// sites are grouped.
enum class FrameOrigin : std::uint8_t { kUnknown, kApplication, kLibrary, kRuntime };
/// "unknown", "application", "library", "runtime".
std::string_view to_string(FrameOrigin origin);

struct CallFrame {
    std::string function;    // demangled; empty: unknown
    std::string file;        // as the program's debug information or the interpreter has it; empty: unknown
    std::uint32_t line = 0;  // 0: unknown
    std::string module;      // native: path of the mapped file as the process sees it; empty: not mapped
    std::uint64_t address = 0;  // native: what was on the stack; 0 for frames of an interpreter
    FrameOrigin origin = FrameOrigin::kUnknown;

    bool operator==(const CallFrame&) const = default;
};

/// "director.rb:72 perform_request": the last component of the file; "main (leaky)" without one.
std::string to_string(const CallFrame& frame);
/// The same with the whole path.
std::string to_long_string(const CallFrame& frame);

struct CallSite {
    std::uint64_t id = 0;  // SocketRecord::call_site
    ProcessId process;
    RuntimeKind kind{};
    bool accepted = false;                   // by accept(), not connect()
    std::vector<CallFrame> frames;           // innermost first; may be empty
    std::optional<std::size_t> application;  // index of the innermost frame of the application
    std::string unknown_because;             // empty: the line is known

    /// Nothing where no frame is the application's.
    [[nodiscard]] const CallFrame* application_frame() const;
    bool operator==(const CallSite&) const = default;
};

}  // namespace sockdog
