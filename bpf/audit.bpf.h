/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Passes over the records themselves. They see the sockets of all network namespaces, whatever their state, with and
 * without an fd, and need no namespace to be entered. Not iterators over the map: some kernels refuse those that can write
 * what they iterate over (EPERM). A socket is read through its address with fault-tolerant reads: it may be gone (memory of
 * TCP sockets is only ever reused for TCP sockets while the slab lives, SLAB_TYPESAFE_BY_RCU), so nothing is believed before
 * the word of the record was read again and still names it. */
#ifndef SOCKDOG_AUDIT_BPF_H
#define SOCKDOG_AUDIT_BPF_H

#include "socket.bpf.h"
#include "sweep.bpf.h"

/* What the kernel says of the socket at an address: false when that is no live TCP socket. */
static __always_inline bool read_state(const struct sock *sk, __u32 *state)
{
	__u32 orphaned = BPF_CORE_READ(sk, __sk_common.skc_flags) & SOCK_DEAD_BIT;
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u16 protocol = BPF_CORE_READ(sk, sk_protocol);

	*state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if ((family != AF_INET_ && family != AF_INET6_) || protocol != IPPROTO_TCP)
		return false;
	if (BPF_CORE_READ(sk, __sk_common.skc_refcnt.refs.counter) == 0)
		return false;
	return !(*state == TCP_CLOSE && orphaned);
}

/* Record times are as old as the last tick: two ticks of the slowest clock (HZ 100). What a worker accepts in its first
 * moments would else seem older than the worker; nobody but a child comes by a connection that another one opened. */
#define CLOCK_GRAIN_NS 20000000ULL

/* Open before the process began, which then has it from whoever started it: descriptors pass on to children unless they
 * are close-on-exec. What came over a UNIX socket or was accepted by a worker is younger than the worker. */
static __always_inline bool is_older_than(const struct sockdog_record *record, const struct sockdog_gauge *gauge)
{
	__u64 asleep = bpf_ktime_get_boot_ns() - bpf_ktime_get_ns(); /* what CLOCK_BOOTTIME counts more */
	__u64 grain = record->role == SOCKDOG_ROLE_OPENED ? 0 : CLOCK_GRAIN_NS;

	return record->opened_ns && record->opened_ns + grain + asleep < gauge->start_boottime_ns;
}

static __always_inline void move_to_holder(struct sockdog_record *record, __u64 key)
{
	struct sockdog_gauge *before;
	struct move move = {};

	if (!sweep.pass || record->other_pass != sweep.pass || record->owner_pass == sweep.pass)
		return;
	before = gauge_of(WORD_SLOT(word_of(record)));
	if (!move_record(record, key, record->other_slot, KEEP_STATE, &move))
		return;
	record->attribution = SOCKDOG_BY_MOVE;
	record->owner_pass = sweep.pass;
	record->opener = before ? before->tgid : 0;
	if (move.gauge && is_older_than(record, move.gauge)) {
		record->attribution = SOCKDOG_BY_INHERITANCE;
		count(move.gauge->inherited);
	}
}

static __always_inline void add_to_sum(const struct sockdog_record *record)
{
	__u64 word = word_of(record);
	__u32 slot = WORD_SLOT(word);
	struct sockdog_sum *sum = bpf_map_lookup_elem(&sums, &slot);

	if (sum && WORD_STATE(word) && WORD_STATE(word) != SOCKDOG_STATE_DEAD)
		sum->sockets[WORD_STATE(word) & 15]++;
}

/* True when the record's last transition is so long ago that the kernel has stored its state: the tracepoint fires before
 * that. To be asked after the word was read. */
static __always_inline bool is_quiet(const struct sockdog_record *record)
{
	return *(const volatile __u64 *)&record->since_ns + sweep.quiet_ns <= sweep.now_ns;
}

/* The word of a record that was deleted from the map is cleared: whoever still holds a pointer to it fails to swap. The
 * word as it was, or 0 where another record has the memory by now. */
static __always_inline __u64 clear_word(struct sockdog_record *record, __u64 key)
{
	for (int i = 0; i < SWAP_TRIES; i++) {
		__u64 word = word_of(record);

		if ((__u32)word != word_tag(key))
			return 0;
		if (__sync_val_compare_and_swap(&record->word, word, 0) == word)
			return word;
	}
	count(losses.cas_exhausted);
	return 0;
}

