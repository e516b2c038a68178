// What runs in a process, and how the kernel side can walk its stacks: an interpreter that is known by its
// version, or native code.
#pragma once

#include <string>

#include "base/proc_root.h"
#include "base/process_id.h"
#include "probe/call_stack.h"

namespace sockdog {

struct Detection {
    RuntimeLayout layout{};       // for CallTracer::watch(); flags are the caller's to add
    std::string what;             // "Ruby 3.1.2", "CPython 3.11", "native code"
    std::string unknown_because;  // no line of it can be named: "node: its frames are not on the stack"
};

/// Reads maps, ELF headers and a few words of memory of a process that may be hostile: bounded in bytes and
/// time, never an error. What cannot be recognised is native code. Any thread.
Detection detect_runtime(ProcessId process, const ProcRoot& proc);

}  // namespace sockdog
