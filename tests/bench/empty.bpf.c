// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The least that a program on the books' hooks can cost. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(empty_state, struct sock *sk, int old, int state)
{
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(empty_destroy, struct sock *sk)
{
	return 0;
}
