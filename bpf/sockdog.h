/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The contract between the kernel side and user space: every struct that crosses, compiled by both compilers.
 * Fixed-width fields, padding by name and zeroed, sizes and offsets asserted below. Times are CLOCK_MONOTONIC in ns,
 * addresses in network byte order, ports in host byte order. */
#ifndef SOCKDOG_H
#define SOCKDOG_H

#ifdef __cplusplus
#include <cstddef>
#include <cstdint>
typedef std::uint8_t sd_u8;
typedef std::uint16_t sd_u16;
typedef std::uint32_t sd_u32;
typedef std::uint64_t sd_u64;
#define SD_ASSERT static_assert
#else
typedef __u8 sd_u8;
typedef __u16 sd_u16;
typedef __u32 sd_u32;
typedef __u64 sd_u64;
#define SD_ASSERT _Static_assert
#endif

#define SOCKDOG_STATES 16 /* TCP states 1..11 of include/net/tcp_states.h; a power of two bounds the index */
#define SOCKDOG_STATE_DEAD 15
#define SOCKDOG_SLOT_NOBODY 0 /* gauges of sockets whose owner is not known */
#define SOCKDOG_SLOT_ANY 0xffffffffu
#define SOCKDOG_COMM 16

/* One process's gauges: an element of a memory-mapped array, found through its slot number.
 * The kernel side adds; user space reads, and writes only the fields marked so. */
struct sockdog_gauge {
	sd_u32 sockets[SOCKDOG_STATES];

	sd_u64 opened;
	sd_u64 accepted;
	sd_u64 closed;
	sd_u64 peer_closed_first;
	sd_u64 reset;
	sd_u64 connect_refused;
	sd_u64 connect_timed_out;
	sd_u64 connect_address_unavailable;

	sd_u64 connect_failed_other;
	sd_u64 too_many_files;
	sd_u64 start_boottime_ns; /* of the thread group leader */
	sd_u32 tgid;
	sd_u32 wake_limit; /* user space: CLOSE_WAIT sockets that raise an event, 0: the default */
	sd_u32 alerted;    /* set with the event; user space clears it when the count fell again */
	sd_u32 traced;     /* user space: transitions of this process go to the trace ring */
	char comm[SOCKDOG_COMM];
	sd_u64 inherited; /* sockets that came to it and were open before it was born */
};
SD_ASSERT(sizeof(struct sockdog_gauge) == 192, "three cache lines");
SD_ASSERT(__builtin_offsetof(struct sockdog_gauge, opened) == 64, "counters on the second line");

/* Records of one slot by state, as counted by an audit. */
struct sockdog_sum {
	sd_u32 sockets[SOCKDOG_STATES];
};

/* The kernel's two clocks at one moment; user space learns the length of a jiffy from two of them. */
struct sockdog_clock {
	sd_u64 jiffies;
	sd_u64 now_ns;
};

/* The key of a process. start_boottime, not ticks: no division on the hot path. */
struct sockdog_process {
	sd_u64 start_boottime_ns;
	sd_u64 tgid;
};
SD_ASSERT(sizeof(struct sockdog_process) == 16, "no padding in a hash key");

/* One socket's record, value of the hash keyed by the address of its struct sock. */
struct sockdog_record {
	sd_u64 word;       /* slot | state | tag, see record.bpf.h: changed by compare-and-swap only */
	sd_u64 opened_ns;  /* 0: before the books were opened */
	sd_u64 since_ns;   /* of its state, or its end; 0: before the books were opened */
	sd_u32 owner_pass; /* the last sweep in which its owner held an fd of it */
	sd_u32 other_pass; /* the last sweep in which another process held one, ... */
	sd_u32 other_slot; /* ... and which */
	sd_u32 holder_pass;
	sd_u32 holder_slot; /* the last process counted in holders */
	sd_u16 holders;     /* processes that held an fd in holder_pass */
	sd_u8 role;         /* enum sockdog_role */
	sd_u8 attribution;  /* enum sockdog_attribution */
	sd_u32 opener;      /* process that owned it before the present owner; 0: none */
	sd_u32 padding;
	sd_u64 call_site; /* id of a struct sockdog_stack; 0: not captured */
};
/* With its key and the kernel's own header a hash element has 120 bytes then, which take 128 as 112 do. */
SD_ASSERT(sizeof(struct sockdog_record) == 64, "record grew: see docs/benchmarks.md before accepting that");

