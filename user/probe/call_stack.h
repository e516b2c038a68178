// What was on the stack of a thread when it called connect() or accept(), as raw addresses without names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/process_id.h"
#include "base/time.h"
#include "bpf/callsite.h"

namespace sockdog {

/// How the kernel side walks the stacks of one process; written to the kernel as it is.
using RuntimeLayout = sockdog_runtime;

enum class RuntimeKind : std::uint8_t { kUnknown = 0, kNative = 1, kRuby = 2, kPython = 3 };

/// How the walk over an interpreter's frames ended.
enum class WalkEnd : std::uint8_t {
    kWhole = 0,
    kCut = 1,        // deeper than SOCKDOG_FRAMES; the innermost are here
    kUnread = 2,     // memory was not there, or not in core
    kNotItself = 3,  // a self-check failed: not the version that it was taken for
    kNone = 4,       // no interpreter
};

struct CallStack {
    std::uint64_t id = 0;  // SocketRecord::call_site of the sockets that were opened there
    MonoTime at;
    ProcessId process;
    std::uint32_t thread = 0;
    RuntimeKind kind{};
    std::uint32_t version = 0;  // of the interpreter: major << 8 | minor
    WalkEnd walk_end{};
    bool accepted = false;              // by accept(), not connect()
    std::vector<sockdog_frame> frames;  // of the interpreter, innermost first
    std::vector<std::uint64_t> native;  // return addresses by frame pointers, innermost first
    sockdog_registers registers{};
    std::vector<std::uint8_t> copy;  // of the stack, from registers.sp up; empty where not asked for
};

/// A watched process runs another program; one that is followed has a child, or ended.
struct FollowEvent {
    enum class Kind : std::uint8_t { kFork = 1, kExec = 2, kExit = 3 };
    Kind kind{};
    MonoTime at;
    ProcessId process;  // the child for a fork
    std::uint32_t parent_pid = 0;
    int wait_status = 0;  // of an exit, as wait(2) gives it
    std::string comm;
};

}  // namespace sockdog
