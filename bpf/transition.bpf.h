/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What tcp_set_state() means for the books.
 *
 *   transition             | runs in           | books
 *   -----------------------|-------------------|------------------------------------------------------------
 *   CLOSE -> SYN_SENT      | caller's context  | new record (or the old one of a retried connect), owner = caller
 *   CLOSE -> LISTEN        | caller's context  | likewise
 *   LISTEN -> SYN_RECV     | softirq           | new record, owner = listener's, counted when ESTABLISHED
 *   SYN_SENT -> CLOSE      | either            | failure told by sk_err
 *   any -> CLOSE, SOCK_DEAD| either            | nothing: tcp_destroy_sock follows at once
 *   any other              | mostly softirq    | state moves, `current` is never trusted
 */
#ifndef SOCKDOG_TRANSITION_BPF_H
#define SOCKDOG_TRANSITION_BPF_H

#include "clock.bpf.h"
#include "leftover.bpf.h"
#include "preempt.bpf.h"
#include "record.bpf.h"
#include "shortage.bpf.h"
#include "trace.bpf.h"

#define ECONNRESET_ 104
#define ETIMEDOUT_ 110
#define ECONNREFUSED_ 111

static __always_inline bool is_orphan(const struct sock *sk)
{
	return sk->__sk_common.skc_flags & SOCK_DEAD_BIT;
}

/* connect() or listen(): the only transitions that name the owner. */
static __always_inline void on_open(struct sock *sk, __u64 key, __u32 state, __u64 now, bool again, struct move *move)
{
	__u32 slot = slot_of_current();
	struct sockdog_record fresh = {
		.word = WORD_MAKE(slot, state, key),
		.opened_ns = now,
		.since_ns = now,
		.role = state == TCP_LISTEN ? SOCKDOG_ROLE_LISTENING : SOCKDOG_ROLE_OPENED,
		.attribution = slot ? SOCKDOG_BY_CALLER : SOCKDOG_BY_NOBODY,
	};
	enum added added = add_record(key, &fresh, move);

	if (added != RECORD_ADDED) {
		struct sockdog_record *record = live_record(key);

		if (!record) {
			if (added == RECORD_REFUSED && !again)
				refuse_record();
			return;
		}
		record->opened_ns = now;
		record->since_ns = now;
		record->role = fresh.role;
		record->attribution = fresh.attribution;
		record->call_site = 0;
		move_record(record, key, slot, state, move);
	}
	if (move->gauge && state == TCP_SYN_SENT)
		count(move->gauge->opened);
}

/* At this moment the child is a bitwise copy of its listener (inet_csk_clone_lock), so its tsq_node, an empty list head,
 * still points at the listener's own. The address is believed only when the books have a listener there. */
static __always_inline void on_child(struct sock *sk, __u64 key, __u64 now, bool again)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct sockdog_record fresh = {
		.opened_ns = now,
		.since_ns = now,
		.role = SOCKDOG_ROLE_ACCEPTED,
	};
	struct sockdog_record *listener;
	struct move move = {};
	__u32 slot = SOCKDOG_SLOT_NOBODY;
	enum added added;
	__u64 parent;

	if (!tp)
		return;
	parent = (__u64)tp->tsq_node.next - bpf_core_field_offset(struct tcp_sock, tsq_node);
	listener = bpf_map_lookup_elem(&records, &parent);
	if (listener) {
		__u64 word = word_of(listener);

		if (WORD_STATE(word) == TCP_LISTEN) {
			slot = WORD_SLOT(word);
			fresh.attribution = SOCKDOG_BY_LISTENER;
		}
	}
	fresh.word = WORD_MAKE(slot, 0, key);
	added = add_record(key, &fresh, &move);
	if (added == RECORD_EXISTS) {
		/* The record of a socket whose end went unseen has this address: end it, begin anew. */
		struct sockdog_record *stale = live_record(key);

		if (stale)
			bury_record(stale, key, now);
		added = add_record(key, &fresh, &move);
	}
	if (added == RECORD_REFUSED && !again)
		refuse_record();
}

static __always_inline void count_failure(struct sock *sk, const struct move *move)
{
	struct sockdog_gauge *gauge = move->gauge;
	struct tcp_sock *tp;
	int error = sk->sk_err;

	if (error == ECONNREFUSED_) {
		count(gauge->connect_refused);
		return;
	}
	if (error == ETIMEDOUT_) {
		count(gauge->connect_timed_out);
		return;
	}
	/* No port was to be had: no error yet, nothing shut down, nothing ever sent. Do not test the port: it is released
	 * before the tracepoint fires. */
	tp = bpf_skc_to_tcp_sock(sk);
	if (!error && !(sk->sk_shutdown & 3) && tp && tp->packets_out == 0) {
		if (count(gauge->connect_address_unavailable) == 0)
			notice(SOCKDOG_EVENT_ADDRESS_UNAVAILABLE, move->slot, gauge, 1, BPF_RB_FORCE_WAKEUP);
		note_shortage(sk, gauge);
		return;
	}
	count(gauge->connect_failed_other);
}

