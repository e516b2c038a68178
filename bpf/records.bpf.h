/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The map of the books that both BPF objects share, and how to find a live record in it. */
#ifndef SOCKDOG_RECORDS_BPF_H
#define SOCKDOG_RECORDS_BPF_H

#include "kernel.bpf.h"
#include "sockdog.h"

#define count(counter) __sync_fetch_and_add(&(counter), 1)

/* The books. A hash, not sk_storage: less memory and a cheaper accept path (docs/benchmarks.md). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144); /* config */
	__type(key, __u64);
	__type(value, struct sockdog_record);
} records SEC(".maps");

static __always_inline __u64 word_of(const struct sockdog_record *record)
{
	return *(const volatile __u64 *)&record->word;
}

static __always_inline bool is_grave(const struct sockdog_record *record)
{
	return WORD_STATE(word_of(record)) == SOCKDOG_STATE_DEAD;
}

/* The record of a socket that is known to the books. */
static __always_inline struct sockdog_record *live_record(__u64 key)
{
	struct sockdog_record *record = bpf_map_lookup_elem(&records, &key);

	return record && !is_grave(record) ? record : NULL;
}

#endif
