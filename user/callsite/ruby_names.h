// From an instruction sequence ("iseq") of Ruby and a program counter to method, file and line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "callsite/byte_source.h"
#include "callsite/call_site.h"
#include "callsite/versions.h"

namespace sockdog {

/// Nothing for what is not an iseq. The function is the label as backtraces show it, "block in fetch". Any
/// thread.
std::optional<CallFrame> name_ruby_frame(ByteSource& memory, const RubyVersion& ruby,
                                         const sockdog_frame& frame);
/// A String; nothing for what is none, or is longer than 4,096 bytes.
std::optional<std::string> read_ruby_text(ByteSource& memory, const RubyVersion& ruby, std::uint64_t address);
/// Which entry of the line table is for the instruction at `position`, by the succinct bit vector at `index`:
/// how many entries start at or before it. Nothing where it cannot be read.
std::optional<std::uint32_t> find_ruby_entry(ByteSource& memory, std::uint64_t index, std::uint64_t position);

}  // namespace sockdog
