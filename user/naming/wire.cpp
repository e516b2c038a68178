#include "naming/wire.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sockdog::naming {
namespace {

using nlohmann::json;

// 128 frames of three such strings are 96 KiB.
constexpr std::size_t kMostText = 256;
constexpr std::size_t kMostStackFrames = SOCKDOG_FRAMES;

json process_json(ProcessId process) {
    return json::array({process.pid, process.start_ticks});
}

ProcessId process_from(const json& value) {
    ProcessId process;
    process.pid = value.at(0).get<std::uint32_t>();
    process.start_ticks = value.at(1).get<std::uint64_t>();
    return process;
}

json stack_json(const CallStack& stack) {
    json frames = json::array();
    for (const sockdog_frame& frame : stack.frames) frames.push_back(json::array({frame.code, frame.pc}));
    const sockdog_registers& r = stack.registers;
    return {{"id", stack.id},
            {"process", process_json(stack.process)},
            {"thread", stack.thread},
            {"kind", static_cast<int>(stack.kind)},
            {"version", stack.version},
            {"walk_end", static_cast<int>(stack.walk_end)},
            {"accepted", stack.accepted},
            {"frames", std::move(frames)},
            {"native", stack.native},
            {"registers", json::array({r.ip, r.sp, r.bp, r.callee_saved[0], r.callee_saved[1],
                                       r.callee_saved[2], r.callee_saved[3], r.callee_saved[4]})},
            {"copy", json::binary(stack.copy)}};
}

/// A number of an enumeration whose last one is `last`.
template <typename Enum>
Enum enum_from(const json& value, Enum last) {
    const int number = value.get<int>();
    if (number < 0 || number > static_cast<int>(last))
        throw json::other_error::create(599, "out of range", nullptr);
    return static_cast<Enum>(number);
}

CallStack stack_from(const json& value) {
    CallStack stack;
    stack.id = value.at("id").get<std::uint64_t>();
    stack.process = process_from(value.at("process"));
    stack.thread = value.at("thread").get<std::uint32_t>();
    stack.kind = enum_from(value.at("kind"), RuntimeKind::kPython);
    stack.version = value.at("version").get<std::uint32_t>();
    stack.walk_end = enum_from(value.at("walk_end"), WalkEnd::kNone);
    stack.accepted = value.at("accepted").get<bool>();
    for (const json& frame : value.at("frames")) {
        if (stack.frames.size() == kMostStackFrames) break;
        stack.frames.push_back({frame.at(0).get<std::uint64_t>(), frame.at(1).get<std::uint64_t>()});
    }
    stack.native = value.at("native").get<std::vector<std::uint64_t>>();
    stack.native.resize(std::min(stack.native.size(), kMostStackFrames));
    const json& r = value.at("registers");
    stack.registers.ip = r.at(0).get<std::uint64_t>();
    stack.registers.sp = r.at(1).get<std::uint64_t>();
    stack.registers.bp = r.at(2).get<std::uint64_t>();
    for (std::size_t i = 0; i < std::size(stack.registers.callee_saved); i++)
        stack.registers.callee_saved[i] = r.at(3 + i).get<std::uint64_t>();
    stack.copy = value.at("copy").get_binary();
    return stack;
}

std::string cut(const std::string& text) {
    return text.substr(0, kMostText);
}

std::string text_from(const json& value) {
    return cut(value.get_ref<const std::string&>());
}

CallSite site_from(const json& value) {
    CallSite site;
    site.id = value.at("id").get<std::uint64_t>();
    site.process = process_from(value.at("process"));
    site.kind = enum_from(value.at("kind"), RuntimeKind::kPython);
    site.accepted = value.at("accepted").get<bool>();
    site.unknown_because = text_from(value.at("unknown_because"));
    for (const json& frame : value.at("frames")) {
        if (site.frames.size() == kMostFrames) break;
        site.frames.push_back({.function = text_from(frame.at(0)),
                               .file = text_from(frame.at(1)),
                               .line = frame.at(2).get<std::uint32_t>(),
                               .module = text_from(frame.at(3)),
                               .address = frame.at(4).get<std::uint64_t>(),
                               .origin = enum_from(frame.at(5), FrameOrigin::kRuntime)});
    }
    if (const json& index = value.at("application"); !index.is_null()) {
        const auto at = index.get<std::size_t>();
        if (at < site.frames.size()) site.application = at;
    }
    return site;
}

template <typename T, typename From>
Result<T> decode(std::span<const std::uint8_t> bytes, From from) {
    if (bytes.size() > kMostBytes) return make_error("a message that is too long", EMSGSIZE);
    try {
        return from(json::from_cbor(bytes.begin(), bytes.end()));
    } catch (const json::exception& mistake) {
        return make_error(std::string("a message that cannot be: ") + mistake.what(), EBADMSG);
    }
}

}  // namespace

std::vector<std::uint8_t> encode(const Request& request) {
    if (const auto* ended = std::get_if<ProcessEnded>(&request))
        return json::to_cbor(json{{"ended", process_json(ended->process)}});
    return json::to_cbor(stack_json(std::get<CallStack>(request)));
}

Result<Request> decode_request(std::span<const std::uint8_t> bytes) {
    return decode<Request>(bytes, [](const json& value) -> Request {
        if (value.contains("ended")) return ProcessEnded{process_from(value.at("ended"))};
        return stack_from(value);
    });
}

std::vector<std::uint8_t> encode(const CallSite& site) {
    json frames = json::array();
    for (const CallFrame& frame : site.frames) {
        if (frames.size() == kMostFrames) break;
        frames.push_back(json::array({cut(frame.function), cut(frame.file), frame.line, cut(frame.module),
                                      frame.address, static_cast<int>(frame.origin)}));
    }
    const bool has_line = site.application && *site.application < frames.size();
    json value = {{"id", site.id},
                  {"process", process_json(site.process)},
                  {"kind", static_cast<int>(site.kind)},
                  {"accepted", site.accepted},
                  {"unknown_because", cut(site.unknown_because)},
                  {"application", nullptr},
                  {"frames", std::move(frames)}};
    if (has_line) value["application"] = *site.application;
    return json::to_cbor(value);
}

Result<CallSite> decode_site(std::span<const std::uint8_t> bytes) {
    return decode<CallSite>(bytes, site_from);
}

}  // namespace sockdog::naming
