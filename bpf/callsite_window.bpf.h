/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* An interpreter's frame is read once, the beginning that holds all that is needed of it, not a field at a time: one read
 * of user memory costs about as much as the rest of a step. */
#ifndef SOCKDOG_CALLSITE_WINDOW_BPF_H
#define SOCKDOG_CALLSITE_WINDOW_BPF_H

#include "callsite_thread.bpf.h"

#define WINDOW 8 /* words: Ruby's frame has 7 or 8, the fixed part of CPython's 10 and more */

static __always_inline bool fits_window(__u32 offset)
{
	return offset <= 8 * (WINDOW - 1) && !(offset & 7);
}

/* The mask is for the verifier, and hidden from the compiler, which knows that it changes nothing. */
static __always_inline __u64 in_window(const __u64 *window, __u64 offset)
{
	asm volatile("%[offset] &= 56" : [offset] "+r"(offset));
	return *(const __u64 *)((const char *)window + offset);
}

#endif
