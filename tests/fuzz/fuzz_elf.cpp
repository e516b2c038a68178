#include "callsite/elf_file.h"
#include "callsite/thread_local.h"
#include "fuzz/looped_memory.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sockdog;
    MemoryBytes bytes({data, size});
    const auto file = ElfFile::parse(bytes);
    if (file) {
        (void)file->build_id();
        (void)file->offset_of(0x1000);
        (void)file->bias_in(Mapping{});
        if (const auto symbol = file->find("x")) {
            fuzz::LoopedMemory memory({data, size});
            (void)find_thread_local(*file, *symbol, 0x1000, false, memory);
            (void)find_thread_local(*file, *symbol, 0x1000, true, memory);
            (void)find_thread_local_read_by(*file, *symbol, 0x1000, memory);
        }
    }
    (void)parse_mappings({reinterpret_cast<const char*>(data), size});
    return 0;
}
