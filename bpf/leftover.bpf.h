/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a process leaves open when it ends: the kernel closes it then (do_exit: exit_files), in the context of the task
 * that ends. Who sees PF_EXITING at a close() sees a socket that the program never closed.
 *
 *   seen at                  | state before      | what it is
 *   -------------------------|-------------------|---------------------------------------------------
 *   -> LAST_ACK              | CLOSE_WAIT        | the peer closed first, the program never did
 *   -> FIN_WAIT1             | ESTABLISHED, ...  | still open
 *   -> CLOSE without sk_err  | any but LISTEN    | the same, with data that was never read: a reset is sent
 *   end of the socket        | CLOSE             | an fd whose connection was long over
 *
 * Softirqs run on top of a task that ends as well. They make none of these transitions of a socket that has an fd, but
 * for a reset, which sets sk_err. What was shut down and never closed (FIN_WAIT2) is left out: its end looks like that of a
 * socket that was closed in time and whose peer, of the same program, is closed now. */
#ifndef SOCKDOG_LEFTOVER_BPF_H
#define SOCKDOG_LEFTOVER_BPF_H

#include "socket.bpf.h"

static __noinline int tell_leftover(struct sock *sk, __u64 key, __u32 state)
{
	struct sockdog_record *record = bpf_map_lookup_elem(&records, &key);
	struct task_struct *task = bpf_get_current_task_btf();
	struct sockdog_leftover *entry;

	if (!sk || !record)
		return 0;
	entry = bpf_ringbuf_reserve(&traces, sizeof(*entry), 0);
	if (!entry) {
		count(losses.trace_dropped);
		return 0;
	}
	entry->at_ns = bpf_ktime_get_ns();
	entry->start_boottime_ns = task->group_leader->start_boottime;
	entry->tgid = task->tgid;
	entry->padding = 0;
	bpf_probe_read_kernel_str(entry->comm, sizeof(entry->comm), task->group_leader->comm);
	read_socket(&entry->socket, sk, record, word_of(record), state);
	bpf_ringbuf_submit(entry, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline bool current_is_exiting(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return task->flags & PF_EXITING;
}

/* Before the record is moved: its times are those of the state that the socket was left in. */
static __always_inline void leftover_at_transition(struct sock *sk, __u64 key, __u32 old, __u32 state)
{
	if (!tell_leftovers || old == TCP_LISTEN || !current_is_exiting())
		return;
	if (state == TCP_LAST_ACK || state == TCP_FIN_WAIT1 || (state == TCP_CLOSE && !sk->sk_err))
		tell_leftover(sk, key, old);
}

static __always_inline void leftover_at_end(struct sock *sk, __u64 key, __u32 state)
{
	if (tell_leftovers && state == TCP_CLOSE && current_is_exiting())
		tell_leftover(sk, key, state);
}

#endif
