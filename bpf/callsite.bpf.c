// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Where sockets were opened: stacks of chosen processes. Attached only while some process is watched, and an object of its
 * own: the books do not depend on it. */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "callsite_accept.bpf.h"
#include "callsite_capture.bpf.h"
#include "callsite_follow.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(connected, struct sock *sk, int old, int state)
{
	return connected_from(ctx, sk, (__u32)old, (__u32)state);
}

SEC("tp/syscalls/sys_exit_accept")
int accepted(struct trace_event_raw_sys_exit *ctx)
{
	return accepted_from(ctx, ctx->ret);
}

SEC("tp/syscalls/sys_exit_accept4")
int accepted4(struct trace_event_raw_sys_exit *ctx)
{
	return accepted_from(ctx, ctx->ret);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_forked, struct task_struct *parent, struct task_struct *child)
{
	return forked(parent, child);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_executed, struct task_struct *task)
{
	return executed(task);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exited, struct task_struct *task)
{
	return exited(task);
}
