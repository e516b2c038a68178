// Giving up every privilege, for good, before a byte of the network is read. One thread, at the start.
#pragma once

#include "base/result.h"

namespace sockdog::monit {

/// As root: becomes nobody, without groups and capabilities. As anybody: no new privileges, nobody may trace
/// it, no core file, no new process, bounded memory and CPU time. An error: nothing may be done.
Status give_up_privileges();

}  // namespace sockdog::monit
