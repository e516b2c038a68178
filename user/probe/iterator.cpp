#include "probe/iterator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>

#include "base/unique_fd.h"
#include "probe/namespaces.h"

namespace sockdog {

Status run_iterator(const bpf_link* link) {
    if (link == nullptr) return make_error("this part of the kernel side is not loaded", EOPNOTSUPP);
    const UniqueFd iterator(bpf_iter_create(bpf_link__fd(link)));
    if (!iterator) return Error::from_errno("create a BPF iterator");
    std::array<std::byte, 4096> buffer;
    for (;;) {
        const ssize_t length = read(iterator.get(), buffer.data(), buffer.size());
        if (length == 0) return Ok{};
        // EAGAIN: the kernel paused after many elements without output (bpf_seq_read), the next read goes on.
        if (length < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (length < 0) return Error::from_errno("read a BPF iterator");
    }
}

Status run_iterator_everywhere(const bpf_link* link, std::size_t* unreachable) {
    *unreachable = 0;
    auto status = run_iterator(link);
    if (!status) return status;
    for (const auto& [inode, fd] : other_network_namespaces()) {
        bool done = false;
        const bool entered = inside_namespace(fd, [&] { done = run_iterator(link).ok(); });
        if (!entered || !done) ++*unreachable;
    }
    return Ok{};
}

}  // namespace sockdog
