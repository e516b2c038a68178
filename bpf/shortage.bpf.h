/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who could not connect for want of a free local port, and to where: the victims of a leak, its author among them. */
#ifndef SOCKDOG_SHORTAGE_BPF_H
#define SOCKDOG_SHORTAGE_BPF_H

#include "address.bpf.h"
#include "gauge.bpf.h"

/* Called before tcp_v4_connect() and tcp_v6_connect() clear the destination of the failed attempt. */
static __noinline int note_shortage(struct sock *sk, struct sockdog_gauge *gauge)
{
	struct sockdog_shortage_key key = {};
	struct sockdog_shortage fresh = {}, *known;

	if (!sk || !gauge)
		return 0;
	key.start_boottime_ns = gauge->start_boottime_ns;
	key.tgid = gauge->tgid;
	key.netns = netns_of(sk);
	key.family = BPF_CORE_READ(sk, __sk_common.skc_family);
	key.remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	read_addresses(sk, key.family, key.local, key.remote);
	fresh.failures = 1;
	fresh.first_ns = fresh.last_ns = bpf_ktime_get_ns();
	known = bpf_map_lookup_elem(&shortages, &key);
	if (!known) {
		bpf_map_update_elem(&shortages, &key, &fresh, BPF_NOEXIST);
		return 0;
	}
	known->last_ns = fresh.last_ns;
	count(known->failures);
	return 0;
}

#endif
