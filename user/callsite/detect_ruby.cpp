#include <array>
#include <charconv>

#include "callsite/detect_interpreter.h"
#include "callsite/thread_local.h"
#include "callsite/versions.h"

namespace sockdog {
namespace {

/// Since 3.3 the second one is hidden; then the third, which is exported, is a function of one line that
/// reads it.
constexpr std::array<std::string_view, 3> kRubySymbols{"ruby_version", "ruby_current_ec", "rb_errinfo"};
constexpr std::size_t kMostVersionBytes = 32;

/// "3.1.2" to 0x301; 0 for what is no version.
std::uint32_t parse_version(std::string_view text) {
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    const char* const end = text.data() + text.size();
    const auto [dot, error] = std::from_chars(text.data(), end, major);
    if (error != std::errc{} || dot == end || *dot != '.' || major > 255) return 0;
    if (std::from_chars(dot + 1, end, minor).ec != std::errc{} || minor > 255) return 0;
    return version_of(major, minor);
}

}  // namespace

std::optional<Detection> detect_ruby(const LoadedFile& file, const DetectedProcess& process) {
    const auto symbols = file.elf->find(kRubySymbols);
    if (!symbols[0]) return std::nullopt;
    const auto at = file.elf->offset_of(symbols[0]->value);
    const auto text = at ? file.bytes->get_c_string(*at, kMostVersionBytes) : std::nullopt;
    const std::uint32_t version = text ? parse_version(*text) : 0;
    if (version == 0) return std::nullopt;
    Detection detection;
    detection.what = "Ruby " + *text;
    detection.layout.kind = SOCKDOG_RUNTIME_NATIVE;
    const RubyVersion* ruby = find_ruby(version);
    if (!ruby) {
        detection.unknown_because = detection.what + ": the frames of 3.1, 3.2 and 3.3 are known";
        return detection;
    }
    std::optional<ThreadLocalPlace> place;
    if (symbols[1])
        place = find_thread_local(*file.elf, *symbols[1], file.bias, file.is_executable, process.memory);
    if (!place && symbols[2] && !file.is_executable)
        place = find_thread_local_read_by(*file.elf, *symbols[2], file.bias, process.memory);
    if (!place) {
        detection.unknown_because = detection.what + ": its symbols do not say where a thread's frames are";
        return detection;
    }
    detection.layout.kind = SOCKDOG_RUNTIME_RUBY;
    detection.layout.version = version;
    detection.layout.thread_local_kind = place->kind;
    detection.layout.thread_local_module = place->module;
    detection.layout.thread_local_offset = place->offset;
    detection.layout.ruby = ruby->walk;
    return detection;
}

}  // namespace sockdog
