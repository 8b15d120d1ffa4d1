#include "objects.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ATTACHMENTS_MAXIMUM = 64, LINKS = 4 };

struct cprobe_capture {
	struct bpf_object *object;
	struct cprobe_ring ring;
	struct cprobe_maps maps;
	struct capture_state *state;
	struct cprobe_holding holding;
	struct {
		enum cprobe_mode mode;
		struct bpf_link *links[LINKS];
	} attachments[ATTACHMENTS_MAXIMUM];
};

/* The egress program stands last: where a connection is new, its process is known before its first packet. */
static const char *const names[][LINKS] = {
	[CPROBE_ALL] = {"connect4_all", "connect6_all", "ingress_all", "egress_all"},
	[CPROBE_LISTED] = {"ingress_listed", "egress_listed"},
	[CPROBE_LISTED_CONNECTING] = {"connect4_listed", "connect6_listed", "ingress_listed", "egress_listed"},
};

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
	struct bpf_map *settings = objects_section(capture->object, ".rodata");
	struct bpf_map *state = objects_section(capture->object, ".bss");

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
	if (error)
		return error;
	objects_choose(capture->object, options->translates);
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
	capture->holding.lease_ns = (uint64_t *)&capture->state->hold_lease_ns;
	error = objects_map_holds(capture->object, &capture->holding);
	return error ? error : map_ring(capture);
}

int cprobe_open(const void *object, size_t bytes, const struct cprobe_options *options,
		struct cprobe_capture **result, char *message, size_t message_bytes)
{
	*result = NULL;
	struct cprobe_capture *capture = calloc(1, sizeof(*capture));
	if (!capture)
		return -ENOMEM;

	objects_listen(message, message_bytes);
	capture->object = objects_open(object, bytes, "stormfuse");
	int error = capture->object ? load(capture, options) : -errno;
	objects_listen(NULL, 0);
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
	objects_unmap_holds(&capture->holding);
	if (capture->state)
		munmap(capture->state, sizeof(struct capture_state));
	bpf_object__close(capture->object);
	free(capture);
}

struct cprobe_ring cprobe_ring(const struct cprobe_capture *capture) { return capture->ring; }

struct cprobe_maps cprobe_maps(const struct cprobe_capture *capture) { return capture->maps; }

struct cprobe_holding cprobe_holding(const struct cprobe_capture *capture) { return capture->holding; }

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
	int attachment = 0;
	while (attachment < ATTACHMENTS_MAXIMUM && capture->attachments[attachment].links[0])
		attachment++;
	if (attachment == ATTACHMENTS_MAXIMUM)
		return -ENOSPC;
	capture->attachments[attachment].mode = mode;
	for (int i = 0; i < LINKS && names[mode][i]; i++) {
		struct bpf_program *program = objects_program(capture->object, names[mode][i]);
		struct bpf_link *link = program ? bpf_program__attach_cgroup(program, cgroup) : NULL;
		if (!link) {
			int error = program ? -errno : -EINVAL;
			cprobe_detach(capture, attachment + 1);
			return error;
		}
		capture->attachments[attachment].links[i] = link;
	}
	return attachment + 1;
}

int cprobe_hold(struct cprobe_capture *capture, int attachment, bool holds)
{
	if (attachment < 1 || attachment > ATTACHMENTS_MAXIMUM || !capture->attachments[attachment - 1].links[0])
		return -EINVAL;
	enum cprobe_mode mode = capture->attachments[attachment - 1].mode;
	int egress = 0;
	while (egress + 1 < LINKS && names[mode][egress + 1])
		egress++;
	const char *name = !holds ? names[mode][egress] : mode == CPROBE_ALL ? "hold_all" : "hold_listed";
	struct bpf_program *program = objects_program(capture->object, name);
	if (!program)
		return -EINVAL;
	return bpf_link__update_program(capture->attachments[attachment - 1].links[egress], program) ? -errno : 0;
}

void cprobe_detach(struct cprobe_capture *capture, int attachment)
{
	if (attachment < 1 || attachment > ATTACHMENTS_MAXIMUM)
		return;
	struct bpf_link **links = capture->attachments[attachment - 1].links;
	for (int i = 0; i < LINKS; i++) {
		if (links[i])
			bpf_link__destroy(links[i]);
		links[i] = NULL;
	}
}

int cprobe_wait(int ring, int wake, int timeout_ms)
{
	struct pollfd waited[] = {{.fd = ring, .events = POLLIN}, {.fd = wake, .events = POLLIN}};
	int ready = poll(waited, 2, timeout_ms);

	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	return (waited[0].revents ? CPROBE_RING : 0) | (waited[1].revents ? CPROBE_WOKEN : 0);
}

int cprobe_wakeup_open(void)
{
	int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return wake < 0 ? -errno : wake;
}

void cprobe_wakeup(int wake) { eventfd_write(wake, 1); }

void cprobe_wakeup_taken(int wake)
{
	eventfd_t count;

	eventfd_read(wake, &count);
}
