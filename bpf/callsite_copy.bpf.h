/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The copy of a stack, for unwinding in user space, and its identity: the words of it that lie in the application's code.
 * Those are its return addresses, and now and then a pointer to a function; numbers and pointers to data, which are others
 * each time, are left out. */
#ifndef SOCKDOG_CALLSITE_COPY_BPF_H
#define SOCKDOG_CALLSITE_COPY_BPF_H

#include "callsite_identity.bpf.h"
#include "callsite_thread.bpf.h"

#define COPY_STEP 1024 /* bytes of one read; a divisor of the smallest page */
#define COPY_STEPS (SOCKDOG_STACK_COPY / COPY_STEP)
#define SMALLEST_PAGE 4096

/* Bytes that were read, `at` from the stack pointer up: a read that fails in its second page is made again to the end of
 * the first. */
__noinline int copy_step(struct sockdog_stack *stack, __u32 at)
{
	__u64 address;
	__u32 left;

	if (!stack || at > SOCKDOG_STACK_COPY - COPY_STEP)
		return 0;
	address = stack->registers.sp + at;
	if (bpf_probe_read_user(stack->copy + at, COPY_STEP, (const void *)address) == 0)
		return COPY_STEP;
	left = SMALLEST_PAGE - (address & (SMALLEST_PAGE - 1));
	if (left >= COPY_STEP)
		return 0;
	return bpf_probe_read_user(stack->copy + at, left, (const void *)address) == 0 ? (int)left : 0;
}

static __always_inline bool is_code(const struct sockdog_runtime *runtime, __u64 word)
{
	for (int i = 0; i < SOCKDOG_CODE_RANGES; i++)
		if (word >= runtime->code[i].start && word < runtime->code[i].end)
			return true;
	return false;
}

/* Mixes the code words of one step; their number. Nearly every word fails the first comparison, which is with the hull
 * of all ranges. */
__noinline int mix_step(struct sockdog_stack *stack, const struct sockdog_runtime *runtime, __u64 low, __u64 span, __u32 at)
{
	__u32 words;
	int found = 0;
	__u64 id;

	if (!stack || !runtime || at > SOCKDOG_STACK_COPY - COPY_STEP)
		return 0;
	at &= ~7u;
	id = stack->id;
	words = stack->copy_bytes >= at + COPY_STEP ? COPY_STEP / 8 : (stack->copy_bytes - at) / 8;
	for (__u32 i = 0; i < COPY_STEP / 8; i++) {
		__u64 word;

		if (i >= words)
			break;
		word = *(const __u64 *)(stack->copy + at + 8 * i);
		if (word - low < span && is_code(runtime, word)) {
			id = mix(id, word);
			found++;
		}
	}
	stack->id = id;
	return found;
}

static __always_inline void copy_stack(struct sockdog_stack *stack)
{
	__u32 bytes = 0;

	for (__u32 step = 0; step < COPY_STEPS; step++) {
		__u32 got = copy_step(stack, step * COPY_STEP);

		bytes += got & (2 * COPY_STEP - 1);
		if (got < COPY_STEP)
			break;
	}
	stack->copy_bytes = bytes;
}

/* Number of code words that went into the identity. 0: it says nothing yet. */
static __always_inline int mix_copy(struct sockdog_stack *stack, const struct sockdog_runtime *runtime)
{
	__u64 low = ~0ull, high = 0;
	int found = 0;

	for (int i = 0; i < SOCKDOG_CODE_RANGES; i++) {
		if (!runtime->code[i].end)
			continue;
		if (runtime->code[i].start < low)
			low = runtime->code[i].start;
		if (runtime->code[i].end > high)
			high = runtime->code[i].end;
	}
	if (low >= high)
		return 0;
	for (__u32 step = 0; step < COPY_STEPS; step++) {
		if (step * COPY_STEP >= stack->copy_bytes)
			break;
		found += mix_step(stack, runtime, low, high - low, step * COPY_STEP);
	}
	return found;
}

#endif
