/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Maps of the call sites, and who is watched. Sizes marked (config) are set by user space before loading; `records` is
 * that of the books, by its fd. */
#ifndef SOCKDOG_CALLSITE_MAPS_BPF_H
#define SOCKDOG_CALLSITE_MAPS_BPF_H

#include "callsite.h"
#include "records.bpf.h"

#define NS_PER_TICK 10000000u

/* Watched processes by tgid. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096); /* config */
	__type(key, __u32);
	__type(value, struct sockdog_runtime);
} runtimes SEC(".maps");

/* Call sites that user space was told of, and how often they came since. The coldest are forgotten. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u64);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22); /* config */
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18); /* config */
} follows SEC(".maps");

/* Too large for a program's own stack. One a CPU does not mean one user: 5.15 lets programs nest, and where a tracepoint
 * may be preempted another task comes here before the first is done. */
struct scratch {
	__u32 busy;
	__u32 padding;
	struct sockdog_stack stack;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct sockdog_callsite_losses losses = {};

static __always_inline struct scratch *take_scratch(void)
{
	__u32 only = 0;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &only);

	if (!scratch)
		return NULL;
	if (__sync_val_compare_and_swap(&scratch->busy, 0, 1) == 0)
		return scratch;
	count(losses.scratch_busy);
	return NULL;
}

static __always_inline void return_scratch(struct scratch *scratch)
{
	__sync_lock_test_and_set(&scratch->busy, 0);
}

static __always_inline __u64 start_ticks_of(struct task_struct *task)
{
	return task->group_leader->start_boottime / NS_PER_TICK;
}

/* Of a task whose process is watched, else nothing: a pid that was given to another process since is not. */
static __always_inline struct sockdog_runtime *runtime_of(struct task_struct *task)
{
	__u32 tgid = task->tgid;
	struct sockdog_runtime *runtime = bpf_map_lookup_elem(&runtimes, &tgid);

	return runtime && runtime->start_ticks == start_ticks_of(task) ? runtime : NULL;
}

#endif
