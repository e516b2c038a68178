// What every helper process gives up. Any thread, but for the whole process.
#pragma once

#include <sys/prctl.h>
#include <sys/resource.h>

#include <span>
#include <utility>

#include "base/result.h"

namespace sockdog {

/// No ambient capability, and none to be had by running a program.
inline Status forgo_privileges() {
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
        return Error::from_errno("give up ambient capabilities");
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error::from_errno("forgo new privileges");
    return Ok{};
}

/// Soft and hard ones.
inline Status limit_resources(std::span<const std::pair<__rlimit_resource_t, rlim_t>> limits) {
    for (const auto& [resource, most] : limits) {
        const rlimit limit{most, most};
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        if (resource == RLIMIT_AS) continue;  // the sanitizers map terabytes
#endif
        if (::setrlimit(resource, &limit) != 0) return Error::from_errno("set a limit");
    }
    return Ok{};
}

}  // namespace sockdog
