/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A socket's record and the one way to change it.
 *
 * The word holds {slot:20 | state:4 | 0:8 | tag:32} (read by WORD_SLOT and WORD_STATE, sockdog.h). Every change of owner or
 * state is a compare-and-swap on it, and only the winner moves the gauges, by one in and one out: the gauges are always the
 * sum of the words. The tag is a part of the socket's address: memory of a deleted record is reused at once
 * (bpf_mem_alloc), and a swap that was prepared for another socket must fail. State 0 is "not counted yet" (a child until
 * it is ESTABLISHED). DEAD is a grave: the socket is gone, its record stays where it is, because the kernel soon gives the
 * same address to the next socket (the slab is last in, first out), and a lookup is much cheaper than removing one record
 * and inserting another. Only an audit removes graves. */
#ifndef SOCKDOG_RECORD_BPF_H
#define SOCKDOG_RECORD_BPF_H

#include "gauge.bpf.h"

#define WORD_MAKE(slot, state, key) (((__u64)(slot) << 44) | ((__u64)(state) << 40) | word_tag(key))
#define KEEP_STATE 0
#define KEEP_SLOT SOCKDOG_SLOT_ANY
#define SWAP_TRIES 16
#define EEXIST_ 17

/* The low half of the address. A 32-bit move is the one operation by which the verifier lets a pointer become a number,
 * and the compiler would choose shifts. */
static __always_inline __u32 word_tag(__u64 key)
{
	__u64 tag;

	asm volatile("r1 = %[key]; w1 = w1; %[tag] = r1" : [tag] "=r"(tag) : [key] "r"(key) : "r1");
	return (__u32)tag;
}

struct move {
	struct sockdog_gauge *gauge; /* the new owner's */
	__u32 count;                 /* its sockets in the new state, this one included */
	__u32 from;                  /* state before */
	__u32 slot;
};

enum outcome { MOVE_DONE, MOVE_NOTHING, MOVE_LOST };

/* One try to move a record to (slot, state), from exactly the word `before`. The new gauge rises before the old one falls,
 * so that the sum of a process that owns sockets is never read as zero. */
static __always_inline enum outcome move_record_from(struct sockdog_record *record, __u64 key, __u64 before, __u32 slot,
						     __u32 state, struct move *move)
{
	__u32 from = WORD_STATE(before), from_slot = WORD_SLOT(before);
	__u32 to = state == KEEP_STATE ? from : state;
	__u32 to_slot = slot == KEEP_SLOT ? from_slot : slot;
	__u64 after = WORD_MAKE(to_slot, to, key);
	struct sockdog_gauge *gauge;

	if (from == SOCKDOG_STATE_DEAD || (__u32)before != word_tag(key) || after == before)
		return MOVE_NOTHING;
	if (__sync_val_compare_and_swap(&record->word, before, after) != before)
		return MOVE_LOST;

	gauge = gauge_of(to_slot);
	move->gauge = gauge;
	move->from = from;
	move->slot = to_slot;
	if (gauge && to && to != SOCKDOG_STATE_DEAD)
		move->count = __sync_fetch_and_add(&gauge->sockets[to & 15], 1) + 1;
	if (from) {
		struct sockdog_gauge *old = from_slot == to_slot ? gauge : gauge_of(from_slot);

		if (old)
			__sync_fetch_and_add(&old->sockets[from & 15], -1);
	}
	return MOVE_DONE;
}

/* The same from whatever the word is. True when this call made a change. */
static __always_inline bool move_record(struct sockdog_record *record, __u64 key, __u32 slot, __u32 state, struct move *move)
{
	for (int i = 0; i < SWAP_TRIES; i++) {
		enum outcome outcome = move_record_from(record, key, word_of(record), slot, state, move);

		if (outcome != MOVE_LOST)
			return outcome == MOVE_DONE;
	}
	count(losses.cas_exhausted);
	return false;
}

/* A grave becomes the record of the next socket at its address. The word goes last: who reads it as live finds the rest
 * in place. False when another CPU was faster, or an audit removed the grave. */
static __always_inline bool reuse_grave(struct sockdog_record *grave, __u64 before, const struct sockdog_record *fresh)
{
	__u64 word = fresh->word;

	grave->opened_ns = fresh->opened_ns;
	grave->since_ns = fresh->since_ns;
	grave->owner_pass = grave->other_pass = grave->holder_pass = 0;
	grave->other_slot = grave->holder_slot = 0;
	grave->holders = 0;
	grave->role = fresh->role;
	grave->attribution = fresh->attribution;
	grave->opener = 0;
	grave->call_site = 0;
	return __sync_val_compare_and_swap(&grave->word, before, word) == before;
}

enum added { RECORD_ADDED, RECORD_EXISTS, RECORD_REFUSED };

/* A record for a socket that has none: whole from the first moment. */
static __always_inline enum added add_record(__u64 key, const struct sockdog_record *fresh, struct move *move)
{
	struct sockdog_record *there = bpf_map_lookup_elem(&records, &key);
	__u32 state = WORD_STATE(fresh->word);

	if (there) {
		__u64 before = word_of(there);

		if (WORD_STATE(before) != SOCKDOG_STATE_DEAD || (__u32)before != word_tag(key))
			return RECORD_EXISTS;
		if (!reuse_grave(there, before, fresh))
			there = NULL;
	}
	if (!there) {
		long error = bpf_map_update_elem(&records, &key, fresh, BPF_NOEXIST);

		if (error)
			return error == -EEXIST_ ? RECORD_EXISTS : RECORD_REFUSED;
	}
	move->slot = WORD_SLOT(fresh->word);
	move->gauge = gauge_of(move->slot);
	move->from = 0;
	if (move->gauge && state)
		move->count = __sync_fetch_and_add(&move->gauge->sockets[state & 15], 1) + 1;
	return RECORD_ADDED;
}

/* A socket goes unbooked: graves may fill the map, so the agent is called at once to clear them. */
static __noinline int refuse_record(void)
{
	struct sockdog_gauge *nobody = gauge_of(SOCKDOG_SLOT_NOBODY);

	count(losses.record_refused);
	if (nobody && !full_noticed && __sync_val_compare_and_swap(&full_noticed, 0, 1) == 0)
		notice(SOCKDOG_EVENT_BOOKS_FULL, SOCKDOG_SLOT_NOBODY, nobody, 0, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* The same where no answer is needed. */
static __always_inline void add_record_or_count(__u64 key, const struct sockdog_record *fresh, struct move *move)
{
	if (add_record(key, fresh, move) == RECORD_REFUSED)
		refuse_record();
}

/* The end of a socket: its record becomes a grave, `now` is its age. */
static __always_inline bool bury_record(struct sockdog_record *record, __u64 key, __u64 now)
{
	struct move move = {};

	record->since_ns = now;
	if (!move_record(record, key, KEEP_SLOT, SOCKDOG_STATE_DEAD, &move))
		return false;
	if (move.gauge)
		count(move.gauge->closed);
	return true;
}

#endif
