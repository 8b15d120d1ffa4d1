/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The decision whether a segment is held, and whether a new connection is refused. Part of the capture programs, which
 * decide first and then record, and of the programs in enforce.bpf.c, which only decide.
 */
#ifndef STORMFUSE_HOLD_BPF_H
#define STORMFUSE_HOLD_BPF_H

#include "holding.h"
#include "tcp.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HELD_MAXIMUM);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);   /* cookie */
	__type(value, __u32); /* index in `holds` */
} held SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HELD_MAXIMUM);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct hold);
} holds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, REFUSED_MAXIMUM);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct remote);
	__type(value, __u64);
} refused SEC(".maps");

/* What a cgroup's egress program answers: bit 0 lets the packet go on, bit 1 signals congestion. A packet dropped with
 * that signal is tried again every half second; without it, ever more seldom. */
enum { PACKET_HOLD = 2, PACKET_PASS = 1 };

/* What `decide` answers when the segment may pass. */
enum { HOLD_PASS = -1 };

static const __u64 second_ns = 1000 * 1000 * 1000;
/* Unused allowance that a rate keeps: a second's worth passes at once after a pause. */
static const __u64 rate_burst_ns = second_ns;
/* Most that a rate can be in debt. Only the trickle makes debts that large, and it passes whatever they are. */
static const __u64 rate_debt_ns = 3600 * second_ns;

/* In `decide`'s flags, beside TCP's: the packet will be cut into several segments. */
enum { SEVERAL = 256 };

/* Decides about a segment: HOLD_PASS, or, if it is held, how many bytes at its start are not new: have passed or been
 * shown before. Its connection's egress comes here one packet at a time, under the socket's lock, so plain stores do. */
__attribute__((noinline)) int decide(__u64 cookie, __u64 lease_ns, __u32 length, __u32 sequence, __u32 flags)
{
	__u32 *slot = bpf_map_lookup_elem(&held, &cookie);
	if (!slot)
		return HOLD_PASS;
	struct hold *hold = bpf_map_lookup_elem(&holds, slot);
	if (!hold || hold->cookie != cookie)
		return HOLD_PASS;

	__u64 now_ns = bpf_ktime_get_ns();
	_Bool holds_it = now_ns < lease_ns && now_ns < hold->until_ns && !(flags & (SYN | RST));
	if (!length) /* a FIN without payload ends nothing that is still to be sent */
		holds_it = holds_it && hold->flags & HOLD_ACKS && !(flags & FIN) &&
			   now_ns - hold->acknowledgement_ns < hold->trickle_ns;
	else if (holds_it) {
		/* However long a segment is: what waits coalesces and never shrinks, so a limit would be the connection's
		 * end. Several at once wait a while longer: by itself the sender tries the first of them alone
		 * (tcp_write_wakeup, __tcp_retransmit_skb; Linux 5.10 to 6.18). */
		__u64 waited_ns = now_ns - hold->payload_ns;
		/* Both are always read: a pointer to one or the other the verifier would refuse. */
		_Bool early = waited_ns < hold->trickle_ns, early_for_several = waited_ns < hold->whole_ns;
		if (hold->rate_bytes_s)
			holds_it = early && (__s64)(now_ns - hold->due_ns) < 0;
		else
			holds_it = early | (early_for_several & !!(flags & SEVERAL));
	}

	__u32 end = sequence + length;
	if (holds_it) {
		hold->held.packets += 1;
		hold->held.bytes += length;
		if (!length)
			return 0;
		__u32 known = 0;
		if (hold->has_seen) {
			__s32 ahead = end - hold->seen_sequence; /* new bytes */
			known = ahead <= 0 ? length : (__u32)ahead >= length ? 0 : length - ahead;
		}
		__u32 fresh = length - known;
		if (fresh > PART_BYTES)
			fresh = PART_BYTES; /* the next try shows more */
		if (fresh > hold->peek_left_bytes)
			return length;
		hold->peek_left_bytes -= fresh;
		hold->seen_sequence = sequence + known + fresh;
		hold->has_seen = 1;
		return known;
	}
	hold->passed.packets += 1;
	hold->passed.bytes += length;
	hold->acknowledgement_ns = now_ns;
	if (!length)
		return HOLD_PASS;
	hold->payload_ns = now_ns;
	if (hold->rate_bytes_s) {
		/* The bucket as the time at which all that has passed is paid for: nothing is lost to rounding. */
		__u64 due_ns = hold->due_ns;
		if ((__s64)(now_ns - due_ns) > (__s64)rate_burst_ns)
			due_ns = now_ns - rate_burst_ns;
		due_ns += length * second_ns / hold->rate_bytes_s;
		if ((__s64)(due_ns - now_ns) > (__s64)rate_debt_ns)
			due_ns = now_ns + rate_debt_ns;
		hold->due_ns = due_ns;
	}
	if (!hold->has_seen || (__s32)(end - hold->seen_sequence) > 0) {
		hold->seen_sequence = end;
		hold->has_seen = 1;
	}
	return HOLD_PASS;
}

/* Whether a new connection is refused. */
static __always_inline _Bool is_refused(struct bpf_sock_addr *context, __u64 lease_ns, _Bool is_v4)
{
	union {
		struct remote remote;
		__u64 words[3];
	} key;

	/* 0 while nothing is held, which is nearly always. */
	if (!lease_ns)
		return 0;
	__u64 now_ns = bpf_ktime_get_ns();
	if (now_ns >= lease_ns)
		return 0;
	whole(&key.words[0], 0);
	whole(&key.words[1], 0);
	whole(&key.words[2], 0);
	__u64 *until_ns = bpf_map_lookup_elem(&refused, &key.remote);
	if (until_ns && now_ns < *until_ns)
		return 1;
	/* Fields of the context are read in words of 4 bytes. */
	if (is_v4) {
		__u64 address = context->user_ip4;
		whole(&key.words[1], address << 32 | bpf_htonl(0xffff));
	} else {
		__u64 first = context->user_ip6[0], second = context->user_ip6[1];
		whole(&key.words[0], second << 32 | first);
		first = context->user_ip6[2], second = context->user_ip6[3];
		whole(&key.words[1], second << 32 | first);
	}
	whole(&key.words[2], context->user_port);
	until_ns = bpf_map_lookup_elem(&refused, &key.remote);
	return until_ns && now_ns < *until_ns;
}

#endif