/* Of a record's word. */
#define WORD_SLOT(word) ((sd_u32)((word) >> 44))
#define WORD_STATE(word) ((sd_u32)((word) >> 40) & 15)

enum sockdog_role { SOCKDOG_ROLE_UNKNOWN, SOCKDOG_ROLE_OPENED, SOCKDOG_ROLE_ACCEPTED, SOCKDOG_ROLE_LISTENING };

enum sockdog_attribution {
	SOCKDOG_BY_NOBODY,
	SOCKDOG_BY_CALLER,
	SOCKDOG_BY_LISTENER,
	SOCKDOG_BY_HOLDER,
	SOCKDOG_BY_MOVE,
	SOCKDOG_BY_INHERITANCE, /* by move, and it was open before the owner was born */
};

enum sockdog_socket_flags {
	SOCKDOG_SOCKET_HAS_FD = 1,
	SOCKDOG_SOCKET_ORPHANED = 2, /* SOCK_DEAD */
};

/* What a walk writes for each socket. */
struct sockdog_socket {
	sd_u64 id; /* address of struct sock */
	sd_u64 opened_ns;
	sd_u64 since_ns;
	sd_u64 cgroup_id;
	sd_u64 cookie;
	sd_u64 inode;
	sd_u64 bytes_received;
	sd_u64 bytes_acked;
	sd_u64 call_site;
	sd_u32 slot;
	sd_u32 netns;
	sd_u32 uid;
	sd_u32 recv_queue; /* bytes; accept backlog of a listener */
	sd_u32 send_queue;
	sd_u32 idle_sent_jiffies;
	sd_u32 idle_received_jiffies;
	sd_u32 data_segments_in;
	sd_u32 data_segments_out;
	sd_u32 opener; /* as in the record */
	sd_u32 padding;
	sd_u16 local_port;
	sd_u16 remote_port;
	sd_u8 local[16];
	sd_u8 remote[16];
	sd_u16 family;
	sd_u16 holders;
	sd_u8 state; /* the kernel's own, at the moment of the walk */
	sd_u8 role;
	sd_u8 attribution;
	sd_u8 flags; /* enum sockdog_socket_flags */
};
SD_ASSERT(sizeof(struct sockdog_socket) == 160, "no hidden padding");

/* A pass over the records goes in steps of so many: user space reads keys, a program looks at them. */
#define SOCKDOG_STEP 1024

/* One of a step: user space writes the key, a walk the socket. */
struct sockdog_visit {
	sd_u64 key;
	sd_u64 found; /* a walk: 1 where `socket` is what was looked for */
	struct sockdog_socket socket;
};
SD_ASSERT(sizeof(struct sockdog_visit) == 176, "no hidden padding");

/* connect() found no free port (EADDRNOTAVAIL): who, from where, to where. Entries of the LRU hash "shortages". */
struct sockdog_shortage_key {
	sd_u64 start_boottime_ns;
	sd_u32 tgid;
	sd_u32 netns;
	sd_u8 local[16];
	sd_u8 remote[16];
	sd_u16 family;
	sd_u16 remote_port;
	sd_u32 padding;
};
SD_ASSERT(sizeof(struct sockdog_shortage_key) == 56, "no hidden padding in a hash key");

struct sockdog_shortage {
	sd_u64 failures;
	sd_u64 first_ns;
	sd_u64 last_ns;
};

enum sockdog_event_kind {
	SOCKDOG_EVENT_CLOSE_WAIT_LIMIT = 1,
	SOCKDOG_EVENT_ADDRESS_UNAVAILABLE = 2,
	SOCKDOG_EVENT_TOO_MANY_FILES = 3,
	SOCKDOG_EVENT_PROCESS_EXIT = 4,
	SOCKDOG_EVENT_BOOKS_FULL = 5, /* of no process */
};

