/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Processes and their gauges: slots are given on first sight and taken back by the agent when the process has ended and
 * its last socket is gone. */
#ifndef SOCKDOG_GAUGE_BPF_H
#define SOCKDOG_GAUGE_BPF_H

#include "maps.bpf.h"

static __always_inline struct sockdog_gauge *gauge_of(__u32 slot)
{
	return bpf_map_lookup_elem(&gauges, &slot);
}

static __always_inline __u32 take_slot(void)
{
	__u32 slot = SOCKDOG_SLOT_NOBODY;

	if (bpf_map_pop_elem(&free_slots, &slot) == 0)
		return slot;
	if (next_slot >= max_slots)
		return SOCKDOG_SLOT_NOBODY;
	slot = __sync_fetch_and_add(&next_slot, 1);
	return slot < max_slots ? slot : SOCKDOG_SLOT_NOBODY;
}

/* A new process: its gauges name it before the slot can be found, so that no reader meets nameless gauges. */
static __noinline __u32 new_slot(struct task_struct *leader)
{
	struct sockdog_process process = {};
	__u32 slot, *found;
	struct sockdog_gauge *gauge;

	if (!leader)
		return SOCKDOG_SLOT_NOBODY;
	process.start_boottime_ns = BPF_CORE_READ(leader, start_boottime);
	process.tgid = BPF_CORE_READ(leader, tgid);
	slot = take_slot();
	gauge = gauge_of(slot);
	if (slot == SOCKDOG_SLOT_NOBODY || !gauge) {
		count(losses.gauge_full);
		return SOCKDOG_SLOT_NOBODY;
	}
	gauge->start_boottime_ns = process.start_boottime_ns;
	bpf_probe_read_kernel_str(gauge->comm, sizeof(gauge->comm), leader->comm);
	gauge->tgid = (__u32)process.tgid;
	if (bpf_map_update_elem(&slots, &process, &slot, BPF_NOEXIST) == 0)
		return slot;

	/* Another CPU was faster, or the table is full. */
	gauge->tgid = 0;
	bpf_map_push_elem(&free_slots, &slot, 0);
	found = bpf_map_lookup_elem(&slots, &process);
	if (found)
		return *found;
	count(losses.gauge_full);
	return SOCKDOG_SLOT_NOBODY;
}

static __always_inline __u32 slot_of(struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;
	struct sockdog_process process = {};
	__u32 *found;

	process.start_boottime_ns = leader->start_boottime;
	process.tgid = task->tgid;
	found = bpf_map_lookup_elem(&slots, &process);
	return found ? *found : new_slot(leader);
}

/* Kernel threads and workqueue workers run on behalf of somebody they do not name. */
static __always_inline __u32 slot_of_current(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (task->flags & (PF_KTHREAD | PF_WQ_WORKER))
		return SOCKDOG_SLOT_NOBODY;
	return slot_of(task);
}

/* `wake`: BPF_RB_FORCE_WAKEUP for what cannot wait, BPF_RB_NO_WAKEUP for what the agent's next turn may find. */
static __always_inline void notice(__u32 kind, __u32 slot, const struct sockdog_gauge *gauge, __u32 value, __u64 wake)
{
	struct sockdog_notice *entry = bpf_ringbuf_reserve(&notices, sizeof(*entry), 0);

	if (!entry) {
		count(losses.notice_dropped);
		return;
	}
	entry->at_ns = bpf_ktime_get_ns();
	entry->start_boottime_ns = gauge->start_boottime_ns;
	entry->tgid = gauge->tgid;
	entry->kind = kind;
	entry->value = value;
	entry->slot = slot;
	__builtin_memcpy(entry->comm, gauge->comm, sizeof(entry->comm));
	bpf_ringbuf_submit(entry, wake);
}

#endif
