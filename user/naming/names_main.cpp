// sockdog-names: names call stacks for sockdogd and `sockdog run`, which start it, ask over standard input,
// and end it when it takes too long. See naming/wire.h and naming/name_helper.h.
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <utility>

#include "base/confine.h"
#include "callsite/resolver.h"
#include "naming/wire.h"

namespace {

using namespace sockdog;

/// Of root's powers what reading another process takes: its memory, and the way to its files.
constexpr std::uint32_t kKept = 1U << CAP_SYS_PTRACE | 1U << CAP_DAC_READ_SEARCH;

Status keep_only(std::uint32_t kept) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> sets{};
    if (::syscall(SYS_capget, &header, sets.data()) != 0) return Error::from_errno("look at capabilities");
    sets[0].effective = sets[0].permitted = sets[0].permitted & kept;
    sets[1] = {};
    sets[0].inheritable = 0;
    if (::syscall(SYS_capset, &header, sets.data()) != 0) return Error::from_errno("give up capabilities");
    return Ok{};
}

Status confine() {
    constexpr std::array<std::pair<__rlimit_resource_t, rlim_t>, 4> kLimits = {{
        {RLIMIT_CORE, 0},  // somebody else's memory would be in it
        {RLIMIT_FSIZE, 0},
        {RLIMIT_NOFILE, 1024},      // the files of 16 processes
        {RLIMIT_AS, 4096UL << 20},  // files are mapped, and debug information of browsers is 2 GiB
    }};
    if (auto limited = limit_resources(kLimits); !limited) return limited;
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return Error::from_errno("end with sockdogd");
    if (auto forgone = forgo_privileges(); !forgone) return forgone;
    // Where memory is short, this is what can go.
    std::ofstream("/proc/self/oom_score_adj") << 1000;
    return keep_only(kKept);
}

/// Until who started it closes its end.
int serve() {
    CallSiteResolver resolver(ResolverOptions{.max_call_sites = 1});  // who asks remembers them
    std::vector<std::uint8_t> buffer(naming::kMostBytes + 1);
    for (;;) {
        const ssize_t got = ::recv(STDIN_FILENO, buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got == 0 ? 0 : 1;
        auto request = naming::decode_request({buffer.data(), static_cast<std::size_t>(got)});
        if (!request) {
            std::fprintf(stderr, "sockdog-names: %s\n", request.error().message.c_str());
            continue;
        }
        if (const auto* ended = std::get_if<naming::ProcessEnded>(&*request)) {
            resolver.process_ended(ended->process);
            continue;
        }
        const auto answer = naming::encode(resolver.resolve(std::get<CallStack>(*request)));
        if (::send(STDIN_FILENO, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return 1;
    }
}

}  // namespace

int main() try {
    if (const auto confined = confine(); !confined) {
        std::fprintf(stderr, "sockdog-names: %s\n", confined.error().message.c_str());
        return 1;
    }
    return serve();
} catch (const std::exception& failure) {
    std::fprintf(stderr, "sockdog-names: %s\n", failure.what());  // no memory: another one is started
    return 1;
}
