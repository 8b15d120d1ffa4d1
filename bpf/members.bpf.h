/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which process connects, and whether it is the target's. */
#ifndef STORMFUSE_MEMBERS_BPF_H
#define STORMFUSE_MEMBERS_BPF_H

#include <bpf/bpf_helpers.h>

#include "events.h"
#include "tcp.bpf.h"

/* The target's processes, where it shares its cgroup. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MEMBERS_MAXIMUM);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* thread group, as current_process has it */
	__type(value, __u8);
} members SEC(".maps");

const volatile struct capture_settings settings = {};

/* The process that is running, as user space numbers it; where that can't be told, its number in the first PID namespace with
 * PROCESS_OUTER. In the first namespace it always can be told. In another one it can with `translates`, unless the process is in
 * a namespace below; without `translates` it never can.
 *
 * `translates` makes two programs of one, rather than being a setting: programs of this kind have the helper from Linux 6.10 on,
 * and without CAP_PERFMON the verifier walks what a setting rules out ("unknown func bpf_get_ns_current_pid_tgid"). */
static __always_inline __u64 current_process(_Bool translates)
{
	__u64 outer = bpf_get_current_pid_tgid() >> 32;

	if (translates) {
		union {
			struct bpf_pidns_info ids;
			__u64 word;
		} own;
		whole(&own.word, 0);
		if (!bpf_get_ns_current_pid_tgid(settings.pid_namespace_device, settings.pid_namespace_inode, &own.ids,
						 sizeof(own.ids)))
			return own.ids.tgid;
	}
	return outer | (settings.pid_namespace_inode ? PROCESS_OUTER : 0);
}

/* A program for a connect hook: `connecting` decides, which each file has of its own. */
#define CONNECTING(name, hook, listed, is_v4, translates)              \
	SEC(hook) int name(struct bpf_sock_addr *context)              \
	{                                                              \
		return connecting(context, listed, is_v4, translates); \
	}

#endif
