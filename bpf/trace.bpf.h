/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The full event stream of chosen processes. Off, it costs one load and a branch. */
#ifndef SOCKDOG_TRACE_BPF_H
#define SOCKDOG_TRACE_BPF_H

#include "address.bpf.h"
#include "record.bpf.h"

static __noinline int trace_transition(struct sock *sk, __u64 key, __u32 old, __u32 state, __u64 now)
{
	struct sockdog_record *record = bpf_map_lookup_elem(&records, &key);
	struct sockdog_gauge *gauge;
	struct sockdog_trace *entry;

	if (!sk)
		return 0;
	entry = bpf_ringbuf_reserve(&traces, sizeof(*entry), 0);
	if (!entry) {
		count(losses.trace_dropped);
		return 0;
	}
	__builtin_memset(entry, 0, sizeof(*entry));
	entry->at_ns = now;
	entry->id = key;
	entry->from = (__u8)old;
	entry->to = (__u8)state;
	entry->error = (__u32)BPF_CORE_READ(sk, sk_err);
	entry->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	entry->local_port = local_port_of(sk);
	entry->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	read_addresses(sk, entry->family, entry->local, entry->remote);
	if (record) {
		gauge = gauge_of(WORD_SLOT(word_of(record)));
		entry->opened_ns = record->opened_ns;
		entry->role = record->role;
		if (gauge) {
			entry->tgid = gauge->tgid;
			entry->start_boottime_ns = gauge->start_boottime_ns;
			__builtin_memcpy(entry->comm, gauge->comm, sizeof(entry->comm));
		}
	}
	bpf_ringbuf_submit(entry, BPF_RB_NO_WAKEUP);
	return 0;
}

#endif
