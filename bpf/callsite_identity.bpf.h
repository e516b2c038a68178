/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What makes two stacks the same call site: a number mixed from the process and its frames. */
#ifndef SOCKDOG_CALLSITE_IDENTITY_BPF_H
#define SOCKDOG_CALLSITE_IDENTITY_BPF_H

#include "callsite_maps.bpf.h"

/* Multiply and fold, 2^64 over the golden ratio: order matters, a zero word counts as well. */
static __always_inline __u64 mix(__u64 id, __u64 word)
{
	id = (id ^ word) * 0x9E3779B97F4A7C15ull;
	return id ^ (id >> 29);
}

/* Whether stacks are copied is a part of it: a call site that was told of without a copy is told of again with one. */
static __always_inline __u64 first_mix(const struct sockdog_runtime *runtime, __u32 tgid)
{
	__u64 id = mix(runtime->start_ticks, tgid);

	return mix(id, runtime->kind | (runtime->flags & SOCKDOG_RUNTIME_COPY_STACK) << 8);
}

/* Global functions, here and in the walks: the verifier looks at them once, not once for each program and step. */
__noinline int mix_native(struct sockdog_stack *stack)
{
	__u64 id;

	if (!stack)
		return 0;
	id = stack->id;
	for (__u32 i = 0; i < SOCKDOG_FRAMES; i++) {
		if (i >= stack->native_count)
			break;
		id = mix(id, stack->native[i]);
	}
	stack->id = id;
	return 0;
}

#endif
