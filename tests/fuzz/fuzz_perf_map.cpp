#include "callsite/perf_map.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto map = sockdog::PerfMap::parse({reinterpret_cast<const char*>(data), size});
    for (const std::uint64_t address : {std::uint64_t{0}, std::uint64_t{0x1000}, ~std::uint64_t{0}})
        if (map.find(address).size() > 1024) __builtin_trap();
    return 0;
}
