// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Sees the TCP traffic of a cgroup and records what user space takes an interest in. Never changes or drops a packet.
 *
 * The same code is attached in two ways. `all`: the cgroup is the target's own, every connection is recorded unless its
 * entry says otherwise. `listed`: the cgroup is shared, only connections with an entry are. Every record is tied to its
 * socket's cookie, never to the addresses. See README.md for what the verifier allows here.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "events.h"

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

/* The target's processes, for the `listed` programs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MEMBERS_MAXIMUM);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* thread group */
	__type(value, __u8);
} members SEC(".maps");

const volatile struct capture_settings settings = {};
volatile struct capture_state state = {};

enum {
	FIN = 1,
	SYN = 2,
	RST = 4,
	ACK = 16,
	EXTENSIONS_MAXIMUM = 6, /* IPv6 extension headers; what has more is not TCP to us */
	SEGMENT_MAXIMUM = 512 << 10, /* GSO_MAX_SIZE of the kernel: 8 * 65535 */
	FRAGMENT_OFFSET = 0x1fff,
};

static const __u64 wake_every_ns = 1000 * 1000;
static const __u64 wake_early_ns = 100 * 1000;

/* Offset and length of a packet's TCP payload, and what the records need of its headers. Filled by helpers rather than
 * by stores wherever possible: without CAP_PERFMON every first store to a stack slot costs a speculation fence. */
struct packet {
	union {
		struct iphdr v4;
		struct ipv6hdr v6;
	} ip;
	struct tcphdr tcp;
};

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

/* Finds the TCP header: its offset, or 0 if there is none. `*end` becomes the packet's length by its own account. */
static __always_inline __u32 find_tcp_v4(struct __sk_buff *skb, struct packet *packet, __u32 *end)
{
	struct iphdr *ip = &packet->ip.v4;

	/* The whole union: TCP over IPv4 has 40 bytes of headers at least, and the verifier cannot tell afterwards which
	 * member was filled. */
	if (bpf_skb_load_bytes(skb, 0, &packet->ip, sizeof(packet->ip)))
		return 0;
	if (ip->protocol != IPPROTO_TCP || ip->ihl < 5 || ip->frag_off & bpf_htons(FRAGMENT_OFFSET))
		return 0;
	/* 0: larger than 64 KB, IPv4 BIG TCP (kernel 6.3) */
	*end = ip->tot_len ? bpf_ntohs(ip->tot_len) : skb->len;
	return ip->ihl * 4;
}

static __always_inline __u32 find_tcp_v6(struct __sk_buff *skb, struct packet *packet, __u32 *end)
{
	struct ipv6hdr *ip = &packet->ip.v6;
	__u32 at = sizeof(*ip);
	struct {
		__u8 next, length;
		__u16 fragment;
	} extension;

	if (bpf_skb_load_bytes(skb, 0, &packet->ip, sizeof(packet->ip)))
		return 0;
	/* 0: a jumbogram (RFC 2675), which is what IPv6 BIG TCP makes */
	*end = ip->payload_len ? at + bpf_ntohs(ip->payload_len) : skb->len;
	__u8 next = ip->nexthdr;
	for (int i = 0; i < EXTENSIONS_MAXIMUM; i++) {
		if (next == IPPROTO_TCP)
			return at;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
		    next != IPPROTO_AH && next != IPPROTO_FRAGMENT)
			return 0;
		if (bpf_skb_load_bytes(skb, at, &extension, sizeof(extension)))
			return 0;
		if (next == IPPROTO_FRAGMENT) {
			if (extension.fragment & bpf_htons(0xfff8))
				return 0;
			at += 8;
		} else if (next == IPPROTO_AH) {
			at += (extension.length + 2) * 4; /* RFC 4302 section 2.2 */
		} else {
			at += (extension.length + 1) * 8; /* RFC 8200 section 4.2 */
		}
		next = extension.next;
	}
	return next == IPPROTO_TCP ? at : 0;
}

