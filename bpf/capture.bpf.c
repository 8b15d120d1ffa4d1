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

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LOST_MAXIMUM);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64); /* cookie */
	__type(value, struct connection_losses);
} lost SEC(".maps");

volatile struct capture_state state = {};

static const __u64 wake_every_ns = 1000 * 1000;
static const __u64 wake_early_ns = 100 * 1000;

/* A segment that could not be recorded. `cause` is a constant: an index from a register, into map memory, is refused. */
static __always_inline void count_loss(__u64 cookie, enum loss_cause cause, __u64 bytes)
{
	struct connection_losses *own = bpf_map_lookup_elem(&lost, &cookie);
	if (!own) {
		struct connection_losses none = {};
		bpf_map_update_elem(&lost, &cookie, &none, BPF_NOEXIST);
		own = bpf_map_lookup_elem(&lost, &cookie);
	}
	if (own) {
		__sync_fetch_and_add(&own->by_cause[cause].segments, 1);
		__sync_fetch_and_add(&own->by_cause[cause].bytes, bytes);
	} else {
		__sync_fetch_and_add(&state.unattributed[cause].segments, 1);
		__sync_fetch_and_add(&state.unattributed[cause].bytes, bytes);
	}
	/* The totals last: who has seen them finds the rest complete. */
	__sync_fetch_and_add(&state.losses[cause].bytes, bytes);
	__sync_fetch_and_add(&state.losses[cause].segments, 1);
}

/* Rare, so out of line. */
static __attribute__((noinline)) void count_ring_full(__u64 cookie, __u64 bytes)
{
	count_loss(cookie, LOSS_RING_FULL, bytes);
}

