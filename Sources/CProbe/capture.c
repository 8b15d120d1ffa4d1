#include "CProbe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ATTACHMENTS_MAXIMUM = 64, LINKS = 4 };

struct cprobe_capture {
	struct bpf_object *object;
	struct cprobe_ring ring;
	struct cprobe_maps maps;
	struct capture_state *state;
	struct bpf_link *links[ATTACHMENTS_MAXIMUM][LINKS];
};

/* libbpf's print callback has no context; what it says belongs to the thread that called libbpf. */
static _Thread_local struct {
	char *text;
	size_t used, bytes;
} said;

static int keep(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_DEBUG || !said.text)
		return 0;
	char line[8192];
	int length = vsnprintf(line, sizeof(line), format, arguments);
	if (length < 0)
		return 0;
	size_t count = (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1;
	if (count >= said.bytes)
		count = said.bytes - 1;
	if (said.used + count >= said.bytes) { /* the end is what matters */
		size_t drop = said.used + count + 1 - said.bytes;
		memmove(said.text, said.text + drop, said.used - drop);
		said.used -= drop;
	}
	memcpy(said.text + said.used, line, count);
	said.used += count;
	said.text[said.used] = 0;
	return 0;
}

static int map_ring(struct cprobe_capture *capture)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, capture->maps.ring, 0);
	if (consumer == MAP_FAILED)
		return -errno;
	capture->ring.consumer = consumer;
	void *producer = mmap(NULL, page + 2 * capture->ring.bytes, PROT_READ, MAP_SHARED, capture->maps.ring,
			      (off_t)page);
	if (producer == MAP_FAILED)
		return -errno;
	capture->ring.producer = producer;
	capture->ring.data = (const uint8_t *)producer + page;
	return 0;
}

static int load(struct cprobe_capture *capture, const struct cprobe_options *options)
{
	struct bpf_map *ring = bpf_object__find_map_by_name(capture->object, "ring");
	struct bpf_map *connections = bpf_object__find_map_by_name(capture->object, "connections");
	struct bpf_map *lost = bpf_object__find_map_by_name(capture->object, "lost");
	struct bpf_map *members = bpf_object__find_map_by_name(capture->object, "members");
	struct bpf_map *settings = NULL, *state = NULL, *map;

	bpf_object__for_each_map(map, capture->object) {
		/* libbpf puts part of the object's name before these. */
		if (strstr(bpf_map__name(map), ".rodata"))
			settings = map;
		else if (strstr(bpf_map__name(map), ".bss"))
			state = map;
	}
	if (!ring || !connections || !lost || !members || !settings || !state)
		return -EINVAL;
	/* Each holds one struct of events.h and nothing else. */
	if (bpf_map__value_size(settings) != sizeof(options->settings) ||
	    bpf_map__value_size(state) != sizeof(struct capture_state))
		return -EINVAL;

	int error = bpf_map__set_initial_value(settings, &options->settings, sizeof(options->settings));
	if (!error)
		error = bpf_map__set_max_entries(ring, options->ring_bytes);
	if (!error)
		error = bpf_map__set_max_entries(connections, options->connections);
	if (!error)
		error = bpf_object__load(capture->object);
	if (error)
		return error;

	capture->maps.ring = bpf_map__fd(ring);
	capture->maps.connections = bpf_map__fd(connections);
	capture->maps.lost = bpf_map__fd(lost);
	capture->maps.members = bpf_map__fd(members);
	capture->ring.bytes = bpf_map__max_entries(ring);
	void *mapped = mmap(NULL, sizeof(struct capture_state), PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(state), 0);
	if (mapped == MAP_FAILED)
		return -errno;
	capture->state = mapped;
	return map_ring(capture);
}

int cprobe_open(const void *object, size_t bytes, const struct cprobe_options *options,
		struct cprobe_capture **result, char *message, size_t message_bytes)
{
	*result = NULL;
	if (message_bytes < 2)
		return -EINVAL;
	message[0] = 0;
	struct cprobe_capture *capture = calloc(1, sizeof(*capture));
	if (!capture)
		return -ENOMEM;

	said.text = message;
	said.used = 0;
	said.bytes = message_bytes;
	libbpf_set_print(keep);
	LIBBPF_OPTS(bpf_object_open_opts, open_options, .object_name = "stormfuse");
	capture->object = bpf_object__open_mem(object, bytes, &open_options);
	int error = capture->object ? load(capture, options) : -errno;
	said.text = NULL;
	if (error) {
		cprobe_close(capture);
		return error;
	}
	*result = capture;
	return 0;
}

