/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Since Linux 7.0 programs on tracepoints can be preempted (a46023d5616e, "tracing: Guard __DECLARE_TRACE() use of
 * __DO_TRACE_CALL() with SRCU-fast"). Whoever runs then on this CPU and fires the same tracepoint finds the program busy, and
 * its event is skipped by the guard against recursion; and a reader may meet a record that has moved while its gauges have
 * not, for as long as the preempted task does not get to run. bpf_preempt_disable() (6.10) brings back what older kernels
 * did by themselves, but for the few instructions around a program: a task that is preempted there keeps its CPU's events out
 * until it runs again. For these there is a second program on each tracepoint, see sockdog.bpf.c. */
#ifndef SOCKDOG_PREEMPT_BPF_H
#define SOCKDOG_PREEMPT_BPF_H

#include "maps.bpf.h"

extern void bpf_preempt_disable(void) __weak __ksym;
extern void bpf_preempt_enable(void) __weak __ksym;

/* The constant, not the address of the function, is asked: relocation of the latter came with libbpf 1.2. */
static __always_inline void disable_preemption(void)
{
	if (can_disable_preemption)
		bpf_preempt_disable();
}

static __always_inline void enable_preemption(void)
{
	if (can_disable_preemption)
		bpf_preempt_enable();
}

#endif
