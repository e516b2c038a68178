// One load of what BPF programs write at the same time: never torn, never read twice. Any thread.
#pragma once

namespace sockdog {

template <typename T>
T read_once(const T& value) {
    return __atomic_load_n(&value, __ATOMIC_RELAXED);
}

}  // namespace sockdog
