// A pass over the records of the books, in steps. Private to the room.
#pragma once

#include <functional>

#include "base/result.h"
#include "bpf/sockdog.h"
#include "probe/bpf_object.h"
#include "probe/gauge_table.h"

namespace sockdog {

using VisitTable = MappedArray<sockdog_visit>;

/// Runs `program` (audit or walk) over all records, or those that `wanted` says yes to, SOCKDOG_STEP at a
/// time: the kernel is never kept for longer than such a step takes. `take` gets every visit afterwards. A
/// record that is there from the beginning to the end is visited once; the kernel reads a hash bucket by
/// bucket (BPF_MAP_LOOKUP_BATCH, 5.6). EOPNOTSUPP when the program was not loaded.
Status visit_records(const sockdog_bpf& bpf, const bpf_program* program, const VisitTable& visits,
                     const std::function<bool(const sockdog_record&)>& wanted = {},
                     const std::function<void(const sockdog_visit&)>& take = {});

}  // namespace sockdog