static __attribute__((noinline)) void count_copy_failed(__u64 cookie, __u64 bytes)
{
	count_loss(cookie, LOSS_COPY_FAILED, bytes);
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

struct recording {
	__u64 cookie;
	__u64 now_ns;
	__u32 process;
	__u32 sequence; /* of the segment's first payload byte */
	__u32 at;       /* offset of the payload in the packet */
	__u32 length;
	__u8 flags, marks, direction, is_v4;
};

/* Writes one record with room for `class` bytes and `captured` <= `class` bytes of payload that start `done` bytes into
 * the segment's. `class` is a constant: the verifier wants the size of a reservation known. */
static __always_inline void record(struct __sk_buff *skb, const struct packet *packet, const struct recording *r,
				   __u32 class, __u32 done, __u32 length, __u32 captured, __u8 flags)
{
	struct segment_event *event = bpf_ringbuf_reserve(&ring, sizeof(*event) + class, 0);

	/* The compiler would compare other numbers than this one, and the verifier would learn nothing of its bounds. */
	asm volatile("" : "+r"(captured));
	if (!event) {
		if (!(r->marks & SEGMENT_HELD))
			count_ring_full(r->cookie, length);
		return;
	}
	event->at_ns = r->now_ns;
	event->cookie = r->cookie;
	if (r->is_v4) {
		event->source_address[0] = 0;
		event->source_address[1] = 0;
		event->source_address[2] = bpf_htonl(0xffff);
		event->source_address[3] = packet->ip.v4.saddr;
		event->destination_address[0] = 0;
		event->destination_address[1] = 0;
		event->destination_address[2] = bpf_htonl(0xffff);
		event->destination_address[3] = packet->ip.v4.daddr;
	} else {
		__builtin_memcpy(event->source_address, &packet->ip.v6.saddr, 16);
		__builtin_memcpy(event->destination_address, &packet->ip.v6.daddr, 16);
	}
	event->source_port = packet->tcp.source;
	event->destination_port = packet->tcp.dest;
	event->sequence = flags & SYN ? r->sequence - 1 : r->sequence + done;
	event->acknowledgement = bpf_ntohl(packet->tcp.ack_seq);
	event->length = length;
	event->captured = captured;
	event->process = r->process;
	event->flags = flags;
	event->direction = r->direction;
	event->marks = r->marks;
	if (captured > 0 && captured <= class &&
	    bpf_skb_load_bytes(skb, r->at + done, event->payload, captured)) {
		bpf_ringbuf_discard(event, BPF_RB_NO_WAKEUP);
		if (!(r->marks & SEGMENT_HELD))
			count_copy_failed(r->cookie, length);
		return;
	}
	bpf_ringbuf_submit(event, wakeup(r->now_ns));
}

/* Records a large segment except for its last 1 to 4096 bytes. Out of line: with the common path it would share stack
 * slots, and the verifier refuses a number in a slot that held a pointer. Each offset is computed from the length rather
 * than carried along, so that the verifier walks through every round once and not once for each history. */
static __attribute__((noinline)) int record_large(struct __sk_buff *skb, const struct packet *packet,
						  const struct recording *r, __u8 flags)
{
	__u32 last = r->length - 1;

	flags &= ~(FIN | RST);
	for (__u32 i = 0; i < SEGMENT_MAXIMUM / HUGE_PART_BYTES && i < last / HUGE_PART_BYTES; i++) {
		record(skb, packet, r, HUGE_PART_BYTES, i * HUGE_PART_BYTES, HUGE_PART_BYTES, HUGE_PART_BYTES, flags);
		flags &= ~SYN;
	}
	__u32 start = last & ~(HUGE_PART_BYTES - 1), count = last % HUGE_PART_BYTES / LARGE_PART_BYTES;
	for (__u32 i = 0; i < HUGE_PART_BYTES / LARGE_PART_BYTES && i < count; i++) {
		record(skb, packet, r, LARGE_PART_BYTES, start + i * LARGE_PART_BYTES, LARGE_PART_BYTES,
		       LARGE_PART_BYTES, flags);
		flags &= ~SYN;
	}
	start = last & ~(LARGE_PART_BYTES - 1), count = last % LARGE_PART_BYTES / PART_BYTES;
	for (__u32 i = 0; i < LARGE_PART_BYTES / PART_BYTES && i < count; i++) {
		record(skb, packet, r, PART_BYTES, start + i * PART_BYTES, PART_BYTES, PART_BYTES, flags);
		flags &= ~SYN;
	}
	return 0;
}

/* Shows user space up to 4096 bytes of a held segment, from `done` on. Out of line for the reason that record_large is. */
static __attribute__((noinline)) int show_held(struct __sk_buff *skb, const struct packet *packet,
					       const struct recording *r, __u32 done)
{
	__u32 left = r->length - done;

	if (left <= 512)
		record(skb, packet, r, 512, done, left, left, 0);
	else if (left <= PART_BYTES)
		record(skb, packet, r, PART_BYTES, done, left, left, 0);
	else
		record(skb, packet, r, PART_BYTES, done, PART_BYTES, PART_BYTES, 0);
	return 0;
}

/* What becomes of the packet. `holding`: decides before it records. */
static __always_inline int capture(struct __sk_buff *skb, __u8 direction, _Bool listed, _Bool holding)
{
	struct recording r;
	struct packet packet;
	__u8 interest = INTEREST_FULL;
	__u32 end = 0;

	r.cookie = bpf_get_socket_cookie(skb);
	struct connection *known = bpf_map_lookup_elem(&connections, &r.cookie);
	if (known) {
		if (known->epoch != state.epoch)
			known->epoch = state.epoch;
		interest = known->interest;
		if (interest == INTEREST_IGNORE && !(holding && bpf_map_lookup_elem(&held, &r.cookie)))
			return PACKET_PASS;
		r.marks = known->flags;
		if (listed != !!(r.marks & CONNECTION_LISTED))
			return PACKET_PASS;
		r.process = known->process;
	} else {
		if (listed)
			return PACKET_PASS;
		r.marks = 0;
		r.process = 0;
	}

	r.is_v4 = skb->protocol == bpf_htons(ETH_P_IP);
	if (!r.is_v4 && skb->protocol != bpf_htons(ETH_P_IPV6))
		return PACKET_PASS;
	__u32 tcp_at = r.is_v4 ? find_tcp_v4(skb, &packet, &end) : find_tcp_v6(skb, &packet, &end);
	if (!tcp_at || bpf_skb_load_bytes(skb, tcp_at, &packet.tcp, sizeof(packet.tcp)))
		return PACKET_PASS;
	__u8 flags = ((__u8 *)&packet.tcp)[13];
	r.at = tcp_at + packet.tcp.doff * 4;
	if (packet.tcp.doff < 5 || end < r.at)
		return PACKET_PASS;
	r.length = end - r.at;
	if (r.length > SEGMENT_MAXIMUM) {
		count_copy_failed(r.cookie, r.length);
		return PACKET_PASS;
	}
	r.sequence = bpf_ntohl(packet.tcp.seq) + !!(flags & SYN);
	if (holding) {
		int known = decide(r.cookie, state.hold_lease_ns, r.length, r.sequence,
				   flags | (skb->gso_segs > 1 ? SEVERAL : 0));
		if (known != HOLD_PASS) {
			if (interest == INTEREST_FULL && known >= 0 && (__u32)known < r.length) {
				r.direction = direction;
				r.now_ns = bpf_ktime_get_ns();
				r.marks |= SEGMENT_HELD;
				show_held(skb, &packet, &r, known);
			}
			return PACKET_HOLD;
		}
		if (interest == INTEREST_IGNORE)
			return PACKET_PASS;
	}
	/* A bare acknowledgement says nothing that the next data does not. */
	if (!r.length && !(flags & (SYN | FIN | RST)))
		return PACKET_PASS;
	/* The handshake of an accepted connection carries the listener's cookie: it can't be told whose it is. */
	if (flags & SYN && (direction == DIRECTION_EGRESS) == !!(flags & ACK))
		return PACKET_PASS;

	r.direction = direction;
	r.now_ns = bpf_ktime_get_ns();
	if (interest == INTEREST_HEADERS || !r.length) {
		record(skb, &packet, &r, 0, 0, r.length, 0, flags);
		return PACKET_PASS;
	}

	/* 1 to 4096 bytes, and what comes before them */
	__u32 left = (r.length - 1) % PART_BYTES + 1, done = r.length - left;
	if (done) {
		record_large(skb, &packet, &r, flags);
		flags &= ~SYN;
	}
	if (left <= 128)
		record(skb, &packet, &r, 128, done, left, left, flags);
	else if (left <= 512)
		record(skb, &packet, &r, 512, done, left, left, flags);
	else if (left <= 1536)
		record(skb, &packet, &r, 1536, done, left, left, flags);
	else
		record(skb, &packet, &r, PART_BYTES, done, left, left, flags);
	return PACKET_PASS;
}

/* A process connects: here, and only here, it is certain which one it is. Whether it may. */
static __always_inline int connecting(struct bpf_sock_addr *context, _Bool listed, _Bool is_v4)
{
	if (context->type != 1 /* SOCK_STREAM */ || context->protocol != IPPROTO_TCP)
		return 1;
	__u64 cookie = bpf_get_socket_cookie(context);
	struct connection fresh = {.interest = INTEREST_FULL, .epoch = state.epoch, .process = current_process()};
	if (listed) {
		/* The socket may lie in a cgroup of the target's own below this shared one: that one's program ran first. */
		struct connection *known = bpf_map_lookup_elem(&connections, &cookie);
		if (known && !(known->flags & CONNECTION_LISTED))
			return 1;
		fresh.flags = CONNECTION_LISTED;
		if (!bpf_map_lookup_elem(&members, &fresh.process))
			fresh.flags |= CONNECTION_UNDECIDED;
	}
	/* Without an entry the `all` programs record all the same; only the process stays unknown. */
	if (bpf_map_update_elem(&connections, &cookie, &fresh, BPF_ANY) && listed)
		count_loss(cookie, LOSS_TABLE_FULL, 0);
	/* One that is not known to be the target's is not touched. */
	return fresh.flags & CONNECTION_UNDECIDED || !is_refused(context, state.hold_lease_ns, is_v4);
}

#define CAPTURE(name, hook, direction, listed, holding)                    \
	SEC(hook) int name(struct __sk_buff *skb)                          \
	{                                                                  \
		return capture(skb, direction, listed, holding);           \
	}
CAPTURE(ingress_all, "cgroup_skb/ingress", DIRECTION_INGRESS, 0, 0)
CAPTURE(egress_all, "cgroup_skb/egress", DIRECTION_EGRESS, 0, 0)
CAPTURE(ingress_listed, "cgroup_skb/ingress", DIRECTION_INGRESS, 1, 0)
CAPTURE(egress_listed, "cgroup_skb/egress", DIRECTION_EGRESS, 1, 0)
CAPTURE(hold_all, "cgroup_skb/egress", DIRECTION_EGRESS, 0, 1)
CAPTURE(hold_listed, "cgroup_skb/egress", DIRECTION_EGRESS, 1, 1)

#define CONNECTING(name, hook, listed, is_v4)              \
	SEC(hook) int name(struct bpf_sock_addr *context)  \
	{                                                  \
		return connecting(context, listed, is_v4); \
	}
CONNECTING(connect4_all, "cgroup/connect4", 0, 1)
CONNECTING(connect6_all, "cgroup/connect6", 0, 0)
CONNECTING(connect4_listed, "cgroup/connect4", 1, 1)
CONNECTING(connect6_listed, "cgroup/connect6", 1, 0)
