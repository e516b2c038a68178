// Runs a BPF iterator to its end. Private to the room.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "base/result.h"

struct bpf_link;

namespace sockdog {

/// Creates an iterator of `link` in the calling thread's network namespace and reads it whole. `take` gets
/// the bytes as they come, in pieces; nothing is written by an iterator that only acts. EOPNOTSUPP when the
/// part was not loaded.
Status run_iterator(const bpf_link* link, const std::function<void(std::span<const std::byte>)>& take = {});

/// The same in every network namespace that a process lives in (or that is kept under /run/netns), each
/// entered by a thread of its own. A namespace that cannot be entered is counted in `*unreachable`.
Status run_iterator_everywhere(const bpf_link* link, std::size_t* unreachable);

}  // namespace sockdog
