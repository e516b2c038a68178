#include "probe/call_convert.h"

#include <cstring>

#include "probe/convert.h"
#include "probe/gauge_table.h"

namespace sockdog {
namespace {

constexpr std::size_t kWithoutCopy = offsetof(sockdog_stack, copy);

}  // namespace

std::optional<CallStack> call_stack_from(const void* data, std::size_t size) {
    if (size < kWithoutCopy || size > sizeof(sockdog_stack)) return std::nullopt;
    const auto& raw = *static_cast<const sockdog_stack*>(data);  // of which `size` bytes are there
    if (raw.id == 0 || raw.frames_count > SOCKDOG_FRAMES || raw.native_count > SOCKDOG_FRAMES ||
        raw.copy_bytes > size - kWithoutCopy)
        return std::nullopt;
    CallStack stack;
    stack.id = raw.id;
    stack.at = mono_from(raw.at_ns);
    stack.process = process_from(raw.tgid, raw.start_boottime_ns);
    stack.thread = raw.thread;
    stack.kind = static_cast<RuntimeKind>(raw.kind <= SOCKDOG_RUNTIME_PYTHON ? raw.kind : 0);
    stack.version = raw.version;
    stack.walk_end =
        raw.walk_end <= SOCKDOG_WALK_NONE ? static_cast<WalkEnd>(raw.walk_end) : WalkEnd::kNotItself;
    stack.accepted = raw.accepted != 0;
    stack.frames.assign(raw.frames, raw.frames + raw.frames_count);
    stack.native.assign(raw.native, raw.native + raw.native_count);
    stack.registers = raw.registers;
    stack.copy.assign(raw.copy, raw.copy + raw.copy_bytes);
    return stack;
}

std::optional<FollowEvent> follow_event_from(const void* data, std::size_t size) {
    if (size < sizeof(sockdog_follow)) return std::nullopt;
    sockdog_follow raw{};
    std::memcpy(&raw, data, sizeof raw);
    if (raw.kind < SOCKDOG_FOLLOW_FORK || raw.kind > SOCKDOG_FOLLOW_EXIT) return std::nullopt;
    return FollowEvent{.kind = static_cast<FollowEvent::Kind>(raw.kind),
                       .at = mono_from(raw.at_ns),
                       .process = process_from(raw.tgid, raw.start_boottime_ns),
                       .parent_pid = raw.parent_tgid,
                       .wait_status = static_cast<int>(raw.exit_code),
                       .comm = comm_from(raw.comm)};
}

}  // namespace sockdog
