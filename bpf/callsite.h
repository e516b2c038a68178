/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The contract between the kernel side and user space about call sites: who is watched and how its stacks are read, what
 * was seen on them. Rules as in sockdog.h. Addresses are those of the watched process. */
#ifndef SOCKDOG_CALLSITE_H
#define SOCKDOG_CALLSITE_H

#include "sockdog.h"

#define SOCKDOG_FRAMES 64	 /* a Ruby HTTP client is 21 deep; more than 64 is cut, innermost first */
#define SOCKDOG_STACK_COPY 16384 /* bytes above the stack pointer, for code without frame pointers */
#define SOCKDOG_CODE_RANGES 4

enum sockdog_runtime_kind {
	SOCKDOG_RUNTIME_UNKNOWN, /* not looked at yet: treated as native */
	SOCKDOG_RUNTIME_NATIVE,
	SOCKDOG_RUNTIME_RUBY,
	SOCKDOG_RUNTIME_PYTHON,
};

enum sockdog_runtime_flags {
	SOCKDOG_RUNTIME_COPY_STACK = 1, /* frame pointers are not enough: copy the stack of each new call site */
	SOCKDOG_RUNTIME_FOLLOW = 2,	/* children are watched from birth, and told of */
	SOCKDOG_RUNTIME_ACCEPTS = 4,	/* accept() is a call site too */
};

/* How a thread's own interpreter state is found. */
enum sockdog_thread_local {
	SOCKDOG_THREAD_LOCAL_NONE,
	SOCKDOG_THREAD_LOCAL_OFFSET,  /* at thread pointer + offset (signed) */
	SOCKDOG_THREAD_LOCAL_MODULE,  /* at DTV[module] + offset; the DTV is at thread pointer + 8 (x86-64 glibc) */
	SOCKDOG_THREAD_LOCAL_PTHREAD, /* pthread_getspecific(key); the key is a u32 at `runtime` + offset */
};

/* Half open; end 0: unused. */
struct sockdog_code_range {
	sd_u64 start;
	sd_u64 end;
};

/* Offsets in bytes, of one version of Ruby. */
struct sockdog_ruby_offsets {
	sd_u16 ec_vm_stack;
	sd_u16 ec_vm_stack_size; /* in words */
	sd_u16 ec_cfp;
	sd_u16 cfp_pc;
	sd_u16 cfp_iseq;
	sd_u16 cfp_size;
};

/* Offsets in bytes, of one version of CPython. */
struct sockdog_python_offsets {
	sd_u16 thread_id; /* of the thread state: pthread_self(), the self-check */
	sd_u16 cframe;	  /* of the thread state: pointer to what holds the current frame; 0xffff: the thread state does */
	sd_u16 current;	  /* of that: the current frame */
	sd_u16 frame_code;
	sd_u16 frame_previous;
	sd_u16 frame_instruction;
};

/* One watched process; value of the hash "runtimes" keyed by tgid. User space writes it; a fork copies the parent's, an
 * exec leaves only `start_ticks` and `flags`. */
struct sockdog_runtime {
	sd_u64 start_ticks; /* of the process, USER_HZ since boot (field 22 of /proc/PID/stat): a pid alone is reused */
	sd_u32 kind;	/* enum sockdog_runtime_kind */
	sd_u32 flags;	/* enum sockdog_runtime_flags */
	sd_u32 version; /* major << 8 | minor, of the interpreter; 0: none */
	sd_u32 thread_local_kind;
	sd_u64 thread_local_module;
	sd_u64 thread_local_offset;
	sd_u64 runtime;		 /* Python: address of _PyRuntime */
	sd_u64 pthread_specific; /* Python: offset of struct pthread.specific from the thread pointer */
	/* Of the application before libraries: return addresses into these make the identity of a copied stack. */
	struct sockdog_code_range code[SOCKDOG_CODE_RANGES];
	struct sockdog_ruby_offsets ruby;
	struct sockdog_python_offsets python;
};
SD_ASSERT(sizeof(struct sockdog_runtime) == 144, "no hidden padding");

/* Python: code object and instruction pointer. Ruby: iseq and pc, both 0 for a method written in C. */
struct sockdog_frame {
	sd_u64 code;
	sd_u64 pc;
};

/* Of the thread when it entered the kernel. */
struct sockdog_registers {
	sd_u64 ip;
	sd_u64 sp;
	sd_u64 bp;
	sd_u64 callee_saved[5]; /* x86-64: rbx, r12, r13, r14, r15 */
};

enum sockdog_walk_end {
	SOCKDOG_WALK_WHOLE,
	SOCKDOG_WALK_CUT,	 /* more than SOCKDOG_FRAMES */
	SOCKDOG_WALK_UNREAD,	 /* memory that should be there was not, or not in core */
	SOCKDOG_WALK_NOT_ITSELF, /* a self-check failed: another version than the offsets are for */
	SOCKDOG_WALK_NONE,	 /* no interpreter */
};

/* A call site that was not seen before (or was forgotten since); the ring "stacks". */
struct sockdog_stack {
	sd_u64 id; /* what sockdog_record.call_site holds; never 0 */
	sd_u64 at_ns;
	sd_u64 start_boottime_ns;
	sd_u32 tgid;
	sd_u32 thread;
	sd_u32 kind;
	sd_u32 version;
	sd_u32 walk_end; /* enum sockdog_walk_end, of `frames` */
	sd_u32 accepted; /* 1: accept(), 0: connect() */
	sd_u32 frames_count;
	sd_u32 native_count;
	sd_u32 copy_bytes; /* from registers.sp up */
	sd_u32 padding;
	struct sockdog_registers registers;
	struct sockdog_frame frames[SOCKDOG_FRAMES]; /* innermost first */
	sd_u64 native[SOCKDOG_FRAMES];		     /* by frame pointers, innermost first */
	sd_u8 copy[SOCKDOG_STACK_COPY];
};
SD_ASSERT(sizeof(struct sockdog_stack) == 64 + 64 + 1536 + 16384, "no hidden padding");

enum sockdog_follow_kind {
	SOCKDOG_FOLLOW_FORK = 1,
	SOCKDOG_FOLLOW_EXEC = 2, /* its runtime is to be looked at again */
	SOCKDOG_FOLLOW_EXIT = 3, /* of the whole process, its last thread */
};

/* What a watched process did: fork and exit of those with SOCKDOG_RUNTIME_FOLLOW, exec of all; the ring "follows". */
struct sockdog_follow {
	sd_u64 at_ns;
	sd_u64 start_boottime_ns; /* of the child for a fork */
	sd_u32 tgid;		  /* of the child for a fork */
	sd_u32 parent_tgid;	  /* of a fork; else 0 */
	sd_u32 kind;		  /* enum sockdog_follow_kind */
	sd_u32 exit_code;	  /* of an exit: as in task_struct.exit_code, a wait status */
	char comm[SOCKDOG_COMM];
};
SD_ASSERT(sizeof(struct sockdog_follow) == 48, "no hidden padding");

/* What could not be kept. Only grows. */
struct sockdog_callsite_losses {
	sd_u64 captured;	/* connects and accepts of watched processes whose call site was noted */
	sd_u64 stack_dropped;	/* ring full: the call site is told of when it comes again */
	sd_u64 follow_dropped;	/* ring full */
	sd_u64 scratch_busy;	/* another task was in the middle of its own on this CPU */
	sd_u64 record_missing;	/* the socket is not in the books */
	sd_u64 runtime_refused; /* a child was born while the table of watched processes was full */
};

#endif
