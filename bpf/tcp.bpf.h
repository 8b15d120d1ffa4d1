/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Finds TCP in a packet as cgroup_skb programs get it: it begins with the IP header.
 *
 * The functions here and in capture.bpf.c and hold.bpf.h are global (not static): the verifier walks each of them once, by
 * itself, instead of once for each path that leads to a call. As static functions the programs took 125,000 instructions
 * on Linux 6.1 ("The sequence of 8193 jumps is too complex"). Up to Linux 5.12 a global function takes the context and
 * numbers, at most five arguments, so what belongs together is packed into 64-bit numbers.
 */
#ifndef STORMFUSE_TCP_BPF_H
#define STORMFUSE_TCP_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	FIN = 1,
	SYN = 2,
	RST = 4,
	ACK = 16,
	EXTENSIONS_MAXIMUM = 6, /* IPv6 extension headers; what has more is not TCP to us */
	SEGMENT_MAXIMUM = 512 << 10, /* GSO_MAX_SIZE of the kernel: 8 * 65535 */
	FRAGMENT_OFFSET = 0x1fff,
	IPV4_ADDRESSES_AT = 12, /* RFC 791 section 3.1 */
	IPV6_ADDRESSES_AT = 8,	/* RFC 8200 section 3 */
	IPV6_HEADER_BYTES = 40,
};

/* A value that the compiler takes to be 64 bits wide from here on, so that it spills whole stack slots. Without
 * CAP_PERFMON, Linux 6.1 to 6.9 refuse a store of 4 bytes to a slot that held 8: "attempt to corrupt spilled pointer on
 * stack". */
#define WIDE(value) asm volatile("" : "+r"(value))

/* Stores 8 bytes at once. A slot of the stack is filled this way or by a helper: see WIDE. */
static __always_inline void whole(__u64 *slot, __u64 value) { *(volatile __u64 *)slot = value; }

/* Goes over one IPv6 extension header. `where`: kind of the header << 16 | where it begins. Returns the same of the header
 * behind it, or 0 if this is none that may stand before TCP. Nearly without branches, since both sides of each are walked. */
__attribute__((noinline)) int skip_extension(struct __sk_buff *skb, __u32 where)
{
	static const __u64 kinds = 1ull << IPPROTO_HOPOPTS | 1ull << IPPROTO_ROUTING | 1ull << IPPROTO_DSTOPTS |
				   1ull << IPPROTO_AH | 1ull << IPPROTO_FRAGMENT;
	__u32 kind = where >> 16, at = where & 0xffff, word;

	if (kind > 63 || !(1ull << kind & kinds) || bpf_skb_load_bytes(skb, at, &word, sizeof(word)))
		return 0;
	__u32 extension = bpf_ntohl(word); /* next header, length, and of a fragment its offset */
	__u32 bytes = ((extension >> 16 & 255) + 1) * 8; /* RFC 8200 section 4.2 */
	if (kind == IPPROTO_AH)
		bytes = ((extension >> 16 & 255) + 2) * 4; /* RFC 4302 section 2.2 */
	if (kind == IPPROTO_FRAGMENT) {
		if (extension & 0xfff8)
			return 0;
		bytes = 8;
	}
	return extension >> 24 << 16 | ((at + bytes) & 0xffff);
}

/* Where a packet's TCP header begins, and << 32 where the packet ends by its own account. 0 if there is no TCP. */
__attribute__((noinline)) __u64 find_tcp(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		__u32 words[3]; /* RFC 791 section 3.1 */
		if (bpf_skb_load_bytes(skb, 0, words, sizeof(words)))
			return 0;
		__u64 header_words = bpf_ntohl(words[0]) >> 24 & 15, end = bpf_ntohl(words[0]) & 0xffff;
		if ((bpf_ntohl(words[2]) >> 16 & 255) != IPPROTO_TCP || header_words < 5 ||
		    bpf_ntohl(words[1]) & FRAGMENT_OFFSET)
			return 0;
		/* 0: larger than 64 KB, IPv4 BIG TCP (Linux 6.3) */
		if (!end)
			end = skb->len;
		return end << 32 | header_words * 4;
	}
	if (skb->protocol != bpf_htons(ETH_P_IPV6))
		return 0;
	__u32 word; /* payload length, next header, hop limit: RFC 8200 section 3 */
	if (bpf_skb_load_bytes(skb, 4, &word, sizeof(word)))
		return 0;
	word = bpf_ntohl(word);
	/* 0: a jumbogram (RFC 2675), which is what IPv6 BIG TCP makes */
	__u64 end = word >> 16 ? IPV6_HEADER_BYTES + (word >> 16) : skb->len;
	__u32 where = (word >> 8 & 255) << 16 | IPV6_HEADER_BYTES;
#pragma unroll
	for (int i = 0; i < EXTENSIONS_MAXIMUM; i++) {
		if (!where || where >> 16 == IPPROTO_TCP)
			break;
		where = skip_extension(skb, where);
	}
	return where >> 16 == IPPROTO_TCP ? end << 32 | (where & 0xffff) : 0;
}

/* A packet's TCP segment. 64 bits each, see WIDE. */
struct segment {
	__u64 tcp_at;	/* where the TCP header begins in the packet */
	__u64 at;	/* where its payload begins */
	__u64 length;	/* of the payload */
	__u64 sequence; /* of the first payload byte */
	__u64 flags;
};

/* Whether the packet has one. */
static __always_inline _Bool find_segment(struct __sk_buff *skb, struct segment *segment)
{
	struct {
		__u32 sequence, acknowledgement, rest;
	} tcp; /* RFC 9293 section 3.1, behind the ports */

	__u64 found = find_tcp(skb), tcp_at = found & 0xffff, end = found >> 32;
	if (!tcp_at || bpf_skb_load_bytes(skb, tcp_at + 4, &tcp, sizeof(tcp)))
		return 0;
	__u64 rest = bpf_ntohl(tcp.rest), words = rest >> 28, flags = rest >> 16 & 255, at = tcp_at + words * 4;
	if (words < 5 || end < at)
		return 0;
	__u64 length = end - at, sequence = bpf_ntohl(tcp.sequence) + !!(flags & SYN);
	WIDE(tcp_at);
	WIDE(at);
	WIDE(length);
	WIDE(sequence);
	WIDE(flags);
	*segment = (struct segment){tcp_at, at, length, sequence, flags};
	return 1;
}

#endif
