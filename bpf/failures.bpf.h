/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Failures that no socket tells of: EMFILE and ENFILE from socket() and accept() (syscall tracepoints, which tax every
 * system call of the host and are therefore attached only where asked for), and the end of a process. */
#ifndef SOCKDOG_FAILURES_BPF_H
#define SOCKDOG_FAILURES_BPF_H

#include "gauge.bpf.h"

#define ENFILE_ 23
#define EMFILE_ 24

static __always_inline int syscall_failed(long ret)
{
	struct sockdog_gauge *gauge;
	__u32 slot;

	if (ret != -EMFILE_ && ret != -ENFILE_)
		return 0;
	slot = slot_of_current();
	gauge = gauge_of(slot);
	if (gauge && count(gauge->too_many_files) == 0)
		notice(SOCKDOG_EVENT_TOO_MANY_FILES, slot, gauge, (__u32)-ret, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* The last thread of a process that has gauges. Its files are closed just after this tracepoint (do_exit: exit_files
 * follows), so the agent looks on its next turn. */
static __always_inline int process_exit_of(struct task_struct *task)
{
	struct sockdog_process process = {};
	struct sockdog_gauge *gauge;
	__u32 *slot;

	if (task->signal->live.counter != 0)
		return 0;
	process.start_boottime_ns = task->group_leader->start_boottime;
	process.tgid = task->tgid;
	slot = bpf_map_lookup_elem(&slots, &process);
	if (!slot)
		return 0;
	gauge = gauge_of(*slot);
	if (gauge)
		notice(SOCKDOG_EVENT_PROCESS_EXIT, *slot, gauge, 0, BPF_RB_NO_WAKEUP);
	return 0;
}

#endif
