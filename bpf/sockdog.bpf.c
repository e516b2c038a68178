// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The programs: each a hook and a call. What they do is in the headers, named after the hook's purpose. */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "audit.bpf.h"
#include "failures.bpf.h"
#include "sweep.bpf.h"
#include "transition.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(transition, struct sock *sk, int old, int state)
{
	return book_transition(sk, (__u32)old, (__u32)state, false);
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(farewell, struct sock *sk)
{
	return book_farewell(sk);
}

/* The same once more, for runs that the kernel skipped (preempt.bpf.h): attached behind the first, and only where that may
 * happen to any task. Each has a guard against recursion of its own. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(transition_again, struct sock *sk, int old, int state)
{
	return book_transition(sk, (__u32)old, (__u32)state, true);
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(farewell_again, struct sock *sk)
{
	return book_farewell(sk);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	return process_exit_of(task);
}

SEC("iter/task_file")
int stamp(struct bpf_iter__task_file *ctx)
{
	/* Read once: the verifier knows only the very register that was tested. */
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	return task && file ? stamp_file(task, file) : 0;
}

SEC("iter/tcp")
int adopt(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;

	return common ? adopt_socket(common) : 0;
}

/* Never attached: run by user space, a step of a pass each time. */
SEC("raw_tp")
int audit(void *ctx)
{
	return bpf_for_each_map_elem(&visits, audit_visit, NULL, 0);
}

SEC("raw_tp")
int walk(void *ctx)
{
	return bpf_for_each_map_elem(&visits, walk_visit, NULL, 0);
}

SEC("syscall")
int read_clock(void *ctx)
{
	clock.jiffies = bpf_jiffies64();
	clock.now_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp/syscalls/sys_exit_socket")
int socket_failed(struct trace_event_raw_sys_exit *ctx)
{
	return syscall_failed(ctx->ret);
}

SEC("tp/syscalls/sys_exit_accept")
int accept_failed(struct trace_event_raw_sys_exit *ctx)
{
	return syscall_failed(ctx->ret);
}

SEC("tp/syscalls/sys_exit_accept4")
int accept4_failed(struct trace_event_raw_sys_exit *ctx)
{
	return syscall_failed(ctx->ret);
}
