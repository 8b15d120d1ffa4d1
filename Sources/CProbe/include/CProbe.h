/*
 * What Swift cannot import from libbpf or the kernel's headers, and no more. Functions return 0 or a negated errno
 * unless they say otherwise.
 */
#ifndef STORMFUSE_CPROBE_H
#define STORMFUSE_CPROBE_H

#include "../../../bpf/events.h"
#include "../../../bpf/holding.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/* ---- The capture programs (capture.c) ---- */

struct cprobe_capture;

struct cprobe_options {
	uint32_t ring_bytes; /* a power of two, at least a page */
	uint32_t connections; /* room in the table of connections */
	struct capture_settings settings;
	bool translates; /* as cprobe_translates says */
};

/* Whether the kernel can translate a process's number into the PID namespace that this device and inode name, in the
 * programs that run on connect: from Linux 6.10 on. Needs CAP_BPF and CAP_NET_ADMIN; without them, false. */
bool cprobe_translates(uint64_t device, uint64_t inode);

/* The ring buffer as mapped here. */
struct cprobe_ring {
	const uint64_t *producer;
	uint64_t *consumer;
	const uint8_t *data; /* mapped twice in a row, so that no record wraps */
	uint64_t bytes;
};

/* The maps that user space reads and writes, by descriptor. */
struct cprobe_maps {
	int ring, connections, lost, members;
};

/* The tables of bpf/holding.h: two by descriptor, one as mapped here, and where the lease stands. */
struct cprobe_holding {
	int held, refused;
	struct hold *_Nonnull holds; /* HELD_MAXIMUM of them */
	uint64_t *_Nonnull lease_ns;
};

/* Loads the programs. On failure `*capture` stays null and `message` holds what libbpf and the verifier said, as far as
 * it fits: the end of it, where the reason stands. */
int cprobe_open(const void *object, size_t bytes, const struct cprobe_options *options,
		struct cprobe_capture *_Nullable *_Nonnull capture, char *message, size_t message_bytes);
/* Detaches everything and frees it. */
void cprobe_close(struct cprobe_capture *_Nullable capture);
struct cprobe_ring cprobe_ring(const struct cprobe_capture *capture);
struct cprobe_maps cprobe_maps(const struct cprobe_capture *capture);
/* The state that kernel and user space share; valid until cprobe_close. */
struct capture_state *cprobe_state(struct cprobe_capture *capture);
/* Time that the programs have run and how often, while kernel.bpf_stats_enabled is 1. */
void cprobe_cost(const struct cprobe_capture *capture, uint64_t *run_ns, uint64_t *runs);

enum cprobe_mode {
	CPROBE_ALL,              /* record every connection of the cgroup */
	CPROBE_LISTED,           /* record the connections with an entry */
	CPROBE_LISTED_CONNECTING /* the same, and enter those that a member makes */
};
/* Attaches the programs to the cgroup whose directory is open as `cgroup`. Returns a number above 0 for cprobe_detach. */
int cprobe_attach(struct cprobe_capture *capture, int cgroup, enum cprobe_mode mode);
void cprobe_detach(struct cprobe_capture *capture, int attachment);

/* Has an attachment's egress program decide first (`holds`), or only record. Swapped in one step: no packet meets both, or
 * neither. */
int cprobe_hold(struct cprobe_capture *capture, int attachment, bool holds);
/* Valid until cprobe_close. */
struct cprobe_holding cprobe_holding(const struct cprobe_capture *capture);

int cprobe_map_lookup(int map, const void *key, void *value);
/* `flags`: 0 any, 1 only a new key, 2 only an existing one. */
int cprobe_map_update(int map, const void *key, const void *value, uint64_t flags);
int cprobe_map_delete(int map, const void *key);
/* The key after `key`, or the first one for null. -ENOENT at the end. */
int cprobe_map_next_key(int map, const void *_Nullable key, void *next);
/* Reads up to `*count` entries into `keys` and `values`; `cursor` is opaque, `*first` is cleared by the first call.
 * Returns 1 while there is more, 0 at the end. */
int cprobe_map_batch(int map, uint64_t *cursor, bool *first, void *keys, void *values, uint32_t *count);

enum cprobe_ready { CPROBE_RING = 1, CPROBE_WOKEN = 2 };
/* Waits until the kernel says that there is something in the ring, or `wake` was rung, or for `timeout_ms`: which of
 * the two (enum cprobe_ready), or a negated errno. */
int cprobe_wait(int ring, int wake, int timeout_ms);

/* What another thread interrupts cprobe_wait with: a descriptor, to be closed with close(), or a negative errno. Stays set
 * until it is taken. */
int cprobe_wakeup_open(void);
void cprobe_wakeup(int wake);
void cprobe_wakeup_taken(int wake);

/* The next record, or null if there is none, or if it is still being written. `*bytes` becomes what the reader must
 * advance by. Discarded records are passed over. */
