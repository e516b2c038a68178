#include "callsite/ruby_names.h"

#include <array>
#include <bit>

namespace sockdog {
namespace {

constexpr std::uint64_t kMostStringBytes = 4096;
constexpr std::uint64_t kMostInstructionWords = 1U << 24;

// Flags of every object, the same in 3.1, 3.2 and 3.3.
constexpr std::uint64_t kTypeBits = 0x1f;
constexpr std::uint64_t kString = 5;
constexpr std::uint64_t kArray = 7;
constexpr std::uint64_t kInternal = 0x1a;  // T_IMEMO; an iseq is of kind 7 in the bits above
constexpr std::uint64_t kInternalIseq = 7;
constexpr std::uint64_t kStringElsewhere = 1U << 13;  // RSTRING_NOEMBED
constexpr std::uint64_t kArrayEmbedded = 1U << 13;    // RARRAY_EMBED_FLAG
constexpr unsigned kFlagsAbove = 12;                  // FL_USHIFT
constexpr unsigned kStringLengthAt = 14;              // of an embedded string of 3.1, five bits

constexpr std::uint64_t kContent = 16;  // behind flags and class
constexpr std::uint64_t kIseqBody = 16;
constexpr std::uint64_t kBodyInstructions = 8;
constexpr std::uint64_t kBodySizeWords = 4;
constexpr std::uint64_t kBodyLocation = 64;
constexpr std::uint64_t kLocationPath = 0;
constexpr std::uint64_t kLocationLabel = 16;
constexpr std::uint64_t kLinesCount = 16;  // behind insns_info.body and .positions
constexpr std::uint64_t kLinesIndex = 24;
constexpr std::uint64_t kLineEntryBytes = 12;  // line, node id, events

// The succinct bit vector: 6 words of 9 small counts for the first 54 positions, then blocks of 512 bits.
constexpr std::uint64_t kImmediate = 54;
constexpr std::uint64_t kImmediateInWord = 9;
constexpr std::uint64_t kImmediateBits = 7;
constexpr std::uint64_t kImmediateBytes = 48;
constexpr std::uint64_t kBlockBits = 512;
constexpr std::uint64_t kSmallBlockBits = 64;
constexpr std::uint64_t kRankBits = 9;

struct SuccinctBlock {
    std::uint32_t rank;
    std::uint32_t padding;
    std::uint64_t small_ranks;
    std::array<std::uint64_t, kBlockBits / kSmallBlockBits> bits;
};
static_assert(sizeof(SuccinctBlock) == 80);

std::optional<std::uint64_t> flags_of(ByteSource& memory, std::uint64_t object) {
    if (object == 0 || object % 8 != 0) return std::nullopt;  // nil, a number or a symbol
    return memory.get<std::uint64_t>(object);
}

struct Paths {
    std::string path;       // as it was given
    std::string real_path;  // absolute; may be empty
};

/// A string, or an array of the path and the real path.
std::optional<Paths> read_paths(ByteSource& memory, const RubyVersion& ruby, std::uint64_t object) {
    const auto flags = flags_of(memory, object);
    if (!flags) return std::nullopt;
    if ((*flags & kTypeBits) == kString) return Paths{read_ruby_text(memory, ruby, object).value_or(""), ""};
    if ((*flags & kTypeBits) != kArray) return std::nullopt;
    std::uint64_t items = object + kContent;
    if ((*flags & kArrayEmbedded) == 0) {
        const auto elsewhere = memory.get<std::uint64_t>(object + kContent + 16);
        if (!elsewhere) return std::nullopt;
        items = *elsewhere;
    }
    const auto both = memory.get<std::array<std::uint64_t, 2>>(items);
    if (!both) return std::nullopt;
    return Paths{read_ruby_text(memory, ruby, (*both)[0]).value_or(""),
                 read_ruby_text(memory, ruby, (*both)[1]).value_or("")};
}

std::optional<std::uint32_t> read_line(ByteSource& memory, const RubyVersion& ruby, std::uint64_t body,
                                       std::uint64_t pc) {
    const auto size = memory.get<std::uint32_t>(body + kBodySizeWords);
    const auto instructions = memory.get<std::uint64_t>(body + kBodyInstructions);
    if (!size || !instructions || *size > kMostInstructionWords || pc < *instructions) return std::nullopt;
    std::uint64_t position = (pc - *instructions) / 8;
    if (position > *size) return std::nullopt;
    if (position > 0) position--;  // the pc is of the instruction that comes next
    const std::uint64_t lines = body + ruby.body_lines;
    const auto entries = memory.get<std::uint64_t>(lines);
    const auto count = memory.get<std::uint32_t>(lines + kLinesCount);
    const auto index = memory.get<std::uint64_t>(lines + kLinesIndex);
    if (!entries || !count || !index || *count == 0) return std::nullopt;
    const auto entry =
        *count == 1 ? std::optional<std::uint32_t>(1) : find_ruby_entry(memory, *index, position);
    if (!entry || *entry == 0 || *entry > *count) return std::nullopt;
    const auto line = memory.get<std::int32_t>(*entries + (*entry - 1) * kLineEntryBytes);
    if (!line || *line <= 0) return std::nullopt;
    return static_cast<std::uint32_t>(*line);
}

}  // namespace

std::optional<std::uint32_t> find_ruby_entry(ByteSource& memory, std::uint64_t index,
                                             std::uint64_t position) {
    if (index == 0 || position > kMostInstructionWords) return std::nullopt;
    if (position < kImmediate) {
        const auto word = memory.get<std::uint64_t>(index + 8 * (position / kImmediateInWord));
        if (!word) return std::nullopt;
        const std::uint64_t shift = kImmediateBits * (position % kImmediateInWord);
        return static_cast<std::uint32_t>(*word >> shift & ((1U << kImmediateBits) - 1));
    }
    const std::uint64_t bit = position - kImmediate;
    const auto block =
        memory.get<SuccinctBlock>(index + kImmediateBytes + bit / kBlockBits * sizeof(SuccinctBlock));
    if (!block) return std::nullopt;
    const std::uint64_t small = bit % kBlockBits / kSmallBlockBits;
    std::uint64_t rank = block->rank;
    if (small > 0) rank += block->small_ranks >> (small - 1) * kRankBits & ((1U << kRankBits) - 1);
    const std::uint64_t up_to_here = block->bits[small] << (kSmallBlockBits - 1 - bit % kSmallBlockBits);
    rank += static_cast<std::uint64_t>(std::popcount(up_to_here));
    return static_cast<std::uint32_t>(rank);
}

std::optional<std::string> read_ruby_text(ByteSource& memory, const RubyVersion& ruby,
                                          std::uint64_t address) {
    const auto flags = flags_of(memory, address);
    if (!flags || (*flags & kTypeBits) != kString) return std::nullopt;
    const bool is_elsewhere = (*flags & kStringElsewhere) != 0;
    if (!is_elsewhere && !ruby.strings_hold_their_length)
        return memory.get_text(address + kContent, *flags >> kStringLengthAt & 0x1f, kMostStringBytes);
    const auto length = memory.get<std::uint64_t>(address + kContent);
    if (!length) return std::nullopt;
    std::uint64_t content = address + kContent + 8;
    if (is_elsewhere) {
        const auto pointer = memory.get<std::uint64_t>(content);
        if (!pointer) return std::nullopt;
        content = *pointer;
    }
    return memory.get_text(content, *length, kMostStringBytes);
}

std::optional<CallFrame> name_ruby_frame(ByteSource& memory, const RubyVersion& ruby,
                                         const sockdog_frame& frame) {
    const auto flags = flags_of(memory, frame.code);
    if (!flags || (*flags & kTypeBits) != kInternal || (*flags >> kFlagsAbove & 0xf) != kInternalIseq)
        return std::nullopt;
    const auto body = memory.get<std::uint64_t>(frame.code + kIseqBody);
    if (!body || *body == 0 || *body % 8 != 0) return std::nullopt;
    const auto path = memory.get<std::uint64_t>(*body + kBodyLocation + kLocationPath);
    const auto label = memory.get<std::uint64_t>(*body + kBodyLocation + kLocationLabel);
    if (!path || !label) return std::nullopt;
    auto paths = read_paths(memory, ruby, *path);
    CallFrame named;
    named.function = read_ruby_text(memory, ruby, *label).value_or("");
    if (paths)
        named.file = paths->path.starts_with('/') || paths->real_path.empty() ? std::move(paths->path)
                                                                              : std::move(paths->real_path);
    if (named.function.empty() && named.file.empty()) return std::nullopt;
    named.line = read_line(memory, ruby, *body, frame.pc).value_or(0);
    return named;
}

}  // namespace sockdog
