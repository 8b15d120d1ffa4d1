// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Sees the TCP traffic of a cgroup and records what user space takes an interest in. While something is held, and only
 * then, the egress programs are replaced by those that decide first (hold.bpf.h): what is held is no fact and is not
 * recorded as one.
 *
 * The same code is attached in two ways. `all`: the cgroup is the target's own, every connection is recorded unless its
 * entry says otherwise. `listed`: the cgroup is shared, only connections with an entry are. Every record is tied to its
 * socket's cookie, never to the addresses. See README.md for what the verifier allows here.
 */
#include "events.h"
#include "hold.bpf.h"
#include "losses.bpf.h"
#include "members.bpf.h"
#include "tcp.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20); /* user space sets its own */
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CONNECTIONS_MAXIMUM);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64); /* cookie */
	__type(value, struct connection);
} connections SEC(".maps");

static const __u64 wake_every_ns = 1000 * 1000;
static const __u64 wake_early_ns = 100 * 1000;

/* Rare, so out of line. */
__attribute__((noinline)) int count_ring_full(__u64 cookie, __u64 bytes)
{
	count_loss(cookie, LOSS_RING_FULL, bytes);
	return 0;
}

__attribute__((noinline)) int count_copy_failed(__u64 cookie, __u64 bytes)
{
	count_loss(cookie, LOSS_COPY_FAILED, bytes);
	return 0;
}

/* A wakeup costs more than all the rest, so at most one a millisecond, or one per 100 us while the ring fills up. The
 * reader looks again on its own for two milliseconds after it found something, so the last record is not left lying. */
static __always_inline __u64 wakeup(__u64 now_ns)
{
	__s64 since_ns = now_ns - state.last_wake_ns;

	if (since_ns <= (__s64)wake_early_ns)
		return BPF_RB_NO_WAKEUP;
	if (since_ns <= (__s64)wake_every_ns &&
	    bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) <= settings.wake_fill_bytes)
		return BPF_RB_NO_WAKEUP;
	state.last_wake_ns = now_ns;
	state.wakeups += 1;
	return BPF_RB_FORCE_WAKEUP;
}

/*
 * What the recording functions take beside the context and the cookie, packed into three numbers:
 * place: where the payload begins in the packet << 32 | its length (below 1 << PLACE_LENGTH_BITS)
 * origin: process << 32 | the sequence number that the record shall have
 * kind: see below
 */
enum { PLACE_LENGTH_BITS = 20 };
enum {
	KIND_FLAGS_AT = 0,   /* TCP's flags */
	KIND_MARKS_AT = 8,   /* segment_event.marks */
	KIND_EGRESS_AT = 16, /* 1: enum direction */
	KIND_V4_AT = 17,     /* 1: IPv4 */
	KIND_PAYLOAD_AT = 18, /* 1: with the payload */
	KIND_TCP_AT = 32,    /* where the TCP header begins in the packet */
};

/* Writes one record with the payload that `place` says, `class` bytes at most; none with class 0. `class` is a constant,
 * since the verifier wants the size of a reservation known, and a power of two: the length is bound by a mask. A comparison
 * does not hold under speculation, where Linux 6.12 to 6.17 go as well without CAP_PERFMON ("invalid zero-sized read"). */
