// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Holds without recording: for a hold by hand beside no sidecar. The decision is that of the capture programs (hold.bpf.h).
 *
 * `refuse*_all`: the cgroup is the target's own, `refuse*_members`: it is shared, only the target's processes are refused.
 */
#include "events.h"
#include "hold.bpf.h"
#include "members.bpf.h"
#include "tcp.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

volatile struct enforce_state state = {};

SEC("cgroup_skb/egress") int hold_only(struct __sk_buff *skb)
{
	struct packet packet;
	__u32 end = 0;

	__u64 cookie = bpf_get_socket_cookie(skb);
	if (!bpf_map_lookup_elem(&held, &cookie))
		return PACKET_PASS;
	_Bool is_v4 = skb->protocol == bpf_htons(ETH_P_IP);
	if (!is_v4 && skb->protocol != bpf_htons(ETH_P_IPV6))
		return PACKET_PASS;
	__u32 tcp_at = is_v4 ? find_tcp_v4(skb, &packet, &end) : find_tcp_v6(skb, &packet, &end);
	if (!tcp_at || bpf_skb_load_bytes(skb, tcp_at, &packet.tcp, sizeof(packet.tcp)))
		return PACKET_PASS;
	__u32 at = tcp_at + packet.tcp.doff * 4;
	if (packet.tcp.doff < 5 || end < at || end - at > SEGMENT_MAXIMUM)
		return PACKET_PASS;
	__u8 flags = ((__u8 *)&packet.tcp)[13];
	__u32 sequence = bpf_ntohl(packet.tcp.seq) + !!(flags & SYN);
	__u32 several = skb->gso_segs > 1 ? SEVERAL : 0;
	return decide(cookie, state.lease_ns, end - at, sequence, flags | several) == HOLD_PASS ? PACKET_PASS : PACKET_HOLD;
}

static __always_inline int connecting(struct bpf_sock_addr *context, _Bool listed, _Bool is_v4)
{
	if (context->type != 1 /* SOCK_STREAM */ || context->protocol != IPPROTO_TCP)
		return 1;
	if (listed) {
		__u32 process = current_process();
		if (!bpf_map_lookup_elem(&members, &process))
			return 1;
	}
	return !is_refused(context, state.lease_ns, is_v4);
}

#define CONNECTING(name, hook, listed, is_v4)              \
	SEC(hook) int name(struct bpf_sock_addr *context)  \
	{                                                  \
		return connecting(context, listed, is_v4); \
	}
CONNECTING(refuse4_all, "cgroup/connect4", 0, 1)
CONNECTING(refuse6_all, "cgroup/connect6", 0, 0)
CONNECTING(refuse4_members, "cgroup/connect4", 1, 1)
CONNECTING(refuse6_members, "cgroup/connect6", 1, 0)
