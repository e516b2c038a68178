// From a code object of CPython and the address of an instruction to function, file and line.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "callsite/byte_source.h"
#include "callsite/call_site.h"
#include "callsite/versions.h"

namespace sockdog {

/// Nothing for what is not a code object. Any thread.
std::optional<CallFrame> name_python_frame(ByteSource& memory, const PythonVersion& python,
                                           const sockdog_frame& frame);
/// A str in UTF-8; nothing for what is none, or is longer than 4,096 characters.
std::optional<std::string> read_python_text(ByteSource& memory, const PythonVersion& python,
                                            std::uint64_t address);
/// The line of code unit number `unit` (two bytes each), by a location table as in Objects/locations.md of
/// CPython 3.11. Nothing where the table ends before it or gives it no line.
std::optional<std::uint32_t> find_python_line(std::span<const std::uint8_t> table, std::uint32_t first_line,
                                              std::uint64_t unit);

}  // namespace sockdog