static __always_inline int record(struct __sk_buff *skb, __u64 cookie, __u64 place, __u64 origin, __u64 kind, __u32 class)
{
	__u32 length = place & ((1 << PLACE_LENGTH_BITS) - 1);
	struct segment_event *event = bpf_ringbuf_reserve(&ring, sizeof(*event) + class, 0);

	if (!event) {
		if (!(kind >> KIND_MARKS_AT & SEGMENT_HELD))
			count_ring_full(cookie, length);
		return 0;
	}
	__u64 now_ns = bpf_ktime_get_ns();
	long error;
	event->at_ns = now_ns;
	event->cookie = cookie;
	if (kind >> KIND_V4_AT & 1)
		error = bpf_skb_load_bytes(skb, IPV4_ADDRESSES_AT, event->addresses, 8);
	else
		error = bpf_skb_load_bytes(skb, IPV6_ADDRESSES_AT, event->addresses, 32);
	/* Ports, sequence, acknowledgement lie in the record as in the packet. */
	error |= bpf_skb_load_bytes(skb, kind >> KIND_TCP_AT, &event->source_port, 12);
	event->sequence = origin;
	event->acknowledgement = bpf_ntohl(event->acknowledgement);
	event->length = length;
	event->captured = class ? length : 0;
	event->process = origin >> 32;
	event->flags = kind >> KIND_FLAGS_AT;
	event->direction = kind >> KIND_EGRESS_AT & 1;
	event->marks = kind >> KIND_MARKS_AT;
	event->is_v4 = kind >> KIND_V4_AT & 1;
	if (class) {
		/* Opaque between the steps, or the compiler would put the comparisons back. */
		__u32 bytes = length - 1;
		asm volatile("" : "+r"(bytes));
		bytes &= class - 1;
		asm volatile("" : "+r"(bytes));
		bytes += 1;
		error |= bpf_skb_load_bytes(skb, place >> 32, event->payload, bytes);
	}
	if (error) {
		bpf_ringbuf_discard(event, BPF_RB_NO_WAKEUP);
		if (!(kind >> KIND_MARKS_AT & SEGMENT_HELD))
			count_copy_failed(cookie, length);
		return 0;
	}
	bpf_ringbuf_submit(event, wakeup(now_ns));
	return 0;
}

/* Up to 512 bytes of payload, or none. */
__attribute__((noinline)) int record_small(struct __sk_buff *skb, __u64 cookie, __u64 place, __u64 origin, __u64 kind)
{
	__u32 length = place;

	if (!(kind >> KIND_PAYLOAD_AT & 1))
		return record(skb, cookie, place, origin, kind, 0);
	if ((length & ((1 << PLACE_LENGTH_BITS) - 1)) <= 128)
		return record(skb, cookie, place, origin, kind, 128);
	return record(skb, cookie, place, origin, kind, 512);
}

/* 513 to 4096 bytes. */
__attribute__((noinline)) int record_middle(struct __sk_buff *skb, __u64 cookie, __u64 place, __u64 origin, __u64 kind)
{
	__u32 length = place;

	if (length <= 2048)
		return record(skb, cookie, place, origin, kind, 2048);
	return record(skb, cookie, place, origin, kind, PART_BYTES);
}

/* 8192, 16,384, 32,768 or 65,536 bytes. */
__attribute__((noinline)) int record_huge(struct __sk_buff *skb, __u64 cookie, __u64 place, __u64 origin, __u64 kind)
{
	__u32 length = place;

	if (length <= 2 * PART_BYTES)
		return record(skb, cookie, place, origin, kind, 2 * PART_BYTES);
	if (length <= 4 * PART_BYTES)
		return record(skb, cookie, place, origin, kind, 4 * PART_BYTES);
	if (length <= 8 * PART_BYTES)
		return record(skb, cookie, place, origin, kind, 8 * PART_BYTES);
	return record(skb, cookie, place, origin, kind, PART_MAXIMUM);
}

/* Records the largest part that leaves something of a segment, and not its FIN or RST. Returns its length, 0 if no more
 * than 4096 bytes are left. */
__attribute__((noinline)) int record_part(struct __sk_buff *skb, __u64 cookie, __u64 place, __u64 origin, __u64 kind)
{
	__u64 left = place & ((1 << PLACE_LENGTH_BITS) - 1), at = place >> 32 << 32, part = PART_MAXIMUM;

	if (left <= PART_BYTES)
		return 0;
	kind &= ~(__u64)(FIN | RST);
	if (left <= 2 * PART_BYTES) {
		record_middle(skb, cookie, at | PART_BYTES, origin, kind);
		return PART_BYTES;
	}
	if (left <= 4 * PART_BYTES)
		part = 2 * PART_BYTES;
	else if (left <= 8 * PART_BYTES)
		part = 4 * PART_BYTES;
	else if (left <= PART_MAXIMUM)
		part = 8 * PART_BYTES;
	record_huge(skb, cookie, at | part, origin, kind);
	return part;
}

/* Records a segment of more than 4096 bytes: parts of 65,536, then at most one each of 32,768, 16,384, 8192 and 4096, and a
 * rest of 1 to 4096. */
