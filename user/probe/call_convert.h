// What the kernel side writes about call sites into the words of user space, nothing of it believed before it
// was checked. Private to the room. Pure.
#pragma once

#include <cstddef>
#include <optional>

#include "probe/call_stack.h"

namespace sockdog {

/// Of an entry of the ring "stacks", `size` bytes long: a stack without its copy, or with the part of the
/// copy that was made. Nothing where counts do not fit the size, or the id is 0.
std::optional<CallStack> call_stack_from(const void* data, std::size_t size);

/// Of an entry of the ring "follows". Nothing where it is too short or of no kind that is known.
std::optional<FollowEvent> follow_event_from(const void* data, std::size_t size);

}  // namespace sockdog