/* A grave that nobody came to use: its socket's memory went elsewhere. Another CPU may revive it at this very moment. It
 * then does so before its word is cleared, and the record is put back; or it fails, and makes a new record. Where a new
 * one is in the way the revived one is taken out of the gauges: they stay the sum of the words. */
static __always_inline void remove_grave(struct sockdog_record *grave, __u64 key)
{
	struct sockdog_record revived;
	struct sockdog_gauge *gauge;
	__u32 state;

	if (!is_grave(grave) || grave->since_ns + sweep.grave_ns > sweep.now_ns)
		return;
	if (bpf_map_delete_elem(&records, &key))
		return;
	revived = *grave;
	revived.word = clear_word(grave, key);
	state = WORD_STATE(revived.word);
	if (!revived.word || state == SOCKDOG_STATE_DEAD)
		return;
	if (bpf_map_update_elem(&records, &key, &revived, BPF_NOEXIST) == 0)
		return;
	gauge = gauge_of(WORD_SLOT(revived.word));
	if (gauge && state)
		__sync_fetch_and_add(&gauge->sockets[state & 15], -1);
}

/* Puts right what skipped program runs left behind. Both changes are made from the very word that was read before the
 * socket was: a transition in between makes them fail, and they are left to the next pass. */
static __always_inline int audit_record(__u64 key)
{
	struct sockdog_record *record = bpf_map_lookup_elem(&records, &key);
	const struct sock *sk = (const struct sock *)key;
	struct move move = {};
	__u32 state = 0;
	__u64 before;

	if (!record)
		return 0;
	if (is_grave(record)) {
		remove_grave(record, key);
		return 0;
	}
	move_to_holder(record, key);
	if (sweep.pass)
		give_to_listener(record, key, sk);
	before = word_of(record);
	if (!is_quiet(record)) {
		add_to_sum(record);
		return 0;
	}
	if (!read_state(sk, &state)) {
		if (move_record_from(record, key, before, KEEP_SLOT, SOCKDOG_STATE_DEAD, &move) != MOVE_DONE) {
			add_to_sum(record);
			return 0;
		}
		if (move.gauge)
			count(move.gauge->closed);
		count(losses.phantom_removed);
		return 0;
	}
	/* An accepted child that is not ESTABLISHED yet is not counted: fast open children stay so for long. */
	if (state != WORD_STATE(before) &&
	    move_record_from(record, key, before, KEEP_SLOT, state, &move) == MOVE_DONE)
		count(losses.state_repaired);
	add_to_sum(record);
	return 0;
}

/* True when `out` is a socket that the pass looks for. */
static __always_inline bool walk_record(__u64 key, struct sockdog_socket *out)
{
	struct sockdog_record *record = bpf_map_lookup_elem(&records, &key);
	const struct sock *sk = (const struct sock *)key;
	__u32 state;
	__u64 word;

	if (!record)
		return false;
	word = word_of(record);
	if (WORD_STATE(word) == SOCKDOG_STATE_DEAD)
		return false;
	if (sweep.only_slot != SOCKDOG_SLOT_ANY && WORD_SLOT(word) != sweep.only_slot)
		return false;
	if (!read_state(sk, &state) || !(sweep.state_mask & (1u << (state & 15))))
		return false;
	read_socket(out, sk, record, word, state);
	word = word_of(record);
	if ((__u32)word != word_tag(key) || WORD_STATE(word) == SOCKDOG_STATE_DEAD)
		return false;
	return true;
}

/* One row of a step. 1 ends it. */
static long audit_visit(struct bpf_map *map, __u32 *row, struct sockdog_visit *visit, void *unused)
{
	if (*row >= sweep.visits)
		return 1;
	audit_record(visit->key);
	return 0;
}

static long walk_visit(struct bpf_map *map, __u32 *row, struct sockdog_visit *visit, void *unused)
{
	if (*row >= sweep.visits)
		return 1;
	visit->found = walk_record(visit->key, &visit->socket);
	return 0;
}

#endif
