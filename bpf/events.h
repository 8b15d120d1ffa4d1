/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Everything that the capture programs and user space say to each other. Included by the BPF programs and, through
 * CProbe, by Swift: there is no second copy of these layouts.
 */
#ifndef STORMFUSE_EVENTS_H
#define STORMFUSE_EVENTS_H

#include <linux/types.h>

/* How much of a connection is recorded. */
enum interest {
	INTEREST_IGNORE = 0,  /* nothing, and the packet is not even parsed */
	INTEREST_HEADERS = 1, /* every segment with payload, SYN, FIN or RST, without its payload */
	INTEREST_FULL = 2,    /* the same with all of its payload */
};

/* What is known of a connection: connection.flags, and, as they stood, segment_event.marks. */
enum connection_flag {
	/* User space has looked at this connection (does it belong to the target, is it the mirror of another one). */
	CONNECTION_CHECKED = 1,
	/* Recorded by the `listed` programs and by nobody else; without it, by the `all` programs and by nobody else. */
	CONNECTION_LISTED = 2,
	/* Made by a process that is not known to be the target's: user space must decide. */
	CONNECTION_UNDECIDED = 4,
};

/* Value of the map `connections`; the key is the socket's cookie. */
struct connection {
	__u32 process; /* thread group that called connect, as user space numbers it, or PROCESS_OUTER; 0 if unknown */
	__u32 epoch;   /* capture_state.epoch when the last packet passed: user space drops entries that went stale */
	__u8 interest; /* enum interest */
	__u8 flags;    /* enum connection_flag */
	__u16 reserved;
};

/* Set in a process number that is of the first PID namespace, which user space can't see: it tells processes apart and no
 * more. No kernel has that many (PID_MAX_LIMIT is 4 million). */
#define PROCESS_OUTER 0x80000000u

/* The rest of segment_event.marks. */
enum segment_mark {
	/* These bytes were held: they have not passed, and come again as a fact when they do. */
	SEGMENT_HELD = 128,
};

enum direction {
	DIRECTION_INGRESS = 0,
	DIRECTION_EGRESS = 1,
};

/*
 * One record of the ring buffer: a TCP segment, or a part of one whose payload is above 4096 bytes. A part is a whole
 * segment to its reader: its own sequence number and length, SYN only on the first, FIN and RST only on the last.
 * Addresses and ports are in network order as in the packet; all other numbers are the host's.
 */
struct segment_event {
	__u64 at_ns;                  /* CLOCK_MONOTONIC at the hook */
	__u64 cookie;                 /* bpf_get_socket_cookie */
	__u32 addresses[8];           /* source and destination: of IPv6 4 words each, of IPv4 the first 2, the rest is undefined */
	__u16 source_port;
	__u16 destination_port;
	__u32 sequence;               /* of the first payload byte, or of the SYN */
	__u32 acknowledgement;
	__u32 length;                 /* payload bytes on the wire */
	__u32 captured;               /* payload bytes in this record, from its start: `length`, or 0 with INTEREST_HEADERS */
	__u32 process;                /* as in struct connection */
	__u8 flags;                   /* FIN 1, SYN 2, RST 4, PSH 8, ACK 16 */
	__u8 direction;               /* enum direction, seen from the socket */
	__u8 marks;                   /* connection.flags, 0 for a connection without an entry; enum segment_mark */
	__u8 is_v4;
	__u8 reserved[4];
	__u8 payload[];
};

/* Why a segment was not recorded. */
enum loss_cause {
	LOSS_RING_FULL = 0,
	LOSS_TABLE_FULL = 1,  /* no room in `connections` for a connection that only an entry lets through: one each */
	LOSS_COPY_FAILED = 2,
	LOSS_CAUSES = 3,
};

struct loss {
	__u64 segments;
	__u64 bytes;
};

/* Value of the map `lost`, by cookie. Only ever grows. */
struct connection_losses {
	struct loss by_cause[LOSS_CAUSES];
};

