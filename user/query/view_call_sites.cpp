// JSON of call sites.
#include <array>

#include "incident/json_fields.h"
#include "query/views.h"

namespace sockdog {
namespace {

using json_fields::member;
using json_fields::read;
using nlohmann::json;

constexpr std::array kKinds{std::pair{RuntimeKind::kUnknown, "unknown"},
                            std::pair{RuntimeKind::kNative, "native"}, std::pair{RuntimeKind::kRuby, "ruby"},
                            std::pair{RuntimeKind::kPython, "python"}};
constexpr std::array kOrigins{FrameOrigin::kUnknown, FrameOrigin::kApplication, FrameOrigin::kLibrary,
                              FrameOrigin::kRuntime};

json frame_json(const CallFrame& frame) {
    return {{"function", json_safe(frame.function)},
            {"file", json_safe(frame.file)},
            {"line", frame.line},
            {"module", json_safe(frame.module)},
            {"origin", to_string(frame.origin)}};
}

CallFrame frame_from(const json& j) {
    CallFrame frame;
    std::string origin;
    read(j, "function", frame.function);
    read(j, "file", frame.file);
    read(j, "line", frame.line);
    read(j, "module", frame.module);
    read(j, "origin", origin);
    for (const FrameOrigin known : kOrigins)
        if (to_string(known) == origin) frame.origin = known;
    return frame;
}

}  // namespace

void to_json(json& j, const CallSiteView& v) {
    json frames = json::array();
    for (const CallFrame& frame : v.site.frames) frames.push_back(frame_json(frame));
    json application = nullptr;
    if (v.site.application_frame() != nullptr) application = *v.site.application;
    std::string_view kind = kKinds.front().second;
    for (const auto& [known, name] : kKinds)
        if (known == v.site.kind) kind = name;
    j = {{"sockets", v.sockets},
         {"close_wait", v.close_wait},
         {"runtime", kind},
         {"accepted", v.site.accepted},
         {"frames", std::move(frames)},
         {"application", std::move(application)},
         {"unknown_because", json_safe(v.site.unknown_because)}};
}

void from_json(const json& j, CallSiteView& v) {
    v = {};
    std::string kind;
    read(j, "sockets", v.sockets);
    read(j, "close_wait", v.close_wait);
    read(j, "runtime", kind);
    for (const auto& [known, name] : kKinds)
        if (name == kind) v.site.kind = known;
    read(j, "accepted", v.site.accepted);
    if (const auto* frames = member(j, "frames"); frames != nullptr && frames->is_array())
        for (const json& frame : *frames) v.site.frames.push_back(frame_from(frame));
    if (const auto* at = member(j, "application"); at != nullptr && at->is_number_unsigned())
        v.site.application = at->get<std::size_t>();
    read(j, "unknown_because", v.site.unknown_because);
}

}  // namespace sockdog
