/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Every map and variable of the kernel side. Sizes marked (config) are set by user space before loading. All but the
 * constants are pinned in bpffs, where books outlive the agent. */
#ifndef SOCKDOG_MAPS_BPF_H
#define SOCKDOG_MAPS_BPF_H

#include "records.bpf.h"

/* Gauges by slot, mapped into the agent: reading them costs no system call. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16384); /* config */
	__type(key, __u32);
	__type(value, struct sockdog_gauge);
} gauges SEC(".maps");

/* What an audit counted, slot by slot, to be held against the gauges. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16384); /* config */
	__type(key, __u32);
	__type(value, struct sockdog_sum);
} sums SEC(".maps");

/* A step of a pass over the records. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SOCKDOG_STEP);
	__type(key, __u32);
	__type(value, struct sockdog_visit);
} visits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384); /* config */
	__type(key, struct sockdog_process);
	__type(value, __u32);
} slots SEC(".maps");

/* Slots that the agent took back from ended processes. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 16384); /* config */
	__uint(key_size, 0);
	__uint(value_size, sizeof(__u32));
} free_slots SEC(".maps");

/* (netns, local port) -> slot of a listener: owners of connections that were waiting to be accepted before us. */
struct sockdog_listener {
	__u32 netns;
	__u32 port;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct sockdog_listener);
	__type(value, __u32);
} listeners SEC(".maps");

/* Failed connects only: never on the way of one that succeeds. The oldest go first. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct sockdog_shortage_key);
	__type(value, struct sockdog_shortage);
} shortages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18); /* config */
} notices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22); /* config */
} traces SEC(".maps");

const volatile __u32 max_slots = 16384;
const volatile __u32 can_disable_preemption = 0; /* the kernel has bpf_preempt_disable() */
const volatile __u32 tell_leftovers = 0; /* sockets that exiting processes leave open go to the trace ring */

volatile __u32 default_wake_limit = 0; /* CLOSE_WAIT sockets of one process that raise an event; 0: never */
volatile __u32 trace_everything = 0;
volatile __u32 next_slot = 1;
__u32 full_noticed = 0; /* user space clears it when it made room */
struct sockdog_losses losses = {};
struct sockdog_sweep sweep = {};
struct sockdog_clock clock = {};
struct sockdog_kept kept = {};

#endif
