/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What could not be recorded is counted: in all, and by connection. */
#ifndef STORMFUSE_LOSSES_BPF_H
#define STORMFUSE_LOSSES_BPF_H

#include <bpf/bpf_helpers.h>

#include "events.h"

volatile struct capture_state state = {};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LOST_MAXIMUM);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64); /* cookie */
	__type(value, struct connection_losses);
} lost SEC(".maps");

/* Adds without fetching: from -mcpu=v3 on, __sync_fetch_and_add is the fetching instruction, which Linux 5.10 does not know
 * ("BPF_STX uses reserved fields"). With a constant 0 clang makes a fetch of the addition, hence the test. */
static __always_inline void add(volatile __u64 *number, __u64 count)
{
	if (count)
		__atomic_fetch_add(number, count, __ATOMIC_RELAXED);
}

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
		add(&own->by_cause[cause].segments, 1);
		add(&own->by_cause[cause].bytes, bytes);
	} else {
		add(&state.unattributed[cause].segments, 1);
		add(&state.unattributed[cause].bytes, bytes);
	}
	/* The totals last: once they are seen the rest is complete. */
	add(&state.losses[cause].bytes, bytes);
	add(&state.losses[cause].segments, 1);
}

#endif
