/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* accept(): the socket is found by the fd it returned. Nothing here is held: another thread may put another file there at
 * any moment, so whatever is read is believed only as far as the books know a live socket of that address. */
#ifndef SOCKDOG_CALLSITE_ACCEPT_BPF_H
#define SOCKDOG_CALLSITE_ACCEPT_BPF_H

#include "callsite_capture.bpf.h"

static __always_inline struct sock *socket_at(struct task_struct *task, __u64 fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;
	struct socket *socket;

	if (fd >= BPF_CORE_READ(table, max_fds) || bpf_probe_read_kernel(&file, sizeof(file), files + fd) || !file)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return socket ? BPF_CORE_READ(socket, sk) : NULL;
}

static __always_inline bool is_tcp(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return (family == AF_INET_ || family == AF_INET6_) && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline int accepted_from(void *ctx, long fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sockdog_runtime *runtime;
	struct sock *sk;

	if (fd < 0 || works_for_others(task))
		return 0;
	runtime = runtime_of(task);
	if (!runtime || !(runtime->flags & SOCKDOG_RUNTIME_ACCEPTS))
		return 0;
	sk = socket_at(task, (__u64)fd);
	return sk && is_tcp(sk) ? capture(ctx, task, runtime, (__u64)sk, 1) : 0;
}

#endif
