/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a thread's user side looks like from the kernel: its registers, its thread pointer, its thread-local variables as
 * glibc lays them out. All that depends on the machine is here. */
#ifndef SOCKDOG_CALLSITE_THREAD_BPF_H
#define SOCKDOG_CALLSITE_THREAD_BPF_H

#include "callsite.h"

#define read_user(to, address) bpf_probe_read_user(&(to), sizeof(to), (const void *)(address))

#define PTHREAD_KEYS 1024 /* PTHREAD_KEYS_MAX of glibc: 32 blocks of 32 */
#define DTV_ENTRY 16
#define DTV_NOT_ALLOCATED (~0ull) /* TLS_DTV_UNALLOCATED: the thread never touched that module's variables */

#if defined(__TARGET_ARCH_x86)

/* Kept by arch_prctl and clone; a program that moves it with WRFSBASE is not understood. */
#define THREAD_POINTER(task) ((__u64)(task)->thread.fsbase)
#define DTV_OFFSET 8

/* pthread_self() is the thread pointer. */
static __always_inline bool is_own_thread(__u64 thread_id, __u64 thread_pointer)
{
	return thread_id == thread_pointer;
}

static __always_inline void read_registers(struct task_struct *task, struct sockdog_registers *registers)
{
	const struct pt_regs *user = (const struct pt_regs *)bpf_task_pt_regs(task);

	registers->ip = user->ip;
	registers->sp = user->sp;
	registers->bp = user->bp;
	registers->callee_saved[0] = user->bx;
	registers->callee_saved[1] = user->r12;
	registers->callee_saved[2] = user->r13;
	registers->callee_saved[3] = user->r14;
	registers->callee_saved[4] = user->r15;
}

#elif defined(__TARGET_ARCH_arm64)

/* As of the thread's birth or its last switch: a main thread that was never switched out has none yet. */
#define THREAD_POINTER(task) ((__u64)(task)->thread.uw.tp_value)
#define DTV_OFFSET 0
#define LARGEST_STRUCT_PTHREAD 4096

/* pthread_self() lies below the thread pointer, by sizeof(struct pthread), which differs between versions of glibc. */
static __always_inline bool is_own_thread(__u64 thread_id, __u64 thread_pointer)
{
	return thread_pointer - thread_id <= LARGEST_STRUCT_PTHREAD;
}

static __always_inline void read_registers(struct task_struct *task, struct sockdog_registers *registers)
{
	const struct pt_regs *user = (const struct pt_regs *)bpf_task_pt_regs(task);

	registers->ip = user->user_regs.pc;
	registers->sp = user->user_regs.sp;
	registers->bp = user->user_regs.regs[29];
	registers->callee_saved[0] = user->user_regs.regs[30];
	registers->callee_saved[1] = user->user_regs.regs[19];
	registers->callee_saved[2] = user->user_regs.regs[20];
	registers->callee_saved[3] = user->user_regs.regs[21];
	registers->callee_saved[4] = user->user_regs.regs[22];
}

#else
#error "the call sites know x86-64 and arm64"
#endif

/* The interpreter's state of this thread: its address, or why not. A thread that the interpreter does not know has none. */
struct thread_state {
	__u64 address;
	__u32 end; /* enum sockdog_walk_end; WHOLE where there is an address */
};

static __always_inline __u32 read_state(__u64 at, struct thread_state *state)
{
	if (read_user(state->address, at))
		return SOCKDOG_WALK_UNREAD;
	return state->address ? SOCKDOG_WALK_WHOLE : SOCKDOG_WALK_NONE;
}

/* pthread_getspecific() of the key at `runtime` + offset: of two levels, the first is in struct pthread. */
static __always_inline __u32 find_specific(const struct sockdog_runtime *runtime, __u64 thread_pointer,
					   struct thread_state *state)
{
	__u64 block;
	__u32 key;

	if (read_user(key, runtime->runtime + runtime->thread_local_offset))
		return SOCKDOG_WALK_UNREAD;
	if (key >= PTHREAD_KEYS)
		return SOCKDOG_WALK_NOT_ITSELF;
	if (read_user(block, thread_pointer + runtime->pthread_specific + 8 * (key >> 5)))
		return SOCKDOG_WALK_UNREAD;
	if (!block)
		return SOCKDOG_WALK_NONE;
	return read_state(block + 16 * (key & 31) + 8, state);
}

static __always_inline __u32 find_in_module(const struct sockdog_runtime *runtime, __u64 thread_pointer,
					    struct thread_state *state)
{
	__u64 vector, block;

	if (read_user(vector, thread_pointer + DTV_OFFSET) ||
	    read_user(block, vector + DTV_ENTRY * runtime->thread_local_module))
		return SOCKDOG_WALK_UNREAD;
	if (block == DTV_NOT_ALLOCATED || !block)
		return SOCKDOG_WALK_NONE;
	return read_state(block + runtime->thread_local_offset, state);
}

static __always_inline struct thread_state find_state(const struct sockdog_runtime *runtime, __u64 thread_pointer)
{
	struct thread_state state = {};

	switch (runtime->thread_local_kind) {
	case SOCKDOG_THREAD_LOCAL_OFFSET:
		state.end = read_state(thread_pointer + runtime->thread_local_offset, &state);
		break;
	case SOCKDOG_THREAD_LOCAL_MODULE:
		state.end = find_in_module(runtime, thread_pointer, &state);
		break;
	case SOCKDOG_THREAD_LOCAL_PTHREAD:
		state.end = find_specific(runtime, thread_pointer, &state);
		break;
	default:
		state.end = SOCKDOG_WALK_NONE;
	}
	return state;
}

#endif
