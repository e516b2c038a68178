#include "cli/doctor.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/text.h"
#include "cli/table.h"
#include "cli/words.h"

namespace sockdog {
namespace {

constexpr std::size_t kCheckWidth = 12;

std::uint64_t soft_limit(int resource) {
    rlimit limit{};
    if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return 0;
    return limit.rlim_cur == RLIM_INFINITY ? std::numeric_limits<std::uint64_t>::max() : limit.rlim_cur;
}

std::uint64_t effective_capabilities(const ProcRoot& proc) {
    const auto status = proc.read(static_cast<std::uint32_t>(::getpid()), "status");
    if (!status) return 0;
    for (const std::string& line : split(*status, '\n')) {
        if (!line.starts_with("CapEff:")) continue;
        const std::string_view text = trim(std::string_view(line).substr(7));
        std::uint64_t value = 0;
        std::from_chars(text.data(), text.data() + text.size(), value, 16);
        return value;
    }
    return 0;
}

std::string limit_text(std::uint64_t limit, bool bytes) {
    if (limit == std::numeric_limits<std::uint64_t>::max()) return "unlimited";
    return bytes ? format_bytes(limit) : std::to_string(limit);
}

std::string privileges_text(const HostFacts& host) {
    std::string missing;
    for (const PrivilegeView& privilege : privileges(host)) {
        if (!privilege.held) missing += (missing.empty() ? "" : ", ") + privilege.name;
    }
    const std::string who = host.euid == 0 ? "root" : "uid " + std::to_string(host.euid);
    return missing.empty() ? who + ", all capabilities that are used" : who + ", without " + missing;
}

std::string books_text(const BooksPlace& books) {
    if (books.pinned == KeepBooks::kNever) return "not pinned: books.pinned is never";
    if (!books.problem.empty()) return "not pinned: " + printable(books.problem);
    return "pinned at " + printable(books.directory) + (books.in_use ? ", by a sockdogd that runs" : "");
}

std::string line(std::string label, const std::string& text) {
    label.resize(kCheckWidth, ' ');
    return label + text + "\n";
}

std::string verdict(const DoctorReport& report, const Style& style) {
    if (!report.failure.empty()) {
        return paint(style, Tone::kBad,
                     "Could not try what this kernel offers: " + printable(report.failure)) +
               "\n";
    }
    if (!report.healthy()) {
        return paint(style, Tone::kBad, "sockdogd cannot work here: something that it requires is missing.") +
               "\n";
    }
    const auto missing = std::count_if(report.capabilities.begin(), report.capabilities.end(),
                                       [](const Capability& c) { return !c.available; });
    if (missing == 0) return paint(style, Tone::kGood, "Everything is there.") + "\n";
    return paint(style, Tone::kWarning,
                 "All that is required is there; " +
                     count_of(static_cast<std::uint64_t>(missing), "optional part") +
                     (missing == 1 ? " is" : " are") + " missing.") +
           "\n";
}

}  // namespace

std::vector<PrivilegeView> privileges(const HostFacts& host) {
    const auto has = [&host](unsigned bit) { return (host.capabilities >> bit & 1U) != 0; };
    return {{"CAP_BPF", has(CAP_BPF)},
            {"CAP_PERFMON", has(CAP_PERFMON)},
            {"CAP_SYS_PTRACE", has(CAP_SYS_PTRACE)},
            {"CAP_SYS_ADMIN", has(CAP_SYS_ADMIN)}};
}

HostFacts read_host_facts(const ProcRoot& proc, const std::string& btf) {
    HostFacts host;
    utsname names{};
    if (::uname(&names) == 0) {
        host.kernel = static_cast<const char*>(names.release);
        host.machine = static_cast<const char*>(names.machine);
    }
    host.btf = ::access(btf.c_str(), R_OK) == 0;
    host.euid = ::geteuid();
    host.capabilities = effective_capabilities(proc);
    host.fd_limit = soft_limit(RLIMIT_NOFILE);
    host.memlock_bytes = soft_limit(RLIMIT_MEMLOCK);
    return host;
}

bool DoctorReport::healthy() const {
    return failure.empty() && !capabilities.empty() &&
           std::all_of(capabilities.begin(), capabilities.end(),
                       [](const Capability& c) { return c.available || !c.required; });
}

std::string render_doctor(const DoctorReport& report, const Style& style) {
    const HostFacts& host = report.host;
    std::string out = line(
        "kernel:", printable(host.kernel) + " " + printable(host.machine) + " (5.15 or later is needed)");
    out += line("BTF:", host.btf ? "present" : "MISSING: the kernel needs CONFIG_DEBUG_INFO_BTF=y");
    out += line("privileges:", privileges_text(host));
    out += line("limits:", limit_text(host.fd_limit, false) + " fds, " +
                               limit_text(host.memlock_bytes, true) + " locked memory");
    out += line("books:", books_text(report.books)) + "\n";
    if (!report.capabilities.empty()) {
        Table table({Column{"PART", Align::kLeft, 0, 0, false}, Column{"HOOK", Align::kLeft, 4, 0, false},
                     Column{"REQUIRED", Align::kLeft, 3, 0, false},
                     Column{"AVAILABLE", Align::kLeft, 0, 0, false},
                     Column{"WITHOUT IT", Align::kLeft, 1, 20, false},
                     Column{"THE KERNEL SAYS", Align::kLeft, 2, 20, true}});
        for (const Capability& c : report.capabilities) {
            const Tone tone = c.available ? Tone::kGood : c.required ? Tone::kBad : Tone::kWarning;
            table.add({c.name, c.hook, c.required ? "required" : "optional",
                       Cell{c.available ? "yes" : "NO", tone}, c.without, c.detail});
        }
        out += table.render(style) + "\n";
    }
    return out + verdict(report, style);
}

}  // namespace sockdog
