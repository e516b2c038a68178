/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who holds what: a pass over every fd of the host (stamp), and one over the sockets of a network namespace for those that
 * no fd names (adopt). A sweep is stamp, then audit: audit moves records whose owner did not hold them to who did. */
#ifndef SOCKDOG_SWEEP_BPF_H
#define SOCKDOG_SWEEP_BPF_H

#include "transition.bpf.h"

/* Since when a socket is in its state that a pass finds unbooked. The first pass meets what is older than the books.
 * A later one meets what escaped them, as sockets do that are only made: they are dated by the first pass that saw them. */
static __always_inline __u64 found_since(void)
{
	return sweep.pass > 1 ? sweep.now_ns : 0;
}

static __always_inline void mark_holder(struct sockdog_record *record, __u32 slot)
{
	__u32 pass = sweep.pass;

	if (record->holder_pass != pass) {
		record->holder_pass = pass;
		record->holders = 1;
	} else if (record->holder_slot != slot) { /* a process's fds come one after the other */
		record->holders++;
	}
	record->holder_slot = slot;
	if (WORD_SLOT(word_of(record)) == slot) {
		record->owner_pass = pass;
	} else {
		record->other_slot = slot;
		record->other_pass = pass;
	}
}

static __always_inline void remember_listener(const struct sock *sk, __u32 slot)
{
	struct sockdog_listener listener = {
		.netns = netns_of(sk),
		.port = BPF_CORE_READ(sk, __sk_common.skc_num),
	};

	bpf_map_update_elem(&listeners, &listener, &slot, BPF_ANY);
}

/* The owner of a connection that waits to be accepted (no struct socket yet) is its listener's. NOBODY for any other
 * socket, and where this sweep met no such listener. */
static __always_inline __u32 owner_of_waiting(const struct sock *sk)
{
	struct sockdog_listener listener = {};
	__u32 *owner;

	if (BPF_CORE_READ(sk, sk_socket) || (BPF_CORE_READ(sk, __sk_common.skc_flags) & SOCK_DEAD_BIT))
		return SOCKDOG_SLOT_NOBODY;
	listener.netns = netns_of(sk);
	listener.port = local_port_of(sk); /* reset while it waits it is in CLOSE, without skc_num */
	owner = bpf_map_lookup_elem(&listeners, &listener);
	return owner ? *owner : SOCKDOG_SLOT_NOBODY;
}

/* A waiting connection whose birth was not seen, or was seen before its listener was. */
static __always_inline void give_to_listener(struct sockdog_record *record, __u64 key, const struct sock *sk)
{
	__u64 before = word_of(record);
	struct move move = {};
	__u32 slot;

	if (WORD_SLOT(before) != SOCKDOG_SLOT_NOBODY)
		return;
	slot = owner_of_waiting(sk);
	if (slot == SOCKDOG_SLOT_NOBODY)
		return;
	if (move_record_from(record, key, before, slot, KEEP_STATE, &move) == MOVE_DONE) {
		record->role = SOCKDOG_ROLE_ACCEPTED;
		record->attribution = SOCKDOG_BY_LISTENER;
	}
}

/* One fd. No lock is held, but the file is: the socket cannot be destroyed meanwhile. A state that changes between our
 * reading it and our insertion finds no record and makes one itself, so add_record() then says "exists". */
static __always_inline int stamp_file(struct task_struct *task, struct file *file)
{
	struct socket *socket = bpf_sock_from_file(file);
	struct sockdog_record *record;
	struct sock *sk;
	__u32 slot, state;
	__u16 family;
	__u64 key;

	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk)
		return 0;
	family = sk->__sk_common.skc_family;
	if ((family != AF_INET_ && family != AF_INET6_) || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	key = (__u64)sk;
	state = sk->__sk_common.skc_state;
	slot = slot_of(task);
	if (state == TCP_LISTEN)
		remember_listener(sk, slot);

	record = live_record(key);
	if (!record) {
		struct sockdog_record found = {
			.word = WORD_MAKE(slot, state, key),
			.role = state == TCP_LISTEN ? SOCKDOG_ROLE_LISTENING : SOCKDOG_ROLE_UNKNOWN,
			.attribution = SOCKDOG_BY_HOLDER,
			.since_ns = found_since(),
		};
		struct move move = {};

		add_record_or_count(key, &found, &move);
		record = live_record(key);
		if (!record)
			return 0;
	}
	if (WORD_SLOT(word_of(record)) == SOCKDOG_SLOT_NOBODY && slot != SOCKDOG_SLOT_NOBODY) {
		struct move move = {};

		if (move_record(record, key, slot, KEEP_STATE, &move))
			record->attribution = SOCKDOG_BY_HOLDER;
	}
	mark_holder(record, slot);
	return 0;
}

/* One socket of a namespace; iter/tcp holds its lock. Those that have no record: connections waiting to be accepted, and
 * sockets that were closed and are on their way out (nobody's). */
static __always_inline int adopt_socket(struct sock_common *common)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(common);
	struct sockdog_record found = { .since_ns = found_since() }, *record;
	struct move move = {};
	__u64 key = (__u64)tp;
	__u32 slot;

	if (!tp)
		return 0;
	record = live_record(key);
	if (record) {
		give_to_listener(record, key, (struct sock *)tp);
		return 0;
	}
	slot = owner_of_waiting((struct sock *)tp);
	if (slot != SOCKDOG_SLOT_NOBODY) {
		found.role = SOCKDOG_ROLE_ACCEPTED;
		found.attribution = SOCKDOG_BY_LISTENER;
	}
	found.word = WORD_MAKE(slot, common->skc_state, key);
	add_record_or_count(key, &found, &move);
	return 0;
}

#endif