static __always_inline void capture(struct __sk_buff *skb, __u8 direction, _Bool listed)
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
		if (interest == INTEREST_IGNORE)
			return;
		r.marks = known->flags;
		if (listed != !!(r.marks & CONNECTION_LISTED))
			return;
		r.process = known->process;
	} else {
		if (listed)
			return;
		r.marks = 0;
		r.process = 0;
	}

	r.is_v4 = skb->protocol == bpf_htons(ETH_P_IP);
	if (!r.is_v4 && skb->protocol != bpf_htons(ETH_P_IPV6))
		return;
	__u32 tcp_at = r.is_v4 ? find_tcp_v4(skb, &packet, &end) : find_tcp_v6(skb, &packet, &end);
	if (!tcp_at || bpf_skb_load_bytes(skb, tcp_at, &packet.tcp, sizeof(packet.tcp)))
		return;
	__u8 flags = ((__u8 *)&packet.tcp)[13];
	r.at = tcp_at + packet.tcp.doff * 4;
	if (packet.tcp.doff < 5 || end < r.at)
		return;
	r.length = end - r.at;
	if (r.length > SEGMENT_MAXIMUM) {
		count_copy_failed(r.cookie, r.length);
		return;
	}
	/* A bare acknowledgement says nothing that the next data does not. */
	if (!r.length && !(flags & (SYN | FIN | RST)))
		return;
	/* The handshake of an accepted connection carries the listener's cookie: it can't be told whose it is. */
	if (flags & SYN && (direction == DIRECTION_EGRESS) == !!(flags & ACK))
		return;

	r.direction = direction;
	r.now_ns = bpf_ktime_get_ns();
	r.sequence = bpf_ntohl(packet.tcp.seq) + !!(flags & SYN);
	if (interest == INTEREST_HEADERS || !r.length) {
		record(skb, &packet, &r, 0, 0, r.length, 0, flags);
		return;
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
}

/* A process connects: here, and only here, it is certain which one it is. */
static __always_inline void connecting(struct bpf_sock_addr *context, _Bool listed)
{
	if (context->type != 1 /* SOCK_STREAM */ || context->protocol != IPPROTO_TCP)
		return;
	__u64 cookie = bpf_get_socket_cookie(context);
	struct connection fresh = {.interest = INTEREST_FULL, .epoch = state.epoch};
	if (settings.pid_namespace_inode) {
		struct bpf_pidns_info ids = {};
		/* Fails for a process that our namespace cannot see: then it is not the target's either. */
		if (bpf_get_ns_current_pid_tgid(settings.pid_namespace_device, settings.pid_namespace_inode, &ids,
						sizeof(ids)) == 0)
			fresh.process = ids.tgid;
	} else {
		fresh.process = bpf_get_current_pid_tgid() >> 32;
	}
	if (listed) {
		/* The socket may lie in a cgroup of the target's own below this shared one: that one's program ran first. */
		struct connection *known = bpf_map_lookup_elem(&connections, &cookie);
		if (known && !(known->flags & CONNECTION_LISTED))
			return;
		fresh.flags = CONNECTION_LISTED;
		if (!bpf_map_lookup_elem(&members, &fresh.process))
			fresh.flags |= CONNECTION_UNDECIDED;
	}
	/* Without an entry the `all` programs record all the same; only the process stays unknown. */
	if (bpf_map_update_elem(&connections, &cookie, &fresh, BPF_ANY) && listed)
		count_loss(cookie, LOSS_TABLE_FULL, 0);
}

#define CAPTURE(name, hook, direction, listed)             \
	SEC(hook) int name(struct __sk_buff *skb)          \
	{                                                  \
		capture(skb, direction, listed);           \
		return 1; /* the packet goes on */         \
	}
CAPTURE(ingress_all, "cgroup_skb/ingress", DIRECTION_INGRESS, 0)
CAPTURE(egress_all, "cgroup_skb/egress", DIRECTION_EGRESS, 0)
CAPTURE(ingress_listed, "cgroup_skb/ingress", DIRECTION_INGRESS, 1)
CAPTURE(egress_listed, "cgroup_skb/egress", DIRECTION_EGRESS, 1)

#define CONNECTING(name, hook, listed)                     \
	SEC(hook) int name(struct bpf_sock_addr *context)  \
	{                                                  \
		connecting(context, listed);               \
		return 1; /* the connection is allowed */  \
	}
CONNECTING(connect4_all, "cgroup/connect4", 0)
CONNECTING(connect6_all, "cgroup/connect6", 0)
CONNECTING(connect4_listed, "cgroup/connect4", 1)
CONNECTING(connect6_listed, "cgroup/connect6", 1)
