#include "callsite/go_lines.h"

#include <array>
#include <cstddef>
#include <string_view>

namespace sockdog {
namespace {

constexpr std::uint32_t kMagic118 = 0xfffffff0;
constexpr std::uint32_t kMagic120 = 0xfffffff1;
constexpr std::uint64_t kMostFunctions = 8U << 20;
constexpr std::size_t kMostFunctionNameBytes = 1024;
constexpr std::size_t kMostPathBytes = 4096;
constexpr std::uint64_t kMostPcTableBytes =
    64U << 10;  // of one function's lines; the longest of kubelet's is 20 KiB

/// runtime.pcHeader of 64-bit programs.
struct Header {
    std::uint32_t magic;
    std::uint16_t zero;
    std::uint8_t quantum;
    std::uint8_t pointer_bytes;
    std::uint64_t functions;
    std::uint64_t files;
    std::uint64_t text;
    std::uint64_t names_at, units_at, files_at, values_at, functions_at;
};
static_assert(sizeof(Header) == 72);

/// runtime.functab
struct Entry {
    std::uint32_t code;   // from text
    std::uint32_t about;  // from the table itself
};

/// The beginning of runtime._func.
struct About {
    std::uint32_t code;
    std::int32_t name;
    std::uint32_t args, deferreturn, stack;
    std::uint32_t file, line;  // tables of values
    std::uint32_t others;
    std::uint32_t unit;
};
static_assert(sizeof(About) == 36);

/// A stream of numbers of seven bits a byte, the last of which has no high bit.
class Varints {
  public:
    Varints(ByteSource& bytes, std::uint64_t at) : bytes_(bytes), at_(at), end_(at + kMostPcTableBytes) {}
    std::optional<std::uint32_t> next() {
        std::uint32_t value = 0;
        for (unsigned shift = 0; shift < 32; shift += 7) {
            const auto byte = next_byte();
            if (!byte) return std::nullopt;
            value |= static_cast<std::uint32_t>(*byte & 0x7f) << shift;
            if ((*byte & 0x80) == 0) return value;
        }
        return std::nullopt;
    }

  private:
    std::optional<std::uint8_t> next_byte() {
        if (used_ == have_) {
            if (at_ >= end_) return std::nullopt;
            // In smaller pieces where the file ends.
            have_ = piece_.size();
            while (have_ > 0 && !bytes_.read(at_, piece_.data(), have_)) have_ /= 2;
            used_ = 0;
            at_ += have_;
            if (have_ == 0) return std::nullopt;
        }
        return piece_[used_++];
    }

