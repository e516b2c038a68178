#include "cli/losses.h"

namespace sockdog {

std::vector<LossCause> loss_causes(const LossCounters& l) {
    return {{l.record_refused, "sockets not booked: the books were full (books.max_sockets)", false},
            {l.gauge_full, "processes not booked: the table was full (books.max_processes)", false},
            {l.event_dropped, "kernel events dropped (books.event_buffer_bytes)", false},
            {l.trace_dropped, "trace events dropped (books.trace_buffer_bytes)", false},
            {l.cas_exhausted, "transitions lost to contention", false},
            {l.recursion_missed, "program runs skipped by the kernel, looked for and repaired", true},
            {l.state_repaired, "socket states repaired", true},
            {l.phantom_removed, "records of vanished sockets removed", true},
            {l.drift_corrected, "gauge counts corrected", true}};
}

}  // namespace sockdog
