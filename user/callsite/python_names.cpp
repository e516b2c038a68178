#include "callsite/python_names.h"

#include <utility>

namespace sockdog {
namespace {

constexpr std::uint64_t kMostCharacters = 4096;
constexpr std::size_t kMostLineTableBytes = 1U << 20;
constexpr std::uint64_t kMostCodeBytes = 16U << 20;

// The same in 3.11, 3.12 and 3.13.
constexpr std::uint64_t kObjectType = 8;
constexpr std::uint64_t kObjectSize = 16;
constexpr std::uint64_t kBytesContent = 32;
constexpr std::uint64_t kTypeName = 24;
constexpr std::uint64_t kTextLength = 16;
constexpr std::uint64_t kTextState = 32;
constexpr std::uint64_t kCodeFile = 112;
constexpr std::uint64_t kCodeQualifiedName = 128;
constexpr std::uint64_t kCodeLines = 136;

void append_utf8(std::string& text, std::uint32_t point) {
    if (point >= 0x110000 || (point >= 0xd800 && point < 0xe000)) point = 0xfffd;
    const auto put = [&text](std::uint32_t byte) { text += static_cast<char>(byte); };
    if (point < 0x80) return put(point);
    if (point < 0x800) {
        put(0xc0 | point >> 6);
    } else if (point < 0x10000) {
        put(0xe0 | point >> 12);
        put(0x80 | (point >> 6 & 0x3f));
    } else {
        put(0xf0 | point >> 18);
        put(0x80 | (point >> 12 & 0x3f));
        put(0x80 | (point >> 6 & 0x3f));
    }
    put(0x80 | (point & 0x3f));
}

/// Characters of 1, 2 or 4 bytes each.
std::string decode(std::string_view bytes, std::size_t width) {
    std::string text;
    for (std::size_t at = 0; at + width <= bytes.size(); at += width) {
        std::uint32_t point = 0;
        std::memcpy(&point, bytes.data() + at, width);
        append_utf8(text, point);
    }
    return text;
}

bool is_of_type(ByteSource& memory, std::uint64_t object, std::string_view name) {
    if (object == 0 || object % 8 != 0) return false;
    const auto type = memory.get<std::uint64_t>(object + kObjectType);
    const auto text = type ? memory.get<std::uint64_t>(*type + kTypeName) : std::nullopt;
    return text && memory.get_c_string(*text, 16) == name;
}

/// Reads of a location table: never past its end.
class TableReader {
  public:
    explicit TableReader(std::span<const std::uint8_t> table) : rest_(table) {}
    [[nodiscard]] bool is_at_end() const { return rest_.empty(); }
    std::optional<std::uint8_t> take() {
        if (rest_.empty()) return std::nullopt;
        const std::uint8_t byte = rest_.front();
        rest_ = rest_.subspan(1);
        return byte;
    }
    /// Six bits a byte, low ones first, bit 6: more follow; the lowest bit of the number is its sign.
    std::optional<std::int64_t> take_signed() {
        std::uint64_t number = 0;
        for (unsigned shift = 0; shift < 36; shift += 6) {
            const auto byte = take();
            if (!byte) return std::nullopt;
            number |= static_cast<std::uint64_t>(*byte & 0x3f) << shift;
            if ((*byte & 0x40) == 0)
                return number & 1 ? -static_cast<std::int64_t>(number >> 1)
                                  : static_cast<std::int64_t>(number >> 1);
        }
        return std::nullopt;
    }
    /// To the next entry: only the first byte of each has bit 7.
    void skip_entry() {
        while (!rest_.empty() && (rest_.front() & 0x80) == 0) rest_ = rest_.subspan(1);
    }