static inline const struct segment_event *_Nullable cprobe_next(const struct cprobe_ring *ring,
								uint64_t *position)
{
	/* Layout: Documentation/bpf/ringbuf.rst; a header of 8 bytes, its first word the length with two flag bits. */
	enum { BUSY = 1u << 31, DISCARDED = 1u << 30, HEADER = 8 };

	uint64_t end = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
	while (*position < end) {
		const uint8_t *record = ring->data + (*position & (ring->bytes - 1));
		uint32_t length = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		if (length & BUSY)
			return NULL;
		*position += ((length & ~DISCARDED) + HEADER + 7) & ~(uint64_t)7;
		if (!(length & DISCARDED))
			return (const struct segment_event *)(record + HEADER);
		__atomic_store_n(ring->consumer, *position, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Gives everything before `position` back to the kernel. */
static inline void cprobe_release(const struct cprobe_ring *ring, uint64_t position)
{
	__atomic_store_n(ring->consumer, position, __ATOMIC_RELEASE);
}

static inline uint64_t cprobe_queued(const struct cprobe_ring *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE) - __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
}

enum cprobe_hook { CPROBE_EGRESS, CPROBE_INGRESS, CPROBE_CONNECT4, CPROBE_CONNECT6 };
/* How many programs are attached to this very cgroup, and with which flags (BPF_F_ALLOW_OVERRIDE 1, _MULTI 2). */
int cprobe_attached(int cgroup, enum cprobe_hook hook, uint32_t *count, uint32_t *flags);

/* ---- The programs that only hold (enforce.c) ---- */

struct cprobe_enforce;

/* As cprobe_open. */
int cprobe_enforce_open(const void *object, size_t bytes, const struct capture_settings *settings, bool translates,
			struct cprobe_enforce *_Nullable *_Nonnull enforce, char *message, size_t message_bytes);
void cprobe_enforce_close(struct cprobe_enforce *_Nullable enforce);
/* Valid until cprobe_enforce_close. */
struct cprobe_holding cprobe_enforce_holding(const struct cprobe_enforce *enforce);
/* The target's processes, for shared cgroups. */
int cprobe_enforce_members(const struct cprobe_enforce *enforce);
/* Processes that connected and are not known to be the target's, by their numbers in the first PID namespace (64 bits, with
 * PROCESS_OUTER), each with its connection's cookie. */
int cprobe_enforce_outsiders(const struct cprobe_enforce *enforce);
enum cprobe_part {
	CPROBE_HOLD,           /* egress */
	CPROBE_REFUSE,         /* connecting, where only the target is in that cgroup */
	CPROBE_REFUSE_MEMBERS, /* connecting, by the target's processes */
};
/* Returns a number above 0. */
int cprobe_enforce_attach(struct cprobe_enforce *enforce, int cgroup, enum cprobe_part part);
void cprobe_enforce_detach(struct cprobe_enforce *enforce, int attachment);

/* The version of libbpf in use, as "v1.1". */
const char *cprobe_library_version(void);

/* ---- Open sockets (sockets.c) ---- */

struct cprobe_socket {
	uint64_t cookie;
	uint64_t cgroup; /* id of the cgroup that owns it; 0 if the kernel does not say */
	uint32_t inode;
	uint8_t state; /* TCP_ESTABLISHED is 1 */
	struct remote remote;
};

/* All TCP sockets of a network namespace that are connected or connecting. `space` is /proc/PID/ns/net opened, which takes
 * CAP_SYS_ADMIN to enter, or -1 for our own. The caller frees `*sockets`. */
int cprobe_sockets(int space, struct cprobe_socket *_Nullable *_Nonnull sockets, size_t *count);
/* net.ipv4.tcp_retries2 of a network namespace, named in the same way. */
int cprobe_retries(int space);
/* TCP_USER_TIMEOUT in milliseconds of another process's socket, through pidfd_getfd (Linux 5.6): takes the right to trace
 * it (CAP_SYS_PTRACE across users). -ESTALE: the descriptor is another socket's by now. */
int cprobe_user_timeout(int process, int descriptor, uint64_t cookie);
/* Has a connected socket of another process send a window probe: a segment without payload that its peer acknowledges.
 * Takes CAP_NET_ADMIN besides. Does so by ending a repair that never began (TCP_REPAIR off; tcp_send_window_probe, Linux
 * 3.5 and later); SO_REUSEADDR, which that clears, is set again. The socket is ours for these few calls only: were it kept,
 * a close by its process would not reach the peer. `*heard_ms`: how long before this the last acknowledgement came. */
int cprobe_nudge(int process, int descriptor, uint64_t cookie, uint32_t *heard_ms);
/* The same on a connection of our own over loopback, made for it. */
int cprobe_nudge_trial(void);

/* ---- Privileges (command.c) ---- */

/* Runs `run` on a thread whose effective capabilities are those of `mask` and no others, as far as they are permitted, and
 * waits for it. */
int cprobe_with_capabilities(uint64_t mask, void (*run)(void *_Nullable), void *_Nullable context);

/* ---- A started command (command.c) ---- */

struct cprobe_command {
	int process;
	int gate;   /* write a byte and the command runs; close without, and it never does */
	/* Read ints: first 0 (waits at the gate) or a negated errno (could not enter the cgroup); after the gate was opened
	 * the end of file (the command runs) or the errno of the failed exec. */
	int report;
};

/* Forks. The child enters the cgroup whose cgroup.procs is open as `procs` (-1: stays where it is) and waits at the gate,
 * then becomes `arguments[0]`, searched in PATH. Without CAP_BPF and CAP_NET_ADMIN where these were ambient. */
int cprobe_start(char *_Nullable const *_Nonnull arguments, int procs, struct cprobe_command *command);
/* From now on SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 go to `process`, except those that the terminal has
 * sent to both; 0 ends that and gives the signals back to their former handlers. For one process at a time. */
int cprobe_forward_signals(int process);

#pragma clang assume_nonnull end

#endif
