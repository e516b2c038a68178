// The versions of Ruby and CPython that are known, and where in their structures is what. Measured with the
// compiler from the headers of each version, on 64-bit machines.
#pragma once

#include <cstdint>

#include "probe/call_stack.h"

namespace sockdog {

constexpr std::uint32_t version_of(std::uint32_t major, std::uint32_t minor) {
    return major << 8 | minor;
}

/// For the names of frames; what the kernel side needs is in `walk`. Offsets in bytes.
struct RubyVersion {
    std::uint32_t version;
    sockdog_ruby_offsets walk;
    std::uint16_t body_lines;        // in rb_iseq_constant_body: insns_info.body; size and index follow
    bool strings_hold_their_length;  // of embedded ones it is a word before the bytes, not bits of the flags
};

struct PythonVersion {
    std::uint32_t version;
    sockdog_python_offsets walk;
    std::uint32_t thread_key;    // in _PyRuntime: autoTSSkey
    std::uint32_t interpreters;  // in _PyRuntime: interpreters.head
    std::uint32_t threads;       // in PyInterpreterState: threads.head
    std::uint16_t first_line;    // in PyCodeObject: co_firstlineno
    std::uint16_t code_bytes;    // in PyCodeObject: co_code_adaptive
    std::uint16_t text_ascii;    // sizeof(PyASCIIObject): what follows is the text, if it is ASCII
    std::uint16_t text_other;    // sizeof(PyCompactUnicodeObject): ..., if it is not
};

/// Null for a version that is not known.
const RubyVersion* find_ruby(std::uint32_t version);
const PythonVersion* find_python(std::uint32_t version);

}  // namespace sockdog