    ByteSource& bytes_;
    std::uint64_t at_;
    std::uint64_t end_;
    std::array<std::uint8_t, 256> piece_{};
    std::size_t used_ = 0;
    std::size_t have_ = 0;
};

std::optional<ElfSection> table_of(const ElfFile& file) {
    auto section = file.section(".gopclntab");
    return section ? section : file.section(".data.rel.ro.gopclntab");
}

}  // namespace

bool has_go_lines(const ElfFile& file) {
    return table_of(file).has_value();
}

std::optional<GoLines> GoLines::parse(const ElfFile& file) {
    const auto section = table_of(file);
    if (!section) return std::nullopt;
    const auto header = file.bytes().get<Header>(section->offset);
    if (!header || (header->magic != kMagic118 && header->magic != kMagic120)) return std::nullopt;
    if (header->zero != 0 || header->pointer_bytes != 8 || header->quantum == 0 || header->quantum > 4 ||
        header->functions == 0 || header->functions > kMostFunctions)
        return std::nullopt;
    for (const std::uint64_t at :
         {header->names_at, header->units_at, header->files_at, header->values_at, header->functions_at})
        if (at < sizeof(Header) || at >= section->bytes) return std::nullopt;
    GoLines lines(file.bytes());
    lines.start_ = section->offset;
    lines.names_ = lines.start_ + header->names_at;
    lines.units_ = lines.start_ + header->units_at;
    lines.files_ = lines.start_ + header->files_at;
    lines.values_ = lines.start_ + header->values_at;
    lines.functions_ = lines.start_ + header->functions_at;
    lines.count_ = header->functions;
    lines.quantum_ = header->quantum;
    lines.text_ = header->text;
    if (lines.text_ != 0) return lines;
    // The loader fills it in (position-independent programs), or nobody does (Go 1.26). Where Go itself
    // linked the program it is the beginning of the code, which shows in what the kernel jumps to.
    const auto code = file.section(".text");
    lines.text_ = code ? code->address : 0;
    const auto first = lines.function_at(file.entry());
    if (first && first->entry == file.entry() && lines.name_of(*first).starts_with("_rt0_")) return lines;
    const auto symbol = file.find("runtime.text");
    if (!symbol) return std::nullopt;
    lines.text_ = symbol->value;
    return lines;
}

std::optional<GoLines::Function> GoLines::function_at(std::uint64_t address) const {
    if (address < text_ || address - text_ > UINT32_MAX) return std::nullopt;
    const std::uint64_t code = address - text_;
    const auto entry = [&](std::uint64_t number) {
        return bytes_->get<Entry>(functions_ + number * sizeof(Entry));
    };
    // The last one has only the end of the code.
    const auto end = bytes_->get<std::uint32_t>(functions_ + count_ * sizeof(Entry));
    const auto begin = entry(0);
    if (!end || !begin || code >= *end || code < begin->code) return std::nullopt;
    std::uint64_t low = 0;
    std::uint64_t high = count_;
    while (high - low > 1) {
        const std::uint64_t middle = low + (high - low) / 2;
        const auto there = entry(middle);
        if (!there) return std::nullopt;
        (there->code <= code ? low : high) = middle;
    }
    const auto found = entry(low);
    if (!found || found->code > code) return std::nullopt;
    const Function function{.entry = text_ + found->code, .at = functions_ + found->about};
    // What the function says of itself has to agree.
    const auto about = bytes_->get<About>(function.at);
    if (!about || about->code != found->code) return std::nullopt;
    return function;
}

std::string GoLines::name_of(const Function& function) const {
    const auto about = bytes_->get<About>(function.at);
    if (!about || about->name < 0) return {};
    return bytes_->get_c_string(names_ + static_cast<std::uint32_t>(about->name), kMostFunctionNameBytes)
        .value_or("");
}

/// Pairs of steps: what to add to the value, and how far in the code it holds.
std::optional<std::int64_t> GoLines::value_at(const Function& function, std::uint32_t table,
                                              std::uint64_t address) const {
    Varints steps(*bytes_, values_ + table);
    std::int64_t value = -1;
    std::uint64_t code = function.entry;
    for (bool first = true; code <= address; first = false) {
        const auto step = steps.next();
        if (!step || (*step == 0 && !first)) return std::nullopt;
        const auto far = steps.next();
        if (!far) return std::nullopt;
        const auto half = static_cast<std::int64_t>(*step >> 1);
        value += (*step & 1) != 0 ? -half - 1 : half;
        code += std::uint64_t{*far} * quantum_;
    }
    return value;
}

std::string GoLines::file_of(const Function& function, std::int64_t number) const {
    const auto about = bytes_->get<About>(function.at);
    if (!about || number < 0 || number > UINT32_MAX || about->unit == UINT32_MAX) return {};
    const std::uint64_t index = about->unit + static_cast<std::uint64_t>(number);
    const auto at = bytes_->get<std::uint32_t>(units_ + index * sizeof(std::uint32_t));
    if (!at || *at == UINT32_MAX) return {};
    return bytes_->get_c_string(files_ + *at, kMostPathBytes).value_or("");
}

std::optional<CallFrame> GoLines::find(std::uint64_t address) const {
    const auto function = function_at(address);
    if (!function) return std::nullopt;
    const auto about = bytes_->get<About>(function->at);
    CallFrame frame;
    frame.function = name_of(*function);
    if (!about || frame.function.empty()) return std::nullopt;
    if (const auto number = value_at(*function, about->file, address))
        frame.file = file_of(*function, *number);
    const auto line = value_at(*function, about->line, address);
    if (line && *line > 0 && *line <= INT32_MAX && !frame.file.empty())
        frame.line = static_cast<std::uint32_t>(*line);
    return frame;
}

}  // namespace sockdog