void cprobe_close(struct cprobe_capture *capture)
{
	if (!capture)
		return;
	for (int i = 0; i < ATTACHMENTS_MAXIMUM; i++)
		cprobe_detach(capture, i + 1);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	if (capture->ring.producer)
		munmap((void *)capture->ring.producer, page + 2 * capture->ring.bytes);
	if (capture->ring.consumer)
		munmap(capture->ring.consumer, page);
	if (capture->state)
		munmap(capture->state, sizeof(struct capture_state));
	bpf_object__close(capture->object);
	free(capture);
}

struct cprobe_ring cprobe_ring(const struct cprobe_capture *capture) { return capture->ring; }

struct cprobe_maps cprobe_maps(const struct cprobe_capture *capture) { return capture->maps; }

struct capture_state *cprobe_state(struct cprobe_capture *capture) { return capture->state; }

void cprobe_cost(const struct cprobe_capture *capture, uint64_t *run_ns, uint64_t *runs)
{
	struct bpf_program *program;

	*run_ns = *runs = 0;
	bpf_object__for_each_program(program, capture->object) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);
		if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0) {
			*run_ns += info.run_time_ns;
			*runs += info.run_cnt;
		}
	}
}

int cprobe_attach(struct cprobe_capture *capture, int cgroup, enum cprobe_mode mode)
{
	/* Egress last: where a connection is new, its process is known before its first packet. */
	static const char *const names[][LINKS] = {
		[CPROBE_ALL] = {"connect4_all", "connect6_all", "ingress_all", "egress_all"},
		[CPROBE_LISTED] = {"ingress_listed", "egress_listed"},
		[CPROBE_LISTED_CONNECTING] = {"connect4_listed", "connect6_listed", "ingress_listed",
					      "egress_listed"},
	};

	int attachment = 0;
	while (attachment < ATTACHMENTS_MAXIMUM && capture->links[attachment][0])
		attachment++;
	if (attachment == ATTACHMENTS_MAXIMUM)
		return -ENOSPC;
	for (int i = 0; i < LINKS && names[mode][i]; i++) {
		struct bpf_program *program = bpf_object__find_program_by_name(capture->object, names[mode][i]);
		struct bpf_link *link = program ? bpf_program__attach_cgroup(program, cgroup) : NULL;
		if (!link) {
			int error = program ? -errno : -EINVAL;
			cprobe_detach(capture, attachment + 1);
			return error;
		}
		capture->links[attachment][i] = link;
	}
	return attachment + 1;
}

void cprobe_detach(struct cprobe_capture *capture, int attachment)
{
	if (attachment < 1 || attachment > ATTACHMENTS_MAXIMUM)
		return;
	for (int i = 0; i < LINKS; i++) {
		if (capture->links[attachment - 1][i])
			bpf_link__destroy(capture->links[attachment - 1][i]);
		capture->links[attachment - 1][i] = NULL;
	}
}

int cprobe_map_lookup(int map, const void *key, void *value)
{
	return bpf_map_lookup_elem(map, key, value) ? -errno : 0;
}

int cprobe_map_update(int map, const void *key, const void *value, uint64_t flags)
{
	return bpf_map_update_elem(map, key, value, flags) ? -errno : 0;
}

int cprobe_map_delete(int map, const void *key) { return bpf_map_delete_elem(map, key) ? -errno : 0; }

int cprobe_map_next_key(int map, const void *key, void *next)
{
	return bpf_map_get_next_key(map, key, next) ? -errno : 0;
}

int cprobe_map_batch(int map, uint64_t *cursor, bool *first, void *keys, void *values, uint32_t *count)
{
	int error = bpf_map_lookup_batch(map, *first ? NULL : cursor, cursor, keys, values, count, NULL) ? errno : 0;

	*first = false;
	return error == ENOENT ? 0 : error ? -error : 1;
}

int cprobe_wait(int ring, int timeout_ms)
{
	struct pollfd waited = {.fd = ring, .events = POLLIN};
	int ready = poll(&waited, 1, timeout_ms);

	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	return ready > 0;
}

const char *cprobe_library_version(void) { return libbpf_version_string(); }
