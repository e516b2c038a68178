// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The other home that a socket's record could have: storage at the socket itself, cloned from listener to child by the
 * kernel. The same words, gauges and clock as the books, without failures, limits and traces: its cost is a lower bound. */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "clock.bpf.h"
#include "record.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct stored {
	struct sockdog_record record;
	__u64 self; /* another address: just cloned from the listener */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct stored);
} storage SEC(".maps");

static __always_inline void begin(struct stored *stored, __u64 key, __u64 now)
{
	__u32 slot = stored->self ? WORD_SLOT(word_of(&stored->record)) : SOCKDOG_SLOT_NOBODY;

	stored->record.word = WORD_MAKE(slot, 0, key);
	stored->record.opened_ns = now;
	stored->record.role = stored->self ? SOCKDOG_ROLE_ACCEPTED : SOCKDOG_ROLE_UNKNOWN;
	stored->self = key;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(storage_state, struct sock *sk, int old, int state)
{
	__u32 slot = KEEP_SLOT;
	struct stored *stored;
	struct move move = {};
	__u64 key = (__u64)sk;
	__u64 now;

	if (sk->sk_protocol != IPPROTO_TCP || (state == TCP_SYN_RECV && old == TCP_LISTEN))
		return 0;
	if (state == TCP_CLOSE && (old == TCP_CLOSE || (sk->__sk_common.skc_flags & 1)))
		return 0;
	stored = bpf_sk_storage_get(&storage, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!stored)
		return 0;
	now = recent_ns();
	if (stored->self != key)
		begin(stored, key, now);
	if (old == TCP_CLOSE && (state == TCP_SYN_SENT || state == TCP_LISTEN))
		slot = slot_of_current();
	stored->record.since_ns = now;
	move_record(&stored->record, key, slot, (__u32)state, &move);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(storage_destroy, struct sock *sk)
{
	struct stored *stored = bpf_sk_storage_get(&storage, sk, 0, 0);
	struct move move = {};

	if (stored && stored->self == (__u64)sk)
		move_record(&stored->record, (__u64)sk, KEEP_SLOT, SOCKDOG_STATE_DEAD, &move);
	return 0;
}
