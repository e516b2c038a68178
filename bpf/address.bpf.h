/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Addresses of a socket, by reads that tolerate its end. */
#ifndef SOCKDOG_ADDRESS_BPF_H
#define SOCKDOG_ADDRESS_BPF_H

#include "maps.bpf.h"

/* skc_num goes to 0 when a dead socket's port is given back (inet_put_port); what it was stays in inet_sport. */
static __always_inline __u16 local_port_of(const struct sock *sk)
{
	__u16 port = BPF_CORE_READ(sk, __sk_common.skc_num);

	return port ? port : bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
}

static __always_inline void read_addresses(const struct sock *sk, __u16 family, __u8 local[16], __u8 remote[16])
{
	if (family == AF_INET_) {
		BPF_CORE_READ_INTO((__u32 *)local, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((__u32 *)remote, sk, __sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO((struct in6_addr *)local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)remote, sk, __sk_common.skc_v6_daddr);
	}
}

static __always_inline __u32 netns_of(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

#endif
