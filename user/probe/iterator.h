// Runs a BPF iterator to its end. Private to the room.
#pragma once

#include <cstddef>

#include "base/result.h"

struct bpf_link;

namespace sockdog {

/// Creates an iterator of `link` in the calling thread's network namespace and reads it to its end. It only
/// acts, it writes nothing. EOPNOTSUPP when the part was not loaded.
Status run_iterator(const bpf_link* link);

/// The same in every network namespace that a process lives in (or that is kept under /run/netns), each
/// entered by a thread of its own. A namespace that cannot be entered is counted in `*unreachable`.
Status run_iterator_everywhere(const bpf_link* link, std::size_t* unreachable);

}  // namespace sockdog