static __always_inline void check_limit(const struct move *move)
{
	struct sockdog_gauge *gauge = move->gauge;
	__u32 limit = gauge->wake_limit ? gauge->wake_limit : default_wake_limit;

	if (!limit || move->count < limit || gauge->alerted)
		return;
	if (__sync_val_compare_and_swap(&gauge->alerted, 0, 1) == 0)
		notice(SOCKDOG_EVENT_CLOSE_WAIT_LIMIT, move->slot, gauge, move->count, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void on_change(struct sock *sk, __u64 key, __u32 old, __u32 state, __u64 now, struct move *move)
{
	struct sockdog_record *record = live_record(key);
	struct sockdog_gauge *gauge;

	if (!record) {
		/* From before the books, or refused at birth: the next sweep finds the owner. */
		struct sockdog_record fresh = {
			.word = WORD_MAKE(SOCKDOG_SLOT_NOBODY, state, key),
			.since_ns = now,
		};

		add_record(key, &fresh, move); /* a refusal was counted at birth */
		return;
	}
	record->since_ns = now;
	if (!move_record(record, key, KEEP_SLOT, state, move))
		return;
	gauge = move->gauge;
	if (!gauge)
		return;
	if (state == TCP_ESTABLISHED) {
		if (old == TCP_SYN_RECV)
			count(gauge->accepted);
	} else if (state == TCP_CLOSE_WAIT) {
		count(gauge->peer_closed_first);
		check_limit(move);
	} else if (state == TCP_CLOSE) {
		if (old == TCP_SYN_SENT)
			count_failure(sk, move);
		else if (sk->sk_err == ECONNRESET_)
			count(gauge->reset);
	}
}

/* `again`: what the books refuse has been counted. */
static __always_inline int transition_of(struct sock *sk, __u32 old, __u32 state, bool again)
{
	struct move move = {};
	__u64 key = (__u64)sk, now;

	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (state == TCP_CLOSE && (old == TCP_CLOSE || is_orphan(sk)))
		return 0;
	leftover_at_transition(sk, key, old, state);
	now = recent_ns();
	if (state == TCP_SYN_RECV && old == TCP_LISTEN)
		on_child(sk, key, now, again);
	else if (old == TCP_CLOSE && (state == TCP_SYN_SENT || state == TCP_LISTEN))
		on_open(sk, key, state, now, again, &move);
	else
		on_change(sk, key, old, state, now, &move);
	/* What the books refuse is never booked, so a second look would tell of it twice. */
	if (move.gauge ? trace_everything || move.gauge->traced : trace_everything && !again)
		trace_transition(sk, key, old, state, bpf_ktime_get_ns());
	return 0;
}

/* Whether the books know of a transition already. A child counts as booked from its birth on: its record is in no state
 * until it is ESTABLISHED. */
static __always_inline bool is_booked(struct sock *sk, __u32 old, __u32 state)
{
	struct sockdog_record *record = live_record((__u64)sk);
	__u32 booked;

	if (!record)
		return false;
	booked = WORD_STATE(word_of(record));
	return booked == state || (booked == 0 && old == TCP_LISTEN && state == TCP_SYN_RECV);
}

static __always_inline int farewell_of(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct sockdog_record *record = live_record(key);
	struct sockdog_gauge *gauge;
	__u32 state;

	if (!record)
		return 0;
	gauge = gauge_of(WORD_SLOT(word_of(record)));
	state = WORD_STATE(word_of(record));
	if (state != TCP_CLOSE && (trace_everything || (gauge && gauge->traced)))
		trace_transition(sk, key, state, TCP_CLOSE, bpf_ktime_get_ns());
	leftover_at_end(sk, key, state);
	bury_record(record, key, recent_ns());
	return 0;
}

/* `again`: the second program looks, for what the first one missed. */
static __always_inline int book_transition(struct sock *sk, __u32 old, __u32 state, bool again)
{
	disable_preemption();
	if (!again || !is_booked(sk, old, state))
		transition_of(sk, old, state, again);
	enable_preemption();
	return 0;
}

/* Of a socket whose end is booked: nothing. */
static __always_inline int book_farewell(struct sock *sk)
{
	disable_preemption();
	farewell_of(sk);
	enable_preemption();
	return 0;
}

#endif
