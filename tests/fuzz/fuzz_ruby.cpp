#include "callsite/ruby_names.h"
#include "fuzz/looped_memory.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sockdog;
    fuzz::LoopedMemory start({data, size});
    const auto frame = start.get<sockdog_frame>(8);
    if (!frame) return 0;
    for (const std::uint32_t minor : {1U, 2U, 3U}) {
        fuzz::LoopedMemory memory({data, size});
        const auto named = name_ruby_frame(memory, *find_ruby(version_of(3, minor)), *frame);
        if (named && named->file.size() + named->function.size() > 8192) __builtin_trap();
        fuzz::LoopedMemory index({data, size});
        (void)find_ruby_entry(index, frame->code, frame->pc);
    }
    return 0;
}
