// Counters of one process added to those of others. Any thread.
#pragma once

#include "probe/types.h"

namespace sockdog {

/// `To` is Gauges, or the kernel's struct: their names are the same in both. Sockets by state are not
/// counters.
template <typename To>
void add_counters(To& to, const Gauges& from) {
    to.opened += from.opened;
    to.accepted += from.accepted;
    to.closed += from.closed;
    to.peer_closed_first += from.peer_closed_first;
    to.reset += from.reset;
    to.connect_refused += from.connect_refused;
    to.connect_timed_out += from.connect_timed_out;
    to.connect_address_unavailable += from.connect_address_unavailable;
    to.connect_failed_other += from.connect_failed_other;
    to.too_many_files += from.too_many_files;
    to.inherited += from.inherited;
}

}  // namespace sockdog
