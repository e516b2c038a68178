#include "probe/iterator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <map>
#include <thread>

#include "base/proc_root.h"
#include "base/unique_fd.h"

namespace sockdog {
namespace {

/// One open fd for each namespace but our own, by inode number.
std::map<ino_t, UniqueFd> other_namespaces() {
    std::map<ino_t, UniqueFd> found;
    struct stat own {};
    if (stat("/proc/self/ns/net", &own) != 0) return found;
    const auto add = [&](const std::string& path) {
        struct stat status {};
        if (stat(path.c_str(), &status) != 0 || status.st_ino == own.st_ino || found.contains(status.st_ino))
            return;
        UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (fd) found.emplace(status.st_ino, std::move(fd));
    };
    for (const std::uint32_t pid : ProcRoot().pids()) add("/proc/" + std::to_string(pid) + "/ns/net");
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/run/netns", ignored))
        add(entry.path().string());
    return found;
}

}  // namespace

Status run_iterator(const bpf_link* link, const std::function<void(std::span<const std::byte>)>& take) {
    if (link == nullptr) return make_error("this part of the kernel side is not loaded", EOPNOTSUPP);
    const UniqueFd iterator(bpf_iter_create(bpf_link__fd(link)));
    if (!iterator) return Error::from_errno("create a BPF iterator");
    std::array<std::byte, 65536> buffer;
    for (;;) {
        const ssize_t length = read(iterator.get(), buffer.data(), buffer.size());
        if (length == 0) return Ok{};
        // EAGAIN: the kernel paused after many elements without output (bpf_seq_read), the next read goes on.
        if (length < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (length < 0) return Error::from_errno("read a BPF iterator");
        if (take) take({buffer.data(), static_cast<std::size_t>(length)});
    }
}

Status run_iterator_everywhere(const bpf_link* link, std::size_t* unreachable) {
    *unreachable = 0;
    auto status = run_iterator(link);
    if (!status) return status;
    for (const auto& [inode, fd] : other_namespaces()) {
        bool entered = false;
        // setns() moves only the calling thread; this one ends afterwards.
        std::thread([&, target = fd.get()] {
            if (setns(target, CLONE_NEWNET) != 0) return;
            entered = run_iterator(link).ok();
        }).join();
        if (!entered) ++*unreachable;
    }
    return Ok{};
}

}  // namespace sockdog
