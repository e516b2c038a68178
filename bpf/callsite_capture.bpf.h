/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a socket that a watched process just opened to the call site in its record; user space is told of a call site that
 * is new. What only user space needs is gathered for new ones alone.
 *
 *   frames of an interpreter | stack is copied | identity from        | gathered for new ones
 *   -------------------------|-----------------|----------------------|----------------------
 *   some                     | either          | those frames         | native frames, copy
 *   none                     | yes             | code words of a copy | native frames
 *   none                     | no              | native frames        |
 */
#ifndef SOCKDOG_CALLSITE_CAPTURE_BPF_H
#define SOCKDOG_CALLSITE_CAPTURE_BPF_H

#include "callsite_copy.bpf.h"
#include "callsite_python.bpf.h"
#include "callsite_ruby.bpf.h"

#define WITHOUT_COPY __builtin_offsetof(struct sockdog_stack, copy)

/* They run on behalf of somebody whose stack is not at hand. */
static __always_inline bool works_for_others(const struct task_struct *task)
{
	return task->flags & (PF_KTHREAD | PF_WQ_WORKER | PF_IO_WORKER);
}

static __always_inline void begin_stack(struct sockdog_stack *stack, const struct sockdog_runtime *runtime,
					struct task_struct *task, __u32 accepted)
{
	stack->start_boottime_ns = task->group_leader->start_boottime;
	stack->tgid = task->tgid;
	stack->thread = task->pid;
	stack->kind = runtime->kind;
	stack->version = runtime->version;
	stack->accepted = accepted;
	stack->walk_end = SOCKDOG_WALK_NONE;
	stack->frames_count = 0;
	stack->native_count = 0;
	stack->copy_bytes = 0;
	stack->padding = 0;
	stack->id = first_mix(runtime, stack->tgid);
	read_registers(task, &stack->registers);
}

static __always_inline void walk_native(void *ctx, struct sockdog_stack *stack)
{
	long bytes = bpf_get_stack(ctx, stack->native, sizeof(stack->native), BPF_F_USER_STACK);

	stack->native_count = bytes > 0 ? (__u32)bytes >> 3 : 0;
}

static __always_inline void identify(void *ctx, struct sockdog_stack *stack, const struct sockdog_runtime *runtime,
				     __u64 thread_pointer)
{
	if (runtime->kind == SOCKDOG_RUNTIME_RUBY)
		stack->walk_end = walk_ruby(stack, runtime, thread_pointer);
	else if (runtime->kind == SOCKDOG_RUNTIME_PYTHON)
		stack->walk_end = walk_python(stack, runtime, thread_pointer);
	if (!stack->frames_count) {
		if (runtime->flags & SOCKDOG_RUNTIME_COPY_STACK)
			copy_stack(stack);
		if (!stack->copy_bytes || !mix_copy(stack, runtime)) {
			walk_native(ctx, stack);
			mix_native(stack);
		}
	}
	if (!stack->id)
		stack->id = 1;
}

static __always_inline void complete(void *ctx, struct sockdog_stack *stack, const struct sockdog_runtime *runtime)
{
	stack->at_ns = bpf_ktime_get_ns();
	if (!stack->native_count)
		walk_native(ctx, stack);
	if (runtime->flags & SOCKDOG_RUNTIME_COPY_STACK && !stack->copy_bytes)
		copy_stack(stack);
}

/* Marked as seen only when user space will see it. */
static __always_inline void tell(void *ctx, struct sockdog_stack *stack, const struct sockdog_runtime *runtime)
{
	__u64 id = stack->id, once = 1;
	__u64 *times = bpf_map_lookup_elem(&seen, &id);
	__u32 copied;

	if (times) {
		__sync_fetch_and_add(times, 1);
		return;
	}
	complete(ctx, stack, runtime);
	copied = stack->copy_bytes;
	if (copied > SOCKDOG_STACK_COPY)
		copied = SOCKDOG_STACK_COPY;
	if (bpf_ringbuf_output(&stacks, stack, WITHOUT_COPY + copied, BPF_RB_FORCE_WAKEUP))
		count(losses.stack_dropped);
	else
		bpf_map_update_elem(&seen, &id, &once, BPF_ANY);
}

static __always_inline int capture(void *ctx, struct task_struct *task, const struct sockdog_runtime *runtime, __u64 key,
				   __u32 accepted)
{
	struct sockdog_record *record = live_record(key);
	struct scratch *scratch;

	if (!record) {
		count(losses.record_missing);
		return 0;
	}
	scratch = take_scratch();
	if (!scratch)
		return 0;
	begin_stack(&scratch->stack, runtime, task, accepted);
	identify(ctx, &scratch->stack, runtime, THREAD_POINTER(task));
	record->call_site = scratch->stack.id;
	count(losses.captured);
	tell(ctx, &scratch->stack, runtime);
	return_scratch(scratch);
	return 0;
}

/* connect(): the caller's context. The books' own program on this tracepoint was attached before and has made the record. */
static __always_inline int connected_from(void *ctx, struct sock *sk, __u32 old, __u32 state)
{
	struct task_struct *task;
	struct sockdog_runtime *runtime;

	if (old != TCP_CLOSE || state != TCP_SYN_SENT || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	task = bpf_get_current_task_btf();
	if (works_for_others(task))
		return 0;
	runtime = runtime_of(task);
	return runtime ? capture(ctx, task, runtime, (__u64)sk, 0) : 0;
}

#endif
