#include "callsite/call_site.h"

#include <array>
#include <charconv>

namespace sockdog {
namespace {

std::string_view last_component(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string hex(std::uint64_t value) {
    std::array<char, 16> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
    return "0x" + std::string(digits.data(), end);
}

std::string text_of(const CallFrame& frame, std::string_view file) {
    if (!file.empty()) {
        std::string text(file);
        if (frame.line > 0) text += ":" + std::to_string(frame.line);
        return frame.function.empty() ? text : text + " " + frame.function;
    }
    std::string text = frame.function.empty() ? hex(frame.address) : frame.function;
    if (!frame.module.empty()) text += " (" + std::string(last_component(frame.module)) + ")";
    return text;
}

}  // namespace

std::string_view to_string(FrameOrigin origin) {
    switch (origin) {
        case FrameOrigin::kUnknown:
            return "unknown";
        case FrameOrigin::kApplication:
            return "application";
        case FrameOrigin::kLibrary:
            return "library";
        case FrameOrigin::kRuntime:
            return "runtime";
    }
    return "unknown";
}

std::string to_string(const CallFrame& frame) {
    return text_of(frame, last_component(frame.file));
}

std::string to_long_string(const CallFrame& frame) {
    return text_of(frame, frame.file);
}

const CallFrame* CallSite::application_frame() const {
    return application && *application < frames.size() ? &frames[*application] : nullptr;
}

}  // namespace sockdog
