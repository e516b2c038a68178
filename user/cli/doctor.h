// `sockdog doctor`: what this host offers to sockdogd, and what does not work without what is missing.
// Reading the facts is bounded to a few files; rendering is pure. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/proc_root.h"
#include "cli/local.h"
#include "cli/style.h"
#include "probe/types.h"

namespace sockdog {

struct HostFacts {
    std::string kernel;   // release, as "6.1.0-28-amd64"
    std::string machine;  // "x86_64"
    bool btf = false;     // /sys/kernel/btf/vmlinux can be read
    std::uint32_t euid = 0;
    std::uint64_t capabilities = 0;   // effective, of this process
    std::uint64_t fd_limit = 0;       // RLIMIT_NOFILE soft
    std::uint64_t memlock_bytes = 0;  // RLIMIT_MEMLOCK soft; matters before Linux 5.11 only
};
struct PrivilegeView {
    std::string name;
    bool held = false;
};
/// Those that the daemon uses: BPF and PERFMON load the programs; SYS_PTRACE reads the fds and links of other
/// users' processes; SYS_ADMIN enters network namespaces.
std::vector<PrivilegeView> privileges(const HostFacts& host);
HostFacts read_host_facts(const ProcRoot& proc, const std::string& btf = "/sys/kernel/btf/vmlinux");

struct DoctorReport {
    HostFacts host;
    std::vector<Capability> capabilities;
    BooksPlace books;
    std::string failure;  // why the capabilities could not be tried, else empty
    /// Everything that sockdogd does not start without is there.
    [[nodiscard]] bool healthy() const;
};

std::string render_doctor(const DoctorReport& report, const Style& style);
nlohmann::json doctor_json(const DoctorReport& report);

}  // namespace sockdog
