#include "callsite/thread_local.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "probe/call_stack.h"

namespace sockdog {
namespace {

constexpr std::uint64_t kMostModules = 4096;
constexpr std::uint64_t kLargestBlock = 1U << 20;  // of thread-local variables; more than that is a pointer

enum class Slot { kOther, kModule, kOffset, kDescriptor };

Slot slot_of(std::uint16_t machine, std::uint32_t type) {
    if (machine == EM_X86_64) {
        if (type == R_X86_64_DTPMOD64) return Slot::kModule;
        if (type == R_X86_64_TPOFF64) return Slot::kOffset;
        if (type == R_X86_64_TLSDESC) return Slot::kDescriptor;
    }
    if (machine == EM_AARCH64) {
        if (type == R_AARCH64_TLS_DTPMOD) return Slot::kModule;
        if (type == R_AARCH64_TLS_TPREL) return Slot::kOffset;
        if (type == R_AARCH64_TLSDESC) return Slot::kDescriptor;
    }
    return Slot::kOther;
}

/// Of two words: a module's number, at most some hundreds, and an offset in its block.
std::optional<ThreadLocalPlace> read_module(ByteSource& memory, std::uint64_t at) {
    const auto module = memory.get<std::uint64_t>(at);
    const auto offset = memory.get<std::uint64_t>(at + 8);
    if (!module || !offset || *module == 0 || *module > kMostModules || *offset > kLargestBlock)
        return std::nullopt;
    return ThreadLocalPlace{SOCKDOG_THREAD_LOCAL_MODULE, *module, *offset};
}

std::optional<ThreadLocalPlace> read_offset(ByteSource& memory, std::uint64_t at) {
    const auto offset = memory.get<std::int64_t>(at);
    const auto limit = static_cast<std::int64_t>(kLargestBlock);
    if (!offset || *offset == 0 || *offset > limit || *offset < -limit) return std::nullopt;
    return ThreadLocalPlace{SOCKDOG_THREAD_LOCAL_OFFSET, 0, static_cast<std::uint64_t>(*offset)};
}

/// A symbol that only the file itself uses is asked for by the number of its module, and its value.
std::optional<ThreadLocalPlace> in_own_module(const ElfFile& file, std::uint64_t value, std::uint64_t bias,
                                              ByteSource& memory) {
    if (file.machine() != EM_X86_64 || value > kLargestBlock) return std::nullopt;
    for (const ElfRelocation& slot : file.relocations_without_symbol(R_X86_64_DTPMOD64))
        if (auto place = read_module(memory, bias + slot.address)) {
            place->offset = value;
            return place;
        }
    return std::nullopt;
}

/// A descriptor's second word is the offset itself, or points to module and offset.
std::optional<ThreadLocalPlace> read_descriptor(ByteSource& memory, std::uint64_t at) {
    if (auto place = read_offset(memory, at + 8)) return place;
    const auto argument = memory.get<std::uint64_t>(at + 8);
    return argument ? read_module(memory, *argument) : std::nullopt;
}

/// The executable's block is next to the thread pointer: below it on x86-64, above two words on arm64.
std::optional<ThreadLocalPlace> in_executable(const ElfFile& file, const ElfSymbol& symbol) {
    for (const ElfSegment& segment : file.segments()) {
        if (segment.type != PT_TLS || segment.memory_bytes > kLargestBlock) continue;
        const std::uint64_t align = segment.align == 0 ? 1 : segment.align;
        if (align > kLargestBlock || symbol.value >= segment.memory_bytes) return std::nullopt;
        const auto aligned = [align](std::uint64_t bytes) { return (bytes + align - 1) / align * align; };
        const std::uint64_t offset = file.machine() == EM_X86_64
                                         ? symbol.value - aligned(segment.memory_bytes)
                                         : symbol.value + aligned(16);
        return ThreadLocalPlace{SOCKDOG_THREAD_LOCAL_OFFSET, 0, offset};
    }
    return std::nullopt;
}

}  // namespace

std::optional<ThreadLocalPlace> find_thread_local(const ElfFile& file, const ElfSymbol& symbol,
                                                  std::uint64_t bias, bool is_executable,
                                                  ByteSource& memory) {
    if (!symbol.is_thread_local) return std::nullopt;
    if (is_executable) return in_executable(file, symbol);
    for (const ElfRelocation& relocation : file.relocations_of(symbol.dynamic_index)) {
        const std::uint64_t at = bias + relocation.address;
        std::optional<ThreadLocalPlace> place;
        switch (slot_of(file.machine(), relocation.type)) {
            case Slot::kModule:
                place = read_module(memory, at);
                break;
            case Slot::kOffset:
                place = read_offset(memory, at);
                break;
            case Slot::kDescriptor:
                place = read_descriptor(memory, at);
                break;
            case Slot::kOther:
                break;
        }
        if (place) return place;
    }
    return symbol.dynamic_index == 0 ? in_own_module(file, symbol.value, bias, memory) : std::nullopt;
}

std::optional<ThreadLocalPlace> find_thread_local_read_by(const ElfFile& file, const ElfSymbol& function,
                                                          std::uint64_t bias, ByteSource& memory) {
    constexpr std::size_t kLooked = 48;
    constexpr std::size_t kNear = 24;  // from the lea's end to the load: a call, with what pads it
    if (file.machine() != EM_X86_64) return std::nullopt;
    const auto at = file.offset_of(function.value);
    const auto code = at ? file.bytes().get_bytes(*at, kLooked, kLooked) : std::nullopt;
    if (!code) return std::nullopt;
    const auto word = [&](std::size_t index) {
        std::int32_t value = 0;
        std::memcpy(&value, code->data() + index, sizeof value);
        return value;
    };
    const auto is = [&](std::size_t index, std::uint8_t a, std::uint8_t b) {
        return (*code)[index] == 0x48 && (*code)[index + 1] == a && (*code)[index + 2] == b;
    };
    std::size_t lea = 0;
    while (lea + 7 < kLooked && !is(lea, 0x8d, 0x3d)) lea++;  // lea disp32(%rip),%rdi
    if (lea + 7 >= kLooked) return std::nullopt;
    const std::uint64_t slot =
        function.value + lea + 7 + static_cast<std::uint64_t>(std::int64_t{word(lea + 3)});
    const auto slots = file.relocations_without_symbol(R_X86_64_DTPMOD64);
    if (std::ranges::find(slots, slot, &ElfRelocation::address) == slots.end()) return std::nullopt;
    auto place = read_module(memory, bias + slot);
    if (!place) return std::nullopt;
    for (std::size_t i = lea + 7; i + 7 <= std::min(lea + 7 + kNear, kLooked); i++) {
        if (is(i, 0x8b, 0x00)) return place;  // mov (%rax),%rax
        std::int32_t distance = -1;
        if (is(i, 0x8b, 0x40) && (*code)[i + 3] < 0x80) distance = (*code)[i + 3];  // mov disp8(%rax),%rax
        if (is(i, 0x8b, 0x80)) distance = word(i + 3);                              // mov disp32(%rax),%rax
        if (distance < 0) continue;
        place->offset += static_cast<std::uint64_t>(distance);
        return place->offset <= kLargestBlock ? place : std::nullopt;
    }
    return std::nullopt;
}

}  // namespace sockdog
