/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* CPython's frames, a linked list: thread state (of pthread_getspecific, never _PyRuntime's current one: connect() runs
 * without the GIL) -> the current frame -> previous ones, through calls of C code as well. */
#ifndef SOCKDOG_CALLSITE_PYTHON_BPF_H
#define SOCKDOG_CALLSITE_PYTHON_BPF_H

#include "callsite_identity.bpf.h"
#include "callsite_window.bpf.h"

#define NO_CFRAME 0xffff

static __always_inline __u32 find_current_frame(const struct sockdog_runtime *runtime, __u64 thread_state,
						__u64 thread_pointer, __u64 *frame)
{
	const struct sockdog_python_offsets *python = &runtime->python;
	__u64 thread_id, holder = thread_state;

	if (read_user(thread_id, thread_state + python->thread_id))
		return SOCKDOG_WALK_UNREAD;
	if (!is_own_thread(thread_id, thread_pointer))
		return SOCKDOG_WALK_NOT_ITSELF;
	if (python->cframe != NO_CFRAME && read_user(holder, thread_state + python->cframe))
		return SOCKDOG_WALK_UNREAD;
	if (!holder)
		return SOCKDOG_WALK_NOT_ITSELF;
	return read_user(*frame, holder + python->current) ? SOCKDOG_WALK_UNREAD : SOCKDOG_WALK_WHOLE;
}

/* enum sockdog_walk_end. */
__noinline int walk_python(struct sockdog_stack *stack, const struct sockdog_runtime *runtime, __u64 thread_pointer)
{
	__u64 window[WINDOW], id, frame = 0;
	struct thread_state state;
	__u32 end, i;

	if (!stack || !runtime)
		return SOCKDOG_WALK_NONE;
	state = find_state(runtime, thread_pointer);
	if (state.end != SOCKDOG_WALK_WHOLE)
		return state.end;
	end = find_current_frame(runtime, state.address, thread_pointer, &frame);
	if (end != SOCKDOG_WALK_WHOLE)
		return end;
	if (!fits_window(runtime->python.frame_code) || !fits_window(runtime->python.frame_previous) ||
	    !fits_window(runtime->python.frame_instruction))
		return SOCKDOG_WALK_NOT_ITSELF;
	id = stack->id;
	for (i = 0; i < SOCKDOG_FRAMES; i++) {
		if (!frame)
			break;
		if (frame & 7) {
			end = SOCKDOG_WALK_NOT_ITSELF;
			break;
		}
		if (read_user(window, frame)) {
			end = SOCKDOG_WALK_UNREAD;
			break;
		}
		stack->frames[i].code = in_window(window, runtime->python.frame_code);
		stack->frames[i].pc = in_window(window, runtime->python.frame_instruction);
		id = mix(id, stack->frames[i].code);
		id = mix(id, stack->frames[i].pc);
		frame = in_window(window, runtime->python.frame_previous);
	}
	if (end == SOCKDOG_WALK_WHOLE && frame)
		end = SOCKDOG_WALK_CUT;
	stack->id = id;
	stack->frames_count = i;
	return end;
}

#endif
