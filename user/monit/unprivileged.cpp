#include "monit/unprivileged.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/confine.h"

namespace sockdog::monit {
namespace {

// The kernel's overflow ids: "nobody" on every distribution, and never the owner of anything. By number, so
// that no user database is asked.
constexpr uid_t kNobody = 65534;

Status become_nobody() {
    // Groups first: afterwards there is no right to. From root to another uid the kernel clears all
    // capability sets.
    if (::setgroups(0, nullptr) != 0) return Error::from_errno("give up groups");
    if (::setresgid(kNobody, kNobody, kNobody) != 0) return Error::from_errno("become nobody's group");
    if (::setresuid(kNobody, kNobody, kNobody) != 0) return Error::from_errno("become nobody");
    if (::setuid(0) == 0 || ::geteuid() == 0) return make_error("root could be had again", EPERM);
    return Ok{};
}

constexpr std::array<std::pair<__rlimit_resource_t, rlim_t>, 5> kLimits = {{
    {RLIMIT_CORE, 0},          // a password would be in it
    {RLIMIT_FSIZE, 0},         // it writes to a pipe only
    {RLIMIT_NOFILE, 32},       // a socket, and what libcurl needs to wait for it
    {RLIMIT_CPU, 10},          // reading 2 MiB of XML takes 0.02 s
    {RLIMIT_AS, 512UL << 20},  // address space: 60 MiB of libraries, and twice the answer
}};

}  // namespace

Status give_up_privileges() {
    if (::geteuid() == 0 || ::getuid() == 0) {
        if (auto dropped = become_nobody(); !dropped) return dropped;
    }
    if (auto forgone = forgo_privileges(); !forgone) return forgone;
    // Other processes of nobody must not read the password out of this one.
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return Error::from_errno("forbid tracing");
    return limit_resources(kLimits);
}

}  // namespace sockdog::monit
