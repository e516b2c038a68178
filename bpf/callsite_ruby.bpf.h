/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Ruby's control frames. They grow down from the end of a VM stack, each of one size, so that no pointer has to be
 * followed: execution context (thread-local) -> VM stack and the innermost frame -> up to the end. The frame at the very
 * end is a dummy that the VM puts there. Fibers have contexts of their own, the thread-local one is of the fiber that runs. */
#ifndef SOCKDOG_CALLSITE_RUBY_BPF_H
#define SOCKDOG_CALLSITE_RUBY_BPF_H

#include "callsite_identity.bpf.h"
#include "callsite_window.bpf.h"

#define LARGEST_VM_STACK_WORDS (1u << 27) /* RUBY_THREAD_VM_STACK_SIZE is 1 MiB; 1 GiB is nobody's */
#define LARGEST_CONTROL_FRAME 256

struct control_frames {
	__u64 innermost;
	__u64 end; /* the dummy's address */
};

/* The self-check: the innermost frame lies on the VM stack, a whole number of frames from its end. */
static __always_inline __u32 find_control_frames(const struct sockdog_runtime *runtime, __u64 context,
						 struct control_frames *frames)
{
	const struct sockdog_ruby_offsets *ruby = &runtime->ruby;
	__u64 stack, words, size = ruby->cfp_size;

	if (read_user(stack, context + ruby->ec_vm_stack) || read_user(words, context + ruby->ec_vm_stack_size) ||
	    read_user(frames->innermost, context + ruby->ec_cfp))
		return SOCKDOG_WALK_UNREAD;
	if (!stack || stack & 7 || !words || words > LARGEST_VM_STACK_WORDS)
		return SOCKDOG_WALK_NOT_ITSELF;
	if (size < 24 || size & 7 || size > LARGEST_CONTROL_FRAME || 8 * words < size)
		return SOCKDOG_WALK_NOT_ITSELF;
	frames->end = stack + 8 * words - size;
	if (frames->innermost < stack || frames->innermost > frames->end || (frames->end - frames->innermost) % size)
		return SOCKDOG_WALK_NOT_ITSELF;
	return SOCKDOG_WALK_WHOLE;
}

/* enum sockdog_walk_end. */
__noinline int walk_ruby(struct sockdog_stack *stack, const struct sockdog_runtime *runtime, __u64 thread_pointer)
{
	struct control_frames frames = {};
	struct thread_state state;
	__u64 window[WINDOW], id, at;
	__u32 end, i;

	if (!stack || !runtime)
		return SOCKDOG_WALK_NONE;
	state = find_state(runtime, thread_pointer);
	if (state.end != SOCKDOG_WALK_WHOLE)
		return state.end;
	end = find_control_frames(runtime, state.address, &frames);
	if (end != SOCKDOG_WALK_WHOLE)
		return end;
	if (!fits_window(runtime->ruby.cfp_pc) || !fits_window(runtime->ruby.cfp_iseq))
		return SOCKDOG_WALK_NOT_ITSELF;
	at = frames.innermost;
	id = stack->id;
	for (i = 0; i < SOCKDOG_FRAMES; i++) {
		__u64 pc;

		if (at >= frames.end)
			break;
		if (read_user(window, at)) {
			end = SOCKDOG_WALK_UNREAD;
			break;
		}
		pc = in_window(window, runtime->ruby.cfp_pc);
		stack->frames[i].code = pc ? in_window(window, runtime->ruby.cfp_iseq) : 0;
		stack->frames[i].pc = pc;
		id = mix(id, pc);
		id = mix(id, stack->frames[i].code);
		at += runtime->ruby.cfp_size;
	}
	if (end == SOCKDOG_WALK_WHOLE && at < frames.end)
		end = SOCKDOG_WALK_CUT;
	stack->id = id;
	stack->frames_count = i;
	return end;
}

#endif
