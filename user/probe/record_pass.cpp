#include "probe/record_pass.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstdint>
#include <vector>

namespace sockdog {

Status visit_records(const sockdog_bpf& bpf, const bpf_program* program, const VisitTable& visits,
                     const std::function<bool(const sockdog_record&)>& wanted,
                     const std::function<void(const sockdog_visit&)>& take) {
    const int fd = bpf_program__fd(program);
    if (fd < 0) return make_error("this part of the kernel side is not loaded", EOPNOTSUPP);
    const int records = bpf_map__fd(bpf.maps.records);
    std::vector<std::uint64_t> keys(SOCKDOG_STEP);
    std::vector<sockdog_record> values(SOCKDOG_STEP);
    std::uint32_t position = 0;  // a bucket
    bool first = true;
    for (bool more = true; more;) {
        std::uint32_t count = SOCKDOG_STEP;
        std::uint32_t next = 0;
        LIBBPF_OPTS(bpf_map_batch_opts, batch);
        const int error = bpf_map_lookup_batch(records, first ? nullptr : &position, &next, keys.data(),
                                               values.data(), &count, &batch);
        if (error != 0 && errno != ENOENT) return Error::from_errno("read the records");
        more = error == 0;
        first = false;
        position = next;
        std::uint32_t used = 0;
        for (std::uint32_t i = 0; i < count; i++) {
            if (wanted && !wanted(values[i])) continue;
            visits[used].key = keys[i];
            visits[used].found = 0;
            used++;
        }
        if (used == 0) continue;
        bpf.bss->sweep.visits = used;
        LIBBPF_OPTS(bpf_test_run_opts, run);
        if (bpf_prog_test_run_opts(fd, &run) != 0) return Error::from_errno("look at the records");
        for (std::uint32_t i = 0; take && i < used; i++) take(visits[i]);
    }
    return Ok{};
}

}  // namespace sockdog
