// Symbols, lines and unwind tables of ELF files that are made up. libdw itself is not instrumented: give it
// small programs with debug information to begin with.
#include <sys/mman.h>
#include <unistd.h>

#include "callsite/native_lines.h"

namespace {

int find_nothing(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*, GElf_Word, char**) {
    return -1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Dwfl_Callbacks kCallbacks{.find_elf = dwfl_build_id_find_elf,
                                           .find_debuginfo = find_nothing,
                                           .section_address = nullptr,
                                           .debuginfo_path = nullptr};
    const int fd = memfd_create("elf", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != static_cast<ssize_t>(size)) return 0;
    Dwfl* dwfl = dwfl_begin(&kCallbacks);
    dwfl_report_begin(dwfl);
    Dwfl_Module* module = dwfl_report_elf(dwfl, "elf", "elf", fd, 0x10000, true);
    dwfl_report_end(dwfl, nullptr, nullptr);
    if (!module) close(fd);
    if (module) {
        for (std::uint64_t address = 0x11000; address < 0x11800; address += 64)
            (void)sockdog::find_native_lines(module, address, true);
        Dwarf_Addr bias = 0;
        Dwarf_Frame* frame = nullptr;
        if (Dwarf_CFI* cfi = dwfl_module_eh_cfi(module, &bias))
            if (dwarf_cfi_addrframe(cfi, 0x11100 - bias, &frame) == 0) free(frame);
    }
    dwfl_end(dwfl);
    return 0;
}