__attribute__((noinline)) int record_large(struct __sk_buff *skb, __u64 cookie, __u64 place, __u64 origin, __u64 kind)
{
#pragma unroll
	for (int i = 0; i < SEGMENT_MAXIMUM / PART_MAXIMUM + 4; i++) {
		__u64 part = record_part(skb, cookie, place, origin, kind);
		part &= 2 * PART_MAXIMUM - 1;
		if (!part)
			break;
		place += (part << 32) - part;
		/* A SYN's own number comes before the payload's. */
		__u64 sequence = (origin + part + (kind & SYN ? 1 : 0)) & 0xffffffff;
		origin = origin >> 32 << 32 | sequence;
		kind &= ~(__u64)SYN;
	}
	if ((place & ((1 << PLACE_LENGTH_BITS) - 1)) <= 512)
		return record_small(skb, cookie, place, origin, kind);
	return record_middle(skb, cookie, place, origin, kind);
}

/* What becomes of the packet. `holding`: decides before it records. */
static __always_inline int capture(struct __sk_buff *skb, __u8 direction, _Bool listed, _Bool holding)
{
	__u64 interest = INTEREST_FULL, marks = 0, process = 0;
	struct segment segment;

	__u64 cookie = bpf_get_socket_cookie(skb);
	struct connection *known = bpf_map_lookup_elem(&connections, &cookie);
	if (known) {
		if (known->epoch != state.epoch)
			known->epoch = state.epoch;
		interest = known->interest;
		if (interest == INTEREST_IGNORE && !(holding && bpf_map_lookup_elem(&held, &cookie)))
			return PACKET_PASS;
		marks = known->flags;
		if (listed != !!(marks & CONNECTION_LISTED))
			return PACKET_PASS;
		process = known->process;
	} else if (listed) {
		return PACKET_PASS;
	}
	WIDE(interest);
	WIDE(marks);
	WIDE(process);

	if (!find_segment(skb, &segment))
		return PACKET_PASS;
	if (segment.length > SEGMENT_MAXIMUM) {
		count_copy_failed(cookie, segment.length);
		return PACKET_PASS;
	}
	__u64 kind = segment.tcp_at << KIND_TCP_AT | (__u64)direction << KIND_EGRESS_AT | marks << KIND_MARKS_AT;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		kind |= 1 << KIND_V4_AT;
	__u64 origin = process << 32, flags = segment.flags;
	WIDE(kind);
	if (holding) {
		__s64 shown = decide(cookie, state.hold_lease_ns, segment.length, segment.sequence,
				     flags | (skb->gso_segs > 1 ? SEVERAL : 0));
		if (shown != HOLD_PASS) {
			if (interest == INTEREST_FULL && shown >= 0 && shown < (__s64)segment.length) {
				/* User space is shown up to 4096 bytes of it. */
				__u64 left = segment.length - shown;
				if (left > PART_BYTES)
					left = PART_BYTES;
				kind |= SEGMENT_HELD << KIND_MARKS_AT | 1 << KIND_PAYLOAD_AT;
				origin |= (segment.sequence + shown) & 0xffffffff;
				__u64 place = (segment.at + shown) << 32 | left;
				if (left <= 512)
					record_small(skb, cookie, place, origin, kind);
				else
					record_middle(skb, cookie, place, origin, kind);
			}
			return PACKET_HOLD;
		}
		if (interest == INTEREST_IGNORE)
			return PACKET_PASS;
	}
	/* A bare acknowledgement says nothing that the next data does not. */
	if (!segment.length && !(flags & (SYN | FIN | RST)))
		return PACKET_PASS;
	/* The handshake of an accepted connection carries the listener's cookie: it can't be told whose it is. */
	if (flags & SYN && (direction == DIRECTION_EGRESS) == !!(flags & ACK))
		return PACKET_PASS;

	kind |= flags;
	origin |= (segment.sequence - !!(flags & SYN)) & 0xffffffff;
	__u64 place = segment.at << 32 | segment.length;
	if (interest == INTEREST_FULL && segment.length)
		kind |= 1 << KIND_PAYLOAD_AT;
	else {
		record_small(skb, cookie, place, origin, kind);
		return PACKET_PASS;
	}
	if (segment.length <= 512)
		record_small(skb, cookie, place, origin, kind);
	else if (segment.length <= PART_BYTES)
		record_middle(skb, cookie, place, origin, kind);
	else
		record_large(skb, cookie, place, origin, kind);
	return PACKET_PASS;
}

