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

/* Processes that connect and are no members, by a number that user space can't see, with the connection's cookie: user space
 * finds out by its socket whether the process is the target's, and enters the number in `members`. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, OUTSIDERS_MAXIMUM);
	__type(key, __u64);   /* with PROCESS_OUTER */
	__type(value, __u64); /* cookie */
} outsiders SEC(".maps");

volatile struct enforce_state state = {};

SEC("cgroup_skb/egress") int hold_only(struct __sk_buff *skb)
{
	struct segment segment;

	__u64 cookie = bpf_get_socket_cookie(skb);
	if (!bpf_map_lookup_elem(&held, &cookie) || !find_segment(skb, &segment) || segment.length > SEGMENT_MAXIMUM)
		return PACKET_PASS;
	__u64 flags = segment.flags | (skb->gso_segs > 1 ? SEVERAL : 0);
	int known = decide(cookie, state.lease_ns, segment.length, segment.sequence, flags);
	return known == HOLD_PASS ? PACKET_PASS : PACKET_HOLD;
}

static __always_inline int connecting(struct bpf_sock_addr *context, _Bool listed, _Bool is_v4, _Bool translates)
{
	if (context->type != 1 /* SOCK_STREAM */ || context->protocol != IPPROTO_TCP)
		return 1;
	if (listed) {
		__u64 process = current_process(translates);
		if (!bpf_map_lookup_elem(&members, &process)) {
			if (process & PROCESS_OUTER) {
				__u64 cookie = bpf_get_socket_cookie(context);
				bpf_map_update_elem(&outsiders, &process, &cookie, BPF_ANY);
			}
			return 1;
		}
	}
	return !is_refused(context, state.lease_ns, is_v4);
}

CONNECTING(refuse4_all, "cgroup/connect4", 0, 1, 0)
CONNECTING(refuse6_all, "cgroup/connect6", 0, 0, 0)
CONNECTING(refuse4_members, "cgroup/connect4", 1, 1, 0)
CONNECTING(refuse6_members, "cgroup/connect6", 1, 0, 0)

/* In another PID namespace than the first, from Linux 6.10 on. */
CONNECTING(refuse4_members_ns, "cgroup/connect4", 1, 1, 1)
CONNECTING(refuse6_members_ns, "cgroup/connect6", 1, 0, 1)
