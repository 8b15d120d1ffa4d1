#include "objects.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { ATTACHMENTS_MAXIMUM = 64, LINKS = 2 };

struct cprobe_enforce {
	struct bpf_object *object;
	struct enforce_state *state;
	struct cprobe_holding holding;
	int members, outsiders;
	struct bpf_link *links[ATTACHMENTS_MAXIMUM][LINKS];
};

static int load(struct cprobe_enforce *enforce, const struct capture_settings *options, bool translates)
{
	struct bpf_map *settings = objects_section(enforce->object, ".rodata");
	struct bpf_map *state = objects_section(enforce->object, ".bss");
	struct bpf_map *members = bpf_object__find_map_by_name(enforce->object, "members");
	struct bpf_map *outsiders = bpf_object__find_map_by_name(enforce->object, "outsiders");

	if (!settings || !state || !members || !outsiders || bpf_map__value_size(settings) != sizeof(*options) ||
	    bpf_map__value_size(state) != sizeof(struct enforce_state))
		return -EINVAL;
	int error = bpf_map__set_initial_value(settings, options, sizeof(*options));
	if (error)
		return error;
	objects_choose(enforce->object, translates);
	error = bpf_object__load(enforce->object);
	if (error)
		return error;
	enforce->members = bpf_map__fd(members);
	enforce->outsiders = bpf_map__fd(outsiders);
	void *mapped = mmap(NULL, sizeof(struct enforce_state), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(state),
			    0);
	if (mapped == MAP_FAILED)
		return -errno;
	enforce->state = mapped;
	enforce->holding.lease_ns = (uint64_t *)&enforce->state->lease_ns;
	return objects_map_holds(enforce->object, &enforce->holding);
}

int cprobe_enforce_open(const void *object, size_t bytes, const struct capture_settings *settings, bool translates,
			struct cprobe_enforce **result, char *message, size_t message_bytes)
{
	*result = NULL;
	struct cprobe_enforce *enforce = calloc(1, sizeof(*enforce));
	if (!enforce)
		return -ENOMEM;
	objects_listen(message, message_bytes);
	enforce->object = objects_open(object, bytes, "stormfuse_hold");
	int error = enforce->object ? load(enforce, settings, translates) : -errno;
	objects_listen(NULL, 0);
	if (error) {
		cprobe_enforce_close(enforce);
		return error;
	}
	*result = enforce;
	return 0;
}

void cprobe_enforce_close(struct cprobe_enforce *enforce)
{
	if (!enforce)
		return;
	for (int i = 0; i < ATTACHMENTS_MAXIMUM; i++)
		cprobe_enforce_detach(enforce, i + 1);
	objects_unmap_holds(&enforce->holding);
	if (enforce->state)
		munmap(enforce->state, sizeof(struct enforce_state));
	bpf_object__close(enforce->object);
	free(enforce);
}

struct cprobe_holding cprobe_enforce_holding(const struct cprobe_enforce *enforce) { return enforce->holding; }

int cprobe_enforce_members(const struct cprobe_enforce *enforce) { return enforce->members; }

int cprobe_enforce_outsiders(const struct cprobe_enforce *enforce) { return enforce->outsiders; }

int cprobe_enforce_attach(struct cprobe_enforce *enforce, int cgroup, enum cprobe_part part)
{
	static const char *const names[][LINKS] = {
		[CPROBE_HOLD] = {"hold_only"},
		[CPROBE_REFUSE] = {"refuse4_all", "refuse6_all"},
		[CPROBE_REFUSE_MEMBERS] = {"refuse4_members", "refuse6_members"},
	};

	int attachment = 0;
	while (attachment < ATTACHMENTS_MAXIMUM && enforce->links[attachment][0])
		attachment++;
	if (attachment == ATTACHMENTS_MAXIMUM)
		return -ENOSPC;
	for (int i = 0; i < LINKS && names[part][i]; i++) {
		struct bpf_program *program = objects_program(enforce->object, names[part][i]);
		struct bpf_link *link = program ? bpf_program__attach_cgroup(program, cgroup) : NULL;
		if (!link) {
			int error = program ? -errno : -EINVAL;
			cprobe_enforce_detach(enforce, attachment + 1);
			return error;
		}
		enforce->links[attachment][i] = link;
	}
	return attachment + 1;
}

void cprobe_enforce_detach(struct cprobe_enforce *enforce, int attachment)
{
	if (attachment < 1 || attachment > ATTACHMENTS_MAXIMUM)
		return;
	for (int i = 0; i < LINKS; i++) {
		if (enforce->links[attachment - 1][i])
			bpf_link__destroy(enforce->links[attachment - 1][i]);
		enforce->links[attachment - 1][i] = NULL;
	}
}
