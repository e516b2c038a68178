// Ruby and CPython in a loaded file: which version, and how the kernel side walks its frames.
#pragma once

#include "callsite/detect.h"
#include "callsite/loaded_file.h"

namespace sockdog {

/// What is read of the process itself.
struct DetectedProcess {
    ByteSource& memory;
    /// Of the C library: where in struct pthread the first level of thread-specific data is, counted from the
    /// thread's own pthread_self().
    std::uint64_t pthread_specific = 0;
    /// From the thread pointer to pthread_self(): 0 on x86-64, sizeof(struct pthread) on arm64.
    std::uint64_t pthread_bytes = 0;
};

/// Nothing where the file is not Ruby. A version or a build that is not known: unknown_because.
std::optional<Detection> detect_ruby(const LoadedFile& file, const DetectedProcess& process);
/// The same for CPython.
std::optional<Detection> detect_python(const LoadedFile& file, const DetectedProcess& process);

}  // namespace sockdog
