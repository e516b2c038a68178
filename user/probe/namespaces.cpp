#include "probe/namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <bitset>
#include <charconv>
#include <filesystem>
#include <thread>

#include "base/proc_root.h"
#include "base/text.h"

namespace sockdog {
namespace {

constexpr const char* kOwn = "/proc/self/ns/net";

/// A port number and what follows it; nothing where there is none.
std::optional<std::uint32_t> take_port(std::string_view& text) {
    text = trim(text);
    std::uint32_t port = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || port > 65535) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
    return port;
}

/// /proc/sys/net shows the namespace of the thread that opens it.
std::optional<std::uint32_t> local_ports_here() {
    const ProcRoot proc("/proc");
    const auto range = proc.read_global("sys/net/ipv4/ip_local_port_range");
    const auto reserved = proc.read_global("sys/net/ipv4/ip_local_reserved_ports");
    if (!range) return std::nullopt;
    return count_local_ports(*range, reserved.value_or(""));
}

}  // namespace

std::uint32_t own_network_namespace() {
    struct stat own {};
    return stat(kOwn, &own) == 0 ? static_cast<std::uint32_t>(own.st_ino) : 0;
}

std::map<std::uint32_t, UniqueFd> other_network_namespaces() {
    std::map<std::uint32_t, UniqueFd> found;
    const std::uint32_t own = own_network_namespace();
    const auto add = [&](const std::string& path) {
        struct stat status {};
        if (stat(path.c_str(), &status) != 0) return;
        const auto inode = static_cast<std::uint32_t>(status.st_ino);
        if (inode == own || found.contains(inode)) return;
        UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (fd) found.emplace(inode, std::move(fd));
    };
    for (const std::uint32_t pid : ProcRoot().pids()) add("/proc/" + std::to_string(pid) + "/ns/net");
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/run/netns", ignored))
        add(entry.path().string());
    return found;
}

bool inside_namespace(const UniqueFd& netns, const std::function<void()>& act) {
    bool entered = false;
    // setns() moves only the calling thread; this one ends afterwards.
    std::thread([&] {
        if (setns(netns.get(), CLONE_NEWNET) != 0) return;
        entered = true;
        act();
    }).join();
    return entered;
}

std::optional<std::uint32_t> count_local_ports(std::string_view range, std::string_view reserved) {
    const auto first = take_port(range);
    const auto last = take_port(range);
    if (!first || !last || *first == 0 || *last < *first) return std::nullopt;
    std::bitset<65536> usable;
    for (std::uint32_t port = *first; port <= *last; ++port) usable.set(port);
    // "1,2-4,10-10"
    while (auto from = take_port(reserved)) {
        std::uint32_t to = *from;
        if (reserved.starts_with('-')) {
            reserved.remove_prefix(1);
            to = take_port(reserved).value_or(to);
        }
        for (std::uint32_t port = *from; port <= to; ++port) usable.reset(port);
        if (!reserved.starts_with(',')) break;
        reserved.remove_prefix(1);
    }
    return static_cast<std::uint32_t>(usable.count());
}

std::map<std::uint32_t, std::uint32_t> read_local_ports() {
    std::map<std::uint32_t, std::uint32_t> ports;
    if (const auto own = local_ports_here()) ports[own_network_namespace()] = *own;
    for (const auto& [inode, fd] : other_network_namespaces()) {
        std::optional<std::uint32_t> count;
        if (inside_namespace(fd, [&] { count = local_ports_here(); }) && count) ports[inode] = *count;
    }
    return ports;
}

}  // namespace sockdog
