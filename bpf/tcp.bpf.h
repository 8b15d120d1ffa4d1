/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Finds TCP in a packet as cgroup_skb programs get it: it begins with the IP header. */
#ifndef STORMFUSE_TCP_BPF_H
#define STORMFUSE_TCP_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
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
};

/* Offset and length of a packet's TCP payload, and what the records need of its headers. Filled by helpers rather than
 * by stores wherever possible: without CAP_PERFMON every first store to a stack slot costs a speculation fence. */
struct packet {
	union {
		struct iphdr v4;
		struct ipv6hdr v6;
	} ip;
	struct tcphdr tcp;
};

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

#endif
