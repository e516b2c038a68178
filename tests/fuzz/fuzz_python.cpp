#include "callsite/python_names.h"
#include "fuzz/looped_memory.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sockdog;
    fuzz::LoopedMemory start({data, size});
    const auto frame = start.get<sockdog_frame>(8);
    if (!frame) return 0;
    for (const std::uint32_t minor : {11U, 12U, 13U}) {
        const PythonVersion& python = *find_python(version_of(3, minor));
        fuzz::LoopedMemory memory({data, size});
        (void)name_python_frame(memory, python, *frame);
        fuzz::LoopedMemory text({data, size});
        const auto read = read_python_text(text, python, frame->code);
        if (read && read->size() > 4 * 4096) __builtin_trap();
    }
    (void)find_python_line({data, size}, 100, frame->pc % 4096);
    return 0;
}
