/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* All that is told of one socket, by reads that tolerate its end. */
#ifndef SOCKDOG_SOCKET_BPF_H
#define SOCKDOG_SOCKET_BPF_H

#include "address.bpf.h"
#include "record.bpf.h"

#define SOCK_DEAD_BIT 1u /* enum sock_flags: SOCK_DEAD is 0 */

static __always_inline void read_endpoints(struct sockdog_socket *out, const struct sock *sk)
{
	out->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	out->local_port = local_port_of(sk);
	out->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	read_addresses(sk, out->family, out->local, out->remote);
}

static __always_inline void read_traffic(struct sockdog_socket *out, const struct sock *sk)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;
	__u32 now = (__u32)bpf_jiffies64();

	if (out->state == TCP_LISTEN) {
		out->recv_queue = BPF_CORE_READ(sk, sk_ack_backlog);
		out->send_queue = BPF_CORE_READ(sk, sk_max_ack_backlog);
		return;
	}
	out->recv_queue = BPF_CORE_READ(tp, rcv_nxt) - BPF_CORE_READ(tp, copied_seq);
	out->send_queue = BPF_CORE_READ(tp, write_seq) - BPF_CORE_READ(tp, snd_una);
	out->bytes_received = BPF_CORE_READ(tp, bytes_received);
	out->bytes_acked = BPF_CORE_READ(tp, bytes_acked);
	out->data_segments_in = BPF_CORE_READ(tp, data_segs_in);
	out->data_segments_out = BPF_CORE_READ(tp, data_segs_out);
	out->idle_sent_jiffies = now - BPF_CORE_READ(tp, lsndtime);
	out->idle_received_jiffies = now - BPF_CORE_READ(tp, inet_conn.icsk_ack.lrcvtime);
}

static __always_inline void read_identity(struct sockdog_socket *out, const struct sock *sk)
{
	struct file *file = BPF_CORE_READ(sk, sk_socket, file);

	out->netns = netns_of(sk);
	out->cgroup_id = BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id);
	out->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	out->uid = BPF_CORE_READ(sk, sk_uid.val);
	if (file) {
		out->flags |= SOCKDOG_SOCKET_HAS_FD;
		out->inode = BPF_CORE_READ(file, f_inode, i_ino);
	}
	if (BPF_CORE_READ(sk, __sk_common.skc_flags) & SOCK_DEAD_BIT)
		out->flags |= SOCKDOG_SOCKET_ORPHANED;
}

/* `word` is the record's, as it was judged; `state` the socket's, of which the record may be a transition behind. */
static __always_inline void read_socket(struct sockdog_socket *out, const struct sock *sk,
					const struct sockdog_record *record, __u64 word, __u32 state)
{
	__builtin_memset(out, 0, sizeof(*out));
	out->id = (__u64)sk;
	out->state = (__u8)state;
	out->slot = WORD_SLOT(word);
	out->opened_ns = record->opened_ns;
	out->since_ns = record->since_ns;
	out->role = record->role;
	out->attribution = record->attribution;
	out->holders = record->holders;
	out->opener = record->opener;
	out->call_site = record->call_site;
	read_endpoints(out, sk);
	read_traffic(out, sk);
	read_identity(out, sk);
}

#endif