/* A process connects: here, and only here, it is certain which one it is. Whether it may. */
static __always_inline int connecting(struct bpf_sock_addr *context, _Bool listed, _Bool is_v4, _Bool translates)
{
	union {
		struct connection entry;
		__u64 words[2];
	} fresh;

	if (context->type != 1 /* SOCK_STREAM */ || context->protocol != IPPROTO_TCP)
		return 1;
	__u64 cookie = bpf_get_socket_cookie(context);
	__u64 process = current_process(translates), flags = 0;
	if (listed) {
		/* The socket may lie in a cgroup of the target's own below this shared one: that one's program ran first. */
		struct connection *known = bpf_map_lookup_elem(&connections, &cookie);
		__u64 before = known ? known->flags : 0;
		WIDE(before);
		if (known && !(before & CONNECTION_LISTED))
			return 1;
		flags = CONNECTION_LISTED;
		__u64 member = process; /* in a stack slot of its own */
		if (!bpf_map_lookup_elem(&members, &member)) {
			flags |= CONNECTION_UNDECIDED;
			if (!(before & CONNECTION_UNDECIDED)) {
				if ((__s64)(state.undecided_entered - state.undecided_left) >= UNDECIDED_MAXIMUM) {
					count_loss(cookie, LOSS_TABLE_FULL, 0);
					return 1;
				}
				add(&state.undecided_entered, 1);
			}
		}
	} else if (process & PROCESS_OUTER) {
		flags = CONNECTION_UNDECIDED; /* it is the target's, but user space numbers the process otherwise */
	}
	WIDE(process);
	WIDE(flags);
	/* One that is not known to be the target's is not touched. Of one that is refused there will be no packet: an entry
	 * would only take up room. */
	if (!(listed && flags & CONNECTION_UNDECIDED) && is_refused(context, state.hold_lease_ns, is_v4))
		return 0;
	/* struct connection: process, epoch; interest, flags. */
	whole(&fresh.words[0], process | (__u64)state.epoch << 32);
	whole(&fresh.words[1], INTEREST_FULL | flags << 8);
	/* Without an entry the `all` programs record all the same; only the process stays unknown. */
	if (bpf_map_update_elem(&connections, &cookie, &fresh.entry, BPF_ANY) && listed)
		count_loss(cookie, LOSS_TABLE_FULL, 0);
	return 1;
}

#define CAPTURE(name, hook, direction, listed, holding)                    \
	SEC(hook) int name(struct __sk_buff *skb)                          \
	{                                                                  \
		__u64 answer = capture(skb, direction, listed, holding);   \
		WIDE(answer);                                              \
		return answer;                                             \
	}
CAPTURE(ingress_all, "cgroup_skb/ingress", DIRECTION_INGRESS, 0, 0)
CAPTURE(egress_all, "cgroup_skb/egress", DIRECTION_EGRESS, 0, 0)
CAPTURE(ingress_listed, "cgroup_skb/ingress", DIRECTION_INGRESS, 1, 0)
CAPTURE(egress_listed, "cgroup_skb/egress", DIRECTION_EGRESS, 1, 0)
CAPTURE(hold_all, "cgroup_skb/egress", DIRECTION_EGRESS, 0, 1)
CAPTURE(hold_listed, "cgroup_skb/egress", DIRECTION_EGRESS, 1, 1)

CONNECTING(connect4_all, "cgroup/connect4", 0, 1, 0)
CONNECTING(connect6_all, "cgroup/connect6", 0, 0, 0)
CONNECTING(connect4_listed, "cgroup/connect4", 1, 1, 0)
CONNECTING(connect6_listed, "cgroup/connect6", 1, 0, 0)

/* In another PID namespace than the first, from Linux 6.10 on. */
CONNECTING(connect4_all_ns, "cgroup/connect4", 0, 1, 1)
CONNECTING(connect6_all_ns, "cgroup/connect6", 0, 0, 1)
CONNECTING(connect4_listed_ns, "cgroup/connect4", 1, 1, 1)
CONNECTING(connect6_listed_ns, "cgroup/connect6", 1, 0, 1)
