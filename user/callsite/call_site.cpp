#include "callsite/call_site.h"

#include "base/text.h"

namespace sockdog {
namespace {

std::string text_of(const CallFrame& frame, std::string_view file) {
    if (!file.empty()) {
        std::string text(file);
        if (frame.line > 0) text += ":" + std::to_string(frame.line);
        return frame.function.empty() ? text : text + " " + frame.function;
    }
    std::string text = frame.function.empty() ? "0x" + hex_of(frame.address) : frame.function;
    if (!frame.module.empty()) text += " (" + std::string(base_name(frame.module)) + ")";
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
    return text_of(frame, base_name(frame.file));
}

std::string to_long_string(const CallFrame& frame) {
    return text_of(frame, frame.file);
}

const CallFrame* CallSite::application_frame() const {
    return application && *application < frames.size() ? &frames[*application] : nullptr;
}

}  // namespace sockdog