/* The section .bss, mapped into user space. */
struct capture_state {
	__u64 last_wake_ns;  /* kernel writes; CLOCK_MONOTONIC */
	__u64 wakeups;       /* kernel writes */
	__u32 epoch;         /* user space writes */
	__u32 reserved_epoch;
	__u64 hold_lease_ns; /* user space writes; CLOCK_MONOTONIC, past it everything passes; 0 while nothing is held */
	/* Undecided connections of shared cgroups: entered, and decided or dropped. Their difference has a bound. */
	__u64 undecided_entered; /* kernel writes; only ever grows */
	__u64 undecided_left;    /* user space writes */
	__u32 reserved[4];   /* to the end of the cache line: what follows is written in bursts */
	struct loss losses[LOSS_CAUSES]; /* kernel writes; only ever grow */
	struct loss unattributed[LOSS_CAUSES]; /* the part of them that found no room in `lost` */
	__u64 reserved_end[4];
};

/* The section .rodata: set before loading. */
struct capture_settings {
	__u64 pid_namespace_device; /* of /proc/self/ns/pid where that is not the first namespace; else 0 */
	__u64 pid_namespace_inode;
	__u64 wake_fill_bytes;      /* wake early when so much is queued */
};

enum capture_bounds {
	CONNECTIONS_MAXIMUM = 65536,
	/* Of them, undecided ones of shared cgroups. A neighbour can make as many as it likes; the rest is the target's. */
	UNDECIDED_MAXIMUM = 49152,
	LOST_MAXIMUM = 4096,     /* connections whose losses are told apart */
	MEMBERS_MAXIMUM = 32768, /* processes of the target in shared cgroups */
	PART_BYTES = 4096,       /* payload above this is split */
	PART_MAXIMUM = 65536,    /* the largest part */
};

#define CHECK_OFFSET(type, field, offset) \
	_Static_assert(__builtin_offsetof(struct type, field) == (offset), #type "." #field)
CHECK_OFFSET(connection, process, 0);
CHECK_OFFSET(connection, epoch, 4);
CHECK_OFFSET(connection, interest, 8);
CHECK_OFFSET(connection, flags, 9);
_Static_assert(sizeof(struct connection) == 12, "connection");
CHECK_OFFSET(segment_event, at_ns, 0);
CHECK_OFFSET(segment_event, cookie, 8);
CHECK_OFFSET(segment_event, addresses, 16);
CHECK_OFFSET(segment_event, source_port, 48);
CHECK_OFFSET(segment_event, destination_port, 50);
CHECK_OFFSET(segment_event, sequence, 52);
CHECK_OFFSET(segment_event, acknowledgement, 56);
CHECK_OFFSET(segment_event, length, 60);
CHECK_OFFSET(segment_event, captured, 64);
CHECK_OFFSET(segment_event, process, 68);
CHECK_OFFSET(segment_event, flags, 72);
CHECK_OFFSET(segment_event, direction, 73);
CHECK_OFFSET(segment_event, marks, 74);
CHECK_OFFSET(segment_event, is_v4, 75);
CHECK_OFFSET(segment_event, payload, 80);
_Static_assert(sizeof(struct segment_event) == 80, "segment_event");
CHECK_OFFSET(loss, segments, 0);
CHECK_OFFSET(loss, bytes, 8);
_Static_assert(sizeof(struct connection_losses) == 48, "connection_losses");
CHECK_OFFSET(capture_state, last_wake_ns, 0);
CHECK_OFFSET(capture_state, wakeups, 8);
CHECK_OFFSET(capture_state, epoch, 16);
CHECK_OFFSET(capture_state, hold_lease_ns, 24);
CHECK_OFFSET(capture_state, undecided_entered, 32);
CHECK_OFFSET(capture_state, undecided_left, 40);
CHECK_OFFSET(capture_state, losses, 64);
CHECK_OFFSET(capture_state, unattributed, 112);
_Static_assert(sizeof(struct capture_state) == 192, "capture_state");
CHECK_OFFSET(capture_settings, pid_namespace_device, 0);
CHECK_OFFSET(capture_settings, pid_namespace_inode, 8);
CHECK_OFFSET(capture_settings, wake_fill_bytes, 16);
_Static_assert(sizeof(struct capture_settings) == 24, "capture_settings");
#undef CHECK_OFFSET

#endif