/* What a process did that the agent should look at; the ring "notices". */
struct sockdog_notice {
	sd_u64 at_ns;
	sd_u64 start_boottime_ns;
	sd_u32 tgid;
	sd_u32 kind; /* enum sockdog_event_kind */
	sd_u32 value;
	sd_u32 slot;
	char comm[SOCKDOG_COMM];
};
SD_ASSERT(sizeof(struct sockdog_notice) == 48, "no hidden padding");

/* One transition of a traced socket; the ring "traces". */
struct sockdog_trace {
	sd_u64 at_ns;
	sd_u64 id;
	sd_u64 opened_ns;
	sd_u64 start_boottime_ns;
	sd_u32 tgid;
	sd_u32 error; /* sk_err */
	sd_u8 local[16];
	sd_u8 remote[16];
	sd_u16 family;
	sd_u16 local_port;
	sd_u16 remote_port;
	sd_u8 from;
	sd_u8 to;
	sd_u8 role;
	sd_u8 padding[7];
	char comm[SOCKDOG_COMM];
};
SD_ASSERT(sizeof(struct sockdog_trace) == 104, "no hidden padding");

/* A socket that a process left open when it ended, `socket.state` being the state it was left in; the ring "traces", told
 * from transitions by its size. */
struct sockdog_leftover {
	sd_u64 at_ns;
	sd_u64 start_boottime_ns; /* of the process that ended, who need not be the owner in the books */
	sd_u32 tgid;
	sd_u32 padding;
	char comm[SOCKDOG_COMM];
	struct sockdog_socket socket;
};
SD_ASSERT(sizeof(struct sockdog_leftover) == 200, "no hidden padding");

/* What the books could not keep, and what a reconcile pass put right. Only grows. */
struct sockdog_losses {
	sd_u64 record_refused;
	sd_u64 gauge_full;
	sd_u64 notice_dropped;
	sd_u64 trace_dropped;
	sd_u64 cas_exhausted;
	sd_u64 state_repaired;
	sd_u64 phantom_removed;
};

/* The layout of the maps as their BTF tells it is a part of the name under which they are pinned. Where the meaning of a
 * field changes and its layout does not (the bits of a record's word, a clock), raise this. */
#define SOCKDOG_LAYOUT_REVISION 1

/* What only user space reads and writes, kept beside the books because it must live as long as they do. */
struct sockdog_kept {
	sd_u64 opened_ns; /* when the books were opened; 0: they are not, whatever the maps hold */
	sd_u64 drift_corrected;
	sd_u64 recursion_missed; /* of programs that were replaced since */
	sd_u64 lost_at_ns;       /* the last loss that spoils counts; 0: none */
	struct sockdog_losses told;
	sd_u64 told_recursion_missed;
	sd_u64 told_drift_corrected;
	struct sockdog_gauge retired; /* counters of slots that were taken back; nothing else of it */
	sd_u32 pass;                  /* of the last sweep: records hold numbers of passes */
	sd_u32 padding;
};
SD_ASSERT(sizeof(struct sockdog_kept) == 304, "no hidden padding");

/* Set by user space before an iterator is read, or a step of a pass is made. */
struct sockdog_sweep {
	sd_u64 now_ns;     /* of the start of the pass */
	sd_u64 grave_ns;   /* audit: records of ended sockets that stood unused for so long are removed */
	sd_u64 quiet_ns;   /* a record younger than this in its state is not repaired: its program may be on its way */
	sd_u32 pass;       /* number of the sweep; 0: do not move owners */
	sd_u32 only_slot;  /* walk: records of this slot, or SOCKDOG_SLOT_ANY */
	sd_u32 state_mask; /* walk: bit (1 << state) */
	sd_u32 visits;     /* of the step under way: rows of the map "visits" that count */
};

#endif
