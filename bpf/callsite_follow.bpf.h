/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Births, changes and ends of watched processes that are followed. The table is kept here, so that it is right before user
 * space hears of it:
 *
 *   fork | the child gets the parent's entry with its own start time
 *   exec | start time and flags stay, the rest is of the program before; told also where nobody follows
 *   exit | the entry goes
 */
#ifndef SOCKDOG_CALLSITE_FOLLOW_BPF_H
#define SOCKDOG_CALLSITE_FOLLOW_BPF_H

#include "callsite_maps.bpf.h"

#define SIGNAL_GROUP_EXIT_ 4

static __always_inline void tell_follow(struct task_struct *task, __u32 kind, __u32 parent, __u32 exit_code)
{
	struct sockdog_follow *entry = bpf_ringbuf_reserve(&follows, sizeof(*entry), 0);

	if (!entry) {
		count(losses.follow_dropped);
		return;
	}
	entry->at_ns = bpf_ktime_get_ns();
	entry->start_boottime_ns = task->group_leader->start_boottime;
	entry->tgid = task->tgid;
	entry->parent_tgid = parent;
	entry->kind = kind;
	entry->exit_code = exit_code;
	bpf_probe_read_kernel_str(entry->comm, sizeof(entry->comm), task->group_leader->comm);
	bpf_ringbuf_submit(entry, BPF_RB_FORCE_WAKEUP);
}

static __always_inline int forked(struct task_struct *parent, struct task_struct *child)
{
	struct sockdog_runtime *runtime, inherited;
	__u32 tgid = child->tgid;

	if (child->tgid == parent->tgid)
		return 0; /* a thread */
	runtime = runtime_of(parent);
	if (!runtime || !(runtime->flags & SOCKDOG_RUNTIME_FOLLOW))
		return 0;
	inherited = *runtime;
	inherited.start_ticks = start_ticks_of(child);
	if (bpf_map_update_elem(&runtimes, &tgid, &inherited, BPF_ANY))
		count(losses.runtime_refused);
	tell_follow(child, SOCKDOG_FOLLOW_FORK, parent->tgid, 0);
	return 0;
}

static __always_inline int executed(struct task_struct *task)
{
	struct sockdog_runtime *runtime = runtime_of(task), unknown = {};
	__u32 tgid = task->tgid;

	if (!runtime)
		return 0;
	unknown.start_ticks = runtime->start_ticks;
	unknown.flags = runtime->flags;
	bpf_map_update_elem(&runtimes, &tgid, &unknown, BPF_EXIST);
	tell_follow(task, SOCKDOG_FOLLOW_EXEC, 0, 0);
	return 0;
}

/* As wait4() puts it together: what ended the group, else what its leader said. */
static __always_inline __u32 wait_status_of(const struct task_struct *task)
{
	const struct signal_struct *signal = task->signal;

	return signal->flags & SIGNAL_GROUP_EXIT_ ? signal->group_exit_code : task->group_leader->exit_code;
}

/* The last thread. Two that end at once may both be the last: who removes the entry tells. */
static __always_inline int exited(struct task_struct *task)
{
	struct sockdog_runtime *runtime;
	__u32 tgid = task->tgid, flags;

	if (task->signal->live.counter != 0)
		return 0;
	runtime = runtime_of(task);
	if (!runtime)
		return 0;
	flags = runtime->flags;
	if (flags & SOCKDOG_RUNTIME_FOLLOW && bpf_map_delete_elem(&runtimes, &tgid) == 0)
		tell_follow(task, SOCKDOG_FOLLOW_EXIT, 0, wait_status_of(task));
	return 0;
}

#endif