  private:
    std::span<const std::uint8_t> rest_;
};

constexpr unsigned kOneLine = 10;  // codes 10, 11, 12: so many lines on
constexpr unsigned kWithoutColumns = 13;
constexpr unsigned kLong = 14;
constexpr unsigned kNoLine = 15;

std::optional<std::int64_t> take_line_delta(TableReader& reader, unsigned code) {
    if (code == kWithoutColumns || code == kLong) return reader.take_signed();
    if (code >= kOneLine && code < kWithoutColumns) return code - kOneLine;
    return 0;
}

std::optional<std::uint32_t> read_line(ByteSource& memory, const PythonVersion& python,
                                       const sockdog_frame& frame) {
    const auto first = memory.get<std::int32_t>(frame.code + python.first_line);
    const auto lines = memory.get<std::uint64_t>(frame.code + kCodeLines);
    if (!first || *first < 0 || !lines || !is_of_type(memory, *lines, "bytes")) return std::nullopt;
    const auto size = memory.get<std::uint64_t>(*lines + kObjectSize);
    const auto table =
        size ? memory.get_bytes(*lines + kBytesContent, *size, kMostLineTableBytes) : std::nullopt;
    const std::uint64_t code = frame.code + python.code_bytes;
    if (!table || frame.pc < code || frame.pc - code > kMostCodeBytes) return std::nullopt;
    return find_python_line(*table, static_cast<std::uint32_t>(*first), (frame.pc - code) / 2);
}

}  // namespace

std::optional<std::uint32_t> find_python_line(std::span<const std::uint8_t> table, std::uint32_t first_line,
                                              std::uint64_t unit) {
    TableReader reader(table);
    std::int64_t line = first_line;
    std::uint64_t at = 0;
    while (!reader.is_at_end()) {
        const std::uint8_t head = *reader.take();
        if ((head & 0x80) == 0) return std::nullopt;
        const unsigned code = head >> 3 & 15;
        const auto delta = take_line_delta(reader, code);
        if (!delta) return std::nullopt;
        line += *delta;
        at += (head & 7U) + 1U;
        if (unit < at) {
            if (code == kNoLine || line <= 0 || line > INT32_MAX) return std::nullopt;
            return static_cast<std::uint32_t>(line);
        }
        reader.skip_entry();
    }
    return std::nullopt;
}

std::optional<std::string> read_python_text(ByteSource& memory, const PythonVersion& python,
                                            std::uint64_t address) {
    if (!is_of_type(memory, address, "str")) return std::nullopt;
    const auto length = memory.get<std::uint64_t>(address + kTextLength);
    const auto state = memory.get<std::uint32_t>(address + kTextState);
    if (!length || !state || *length > kMostCharacters) return std::nullopt;
    // interned:2, kind:3, compact:1, ascii:1, from the lowest bit up.
    const std::uint32_t width = *state >> 2 & 7;
    const bool is_compact = (*state >> 5 & 1) != 0;
    const bool is_ascii = (*state >> 6 & 1) != 0;
    if (!is_compact || (width != 1 && width != 2 && width != 4) || (is_ascii && width != 1))
        return std::nullopt;
    const std::uint64_t content = address + (is_ascii ? python.text_ascii : python.text_other);
    const auto bytes = memory.get_text(content, *length * width, 4 * kMostCharacters);
    if (!bytes) return std::nullopt;
    return decode(*bytes, width);
}

std::optional<CallFrame> name_python_frame(ByteSource& memory, const PythonVersion& python,
                                           const sockdog_frame& frame) {
    if (!is_of_type(memory, frame.code, "code")) return std::nullopt;
    CallFrame named;
    const auto function = memory.get<std::uint64_t>(frame.code + kCodeQualifiedName);
    const auto file = memory.get<std::uint64_t>(frame.code + kCodeFile);
    if (function) named.function = read_python_text(memory, python, *function).value_or("");
    if (file) named.file = read_python_text(memory, python, *file).value_or("");
    if (named.function.empty() && named.file.empty()) return std::nullopt;
    named.line = read_line(memory, python, frame).value_or(0);
    return named;
}

}  // namespace sockdog
