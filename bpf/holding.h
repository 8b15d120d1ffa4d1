/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What user space and the programs that hold traffic (hold.bpf.h) say to each other; the same rules as for events.h.
 *
 * A held connection is an entry of `held`, from its cookie to a slot of `holds`. `holds` is mapped into user space: terms
 * are changed and counters read in place, so a change never loses a count and never lets go in between.
 */
#ifndef STORMFUSE_HOLDING_H
#define STORMFUSE_HOLDING_H

#include <linux/types.h>

enum holding_bounds {
	HELD_MAXIMUM = 4096,    /* connections held at a time */
	REFUSED_MAXIMUM = 1024, /* addresses to which new connections are refused */
	OUTSIDERS_MAXIMUM = 1024, /* processes that user space has still to find */
	PEEK_MAXIMUM = 65536,   /* held bytes that are shown to user space after each order */
};

enum hold_flag {
	HOLD_ACKS = 1, /* bare acknowledgements are held as payload is */
};

struct hold_count {
	__u64 packets;
	__u64 bytes; /* payload */
};

/* How one connection's egress is held. All times are CLOCK_MONOTONIC. */
struct hold {
	/* User space writes. */
	__u64 cookie;       /* whose this is; 0: nobody's */
	__u64 until_ns;     /* from then on everything passes */
	__u64 trickle_ns;   /* payload passes if none has passed for so long; the same for held acknowledgements */
	__u64 rate_bytes_s; /* payload that passes besides; 0: none */
	__u32 flags;        /* enum hold_flag */
	__u32 reserved;
	__u64 whole_ns;     /* the same for what will be cut into several segments; no less than trickle_ns */
	__u64 reserved_terms[2];
	/* The kernel writes, once user space has set the start. */
	__u64 payload_ns;         /* when payload last passed */
	__u64 acknowledgement_ns; /* when payload or a held acknowledgement last passed */
	__u64 due_ns;             /* when the payload that has passed is paid for at the rate */
	__u32 seen_sequence;      /* after the highest byte that passed or was shown; valid if has_seen */
	__u32 has_seen;
	__u32 peek_left_bytes;    /* how much more may be shown */
	__u32 reserved_state;
	/* Since the hold began; a segment that is tried again counts again. */
	struct hold_count held;
	struct hold_count passed;
	__u64 reserved_end[3];
};

/* Key of the map `refused`: where a new connection goes, in network order, IPv4 kept IPv4-mapped. All zero: anywhere. The
 * value is the CLOCK_MONOTONIC time until which it is refused. */
struct remote {
	__u32 address[4];
	__u16 port;
	__u16 reserved;
};

/* The section .bss of enforce.bpf.c, mapped into user space. */
struct enforce_state {
	__u64 lease_ns; /* user space writes: past this everything passes */
	__u64 reserved[7];
};

#define CHECK_OFFSET(type, field, offset) \
	_Static_assert(__builtin_offsetof(struct type, field) == (offset), #type "." #field)
CHECK_OFFSET(hold, cookie, 0);
CHECK_OFFSET(hold, until_ns, 8);
CHECK_OFFSET(hold, trickle_ns, 16);
CHECK_OFFSET(hold, rate_bytes_s, 24);
CHECK_OFFSET(hold, flags, 32);
CHECK_OFFSET(hold, whole_ns, 40);
CHECK_OFFSET(hold, payload_ns, 64);
CHECK_OFFSET(hold, acknowledgement_ns, 72);
CHECK_OFFSET(hold, due_ns, 80);
CHECK_OFFSET(hold, seen_sequence, 88);
CHECK_OFFSET(hold, has_seen, 92);
CHECK_OFFSET(hold, peek_left_bytes, 96);
CHECK_OFFSET(hold, held, 104);
CHECK_OFFSET(hold, passed, 120);
_Static_assert(sizeof(struct hold) == 160, "hold");
CHECK_OFFSET(remote, address, 0);
CHECK_OFFSET(remote, port, 16);
_Static_assert(sizeof(struct remote) == 20, "remote");
CHECK_OFFSET(enforce_state, lease_ns, 0);
_Static_assert(sizeof(struct enforce_state) == 64, "enforce_state");
#undef CHECK_OFFSET

#endif
