#include <algorithm>
#include <cstring>
#include <vector>

#include "callsite/byte_source.h"
#include "callsite/go_lines.h"
#include "callsite/go_program.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sockdog;
    std::vector<std::uint8_t> table(data, data + size);
    // But for what says that it is one: the magic number, instructions of a byte, pointers of eight.
    constexpr std::uint8_t kBegin[8] = {0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8};
    std::copy_n(kBegin, std::min(size, sizeof kBegin), table.data());
    const auto bytes = testing::go_program(table);
    MemoryBytes source(bytes);
    const auto file = ElfFile::parse(source);
    if (!file || !has_go_lines(*file)) __builtin_trap();
    const auto lines = GoLines::parse(*file);
    if (!lines) return 0;
    for (const std::uint64_t address : {testing::kGoCode, testing::kGoCode + 0x10, testing::kGoCode + 0xfff,
                                        std::uint64_t{0}, ~std::uint64_t{0}}) {
        const auto frame = lines->find(address);
        if (frame && (frame->function.empty() || frame->function.size() > 1024 || frame->file.size() > 4096))
            __builtin_trap();
    }
    return 0;
}
