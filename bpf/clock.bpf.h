/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The time to within a jiffy (at most 10 ms late, never early), for ages of sockets. The real clock costs 40 ns where the
 * TSC is read through a hypervisor; it is read once in a jiffy and CPU. bpf_ktime_get_coarse_ns() is not for tracing
 * programs. A softirq between the two stores leaves a later time under an older jiffy: right all the same. */
#ifndef SOCKDOG_CLOCK_BPF_H
#define SOCKDOG_CLOCK_BPF_H

#include "sockdog.h"

#define RECENT_CPUS 1024 /* a power of two; more CPUs share, and may then be a jiffy off */

struct recent {
	__u64 jiffies;
	__u64 ns;
} __attribute__((aligned(64)));

static struct recent recents[RECENT_CPUS];

static __always_inline __u64 recent_ns(void)
{
	volatile struct recent *recent = &recents[bpf_get_smp_processor_id() & (RECENT_CPUS - 1)];
	__u64 jiffies = bpf_jiffies64();

	if (recent->jiffies != jiffies) {
		recent->ns = bpf_ktime_get_ns();
		recent->jiffies = jiffies;
	}
	return recent->ns;
}

#endif
