// Names of one address of native code by libdw: the symbol, the DWARF line, and what was inlined there.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <vector>

#include "callsite/call_site.h"

namespace sockdog {

/// Function, file and line, innermost first: several for code that was inlined, always one at least. The
/// caller fills in the rest. Without `with_dwarf` only symbols are looked at.
std::vector<CallFrame> find_native_lines(Dwfl_Module* module, std::uint64_t address, bool with_dwarf);

}  // namespace sockdog
