#include "callsite/native_lines.h"

#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdw.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

namespace sockdog {
namespace {

constexpr std::size_t kMostMangledBytes = 2048;  // what demangling costs can grow faster than the name
constexpr int kMostUnits = 20000;                // compilation units looked through where no index says which
constexpr int kMostScopes = 64;

std::string demangle(const char* name) {
    const std::size_t bytes = std::strlen(name);
    if (!std::string_view(name).starts_with("_Z") || bytes > kMostMangledBytes)
        return {name, std::min(bytes, kMostMangledBytes)};
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> plain(
        abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
    if (status != 0 || !plain) return name;
    return {plain.get(), std::min(std::strlen(plain.get()), kMostMangledBytes)};
}

/// "connect@@GLIBC_2.2.5": the version is the linker's business.
std::string name_of_symbol(const char* name) {
    std::string plain = demangle(name);
    if (!plain.starts_with('@')) plain.resize(std::min(plain.find('@'), plain.size()));
    return plain;
}

/// Of a function that was inlined: from its abstract origin.
std::string name_of(Dwarf_Die& die) {
    Dwarf_Attribute attribute;
    for (const unsigned kind :
         {unsigned{DW_AT_linkage_name}, unsigned{DW_AT_MIPS_linkage_name}, unsigned{DW_AT_name}})
        if (Dwarf_Attribute* found = dwarf_attr_integrate(&die, kind, &attribute))
            if (const char* text = dwarf_formstring(found)) return demangle(text);
    return {};
}

std::uint32_t number_of(Dwarf_Die& die, unsigned kind) {
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    Dwarf_Attribute* found = dwarf_attr(&die, kind, &attribute);
    if (!found || dwarf_formudata(found, &value) != 0 || value > UINT32_MAX) return 0;
    return static_cast<std::uint32_t>(value);
}

/// Names of files are relative to where the compiler ran.
std::string whole_path(Dwarf_Die& unit, const char* file) {
    if (!file || *file == '\0') return {};
    if (*file == '/') return file;
    Dwarf_Attribute attribute;
    Dwarf_Attribute* found = dwarf_attr(&unit, DW_AT_comp_dir, &attribute);
    const char* folder = found ? dwarf_formstring(found) : nullptr;
    if (!folder) return file;
    return (std::filesystem::path(folder) / file).lexically_normal().string();
}

std::string file_of(Dwarf_Die& unit, std::uint32_t number) {
    Dwarf_Files* files = nullptr;
    std::size_t count = 0;
    if (dwarf_getsrcfiles(&unit, &files, &count) != 0 || number >= count) return {};
    return whole_path(unit, dwarf_filesrc(files, number, nullptr, nullptr));
}

struct Unit {
    Dwarf_Die* die = nullptr;
    Dwarf_Addr bias = 0;
};

/// By the index of addresses; clang writes none, then by the units' own ranges.
Unit find_unit(Dwfl_Module* module, Dwarf_Addr address) {
    Unit unit;
    unit.die = dwfl_module_addrdie(module, address, &unit.bias);
    int looked_at = 0;
    Dwarf_Die* next = nullptr;
    while (!unit.die && looked_at++ < kMostUnits && (next = dwfl_module_nextcu(module, next, &unit.bias)))
        if (dwarf_haspc(next, address - unit.bias) == 1) unit.die = next;
    return unit;
}

/// Leaves in `frame` what the outermost, real function is, and where in it.
void add_inlined(Dwfl_Module* module, std::uint64_t address, CallFrame& frame,
                 std::vector<CallFrame>& frames) {
    const Unit unit = find_unit(module, address);
    if (!unit.die) return;
    if (Dwarf_Line* line = dwarf_getsrc_die(unit.die, address - unit.bias)) {
        int number = 0;
        frame.file = whole_path(*unit.die, dwarf_linesrc(line, nullptr, nullptr));
        if (dwarf_lineno(line, &number) == 0 && number > 0) frame.line = static_cast<std::uint32_t>(number);
    }
    Dwarf_Die* found = nullptr;
    const int count = dwarf_getscopes(unit.die, address - unit.bias, &found);
    const std::unique_ptr<Dwarf_Die, decltype(&std::free)> scopes(count > 0 ? found : nullptr, &std::free);
    for (int i = 0; i < count && i < kMostScopes; i++) {
        Dwarf_Die& scope = scopes.get()[i];
        const int tag = dwarf_tag(&scope);
        if (tag == DW_TAG_subprogram) {
            frame.function = name_of(scope);
            return;
        }
        if (tag != DW_TAG_inlined_subroutine) continue;
        CallFrame inlined = frame;
        inlined.function = name_of(scope);
        frames.push_back(std::move(inlined));
        frame.file = file_of(*unit.die, number_of(scope, DW_AT_call_file));
        frame.line = number_of(scope, DW_AT_call_line);
    }
}

}  // namespace

std::vector<CallFrame> find_native_lines(Dwfl_Module* module, std::uint64_t address, bool with_dwarf) {
    std::vector<CallFrame> frames;
    CallFrame frame;
    GElf_Off offset = 0;
    GElf_Sym symbol;
    const char* name = dwfl_module_addrinfo(module, address, &offset, &symbol, nullptr, nullptr, nullptr);
    if (with_dwarf) add_inlined(module, address, frame, frames);
    // The symbol is of the function that all of them were inlined into.
    if (name) frame.function = name_of_symbol(name);
    frames.push_back(std::move(frame));
    return frames;
}

}  // namespace sockdog
