// Kernel structs into the words of user space. Private to the room. Pure.
#pragma once

#include "base/process_id.h"
#include "bpf/sockdog.h"
#include "probe/types.h"

namespace sockdog {

/// `jiffies_per_second`: HZ of the running kernel, 0 where unknown (idle times are then 0).
SocketRecord socket_from(const sockdog_socket& raw, ProcessId owner, std::uint32_t jiffies_per_second);
Shortage shortage_from(const sockdog_shortage_key& key, const sockdog_shortage& value);
KernelEvent event_from(const sockdog_notice& raw);
TraceEvent trace_from(const sockdog_trace& raw);
LeftSocket leftover_from(const sockdog_leftover& raw, ProcessId owner, std::uint32_t jiffies_per_second);

MonoTime mono_from(std::uint64_t ns);
ProcessId process_from(std::uint32_t tgid, std::uint64_t start_boottime_ns);

/// HZ from two readings of the kernel's clocks, snapped to what kernels are built with (100, 250, 300, 1000).
/// 0 when they are less than 50 ms apart: one jiffy more or less would decide.
std::uint32_t jiffies_per_second(const sockdog_clock& first, const sockdog_clock& second);

}  // namespace sockdog
