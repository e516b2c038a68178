// What posix_spawn is told: attributes and file actions, freed together. The child begins with no signal
// blocked or ignored.
#pragma once

#include <spawn.h>

#include <csignal>

namespace sockdog {

struct SpawnPlan {
    posix_spawnattr_t attributes{};
    posix_spawn_file_actions_t actions{};

    SpawnPlan() {
        posix_spawnattr_init(&attributes);
        posix_spawn_file_actions_init(&actions);
    }
    ~SpawnPlan() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;

    /// Once, with what else is wanted of POSIX_SPAWN_*. 0, or an errno value.
    int begin(short flags = 0) {
        sigset_t none;
        sigset_t all;
        sigemptyset(&none);
        sigfillset(&all);
        sigdelset(&all, SIGKILL);
        sigdelset(&all, SIGSTOP);
        const int wanted = flags | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
        int r = posix_spawnattr_setflags(&attributes, static_cast<short>(wanted));
        if (r == 0) r = posix_spawnattr_setsigmask(&attributes, &none);
        if (r == 0) r = posix_spawnattr_setsigdefault(&attributes, &all);
        return r;
    }
};

}  // namespace sockdog
