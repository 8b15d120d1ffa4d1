/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which process connects, and whether it is the target's. */
#ifndef STORMFUSE_MEMBERS_BPF_H
#define STORMFUSE_MEMBERS_BPF_H

#include <bpf/bpf_helpers.h>

#include "events.h"

/* The target's processes, where it shares its cgroup. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MEMBERS_MAXIMUM);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* thread group */
	__type(value, __u8);
} members SEC(".maps");

const volatile struct capture_settings settings = {};

/* The process that is running, as user space numbers it; 0 for one that its namespace can't see: not the target's. */
static __always_inline __u32 current_process(void)
{
	if (!settings.pid_namespace_inode)
		return bpf_get_current_pid_tgid() >> 32;
	struct bpf_pidns_info ids = {};
	if (bpf_get_ns_current_pid_tgid(settings.pid_namespace_device, settings.pid_namespace_inode, &ids, sizeof(ids)))
		return 0;
	return ids.tgid;
}

#endif
