#define _GNU_SOURCE
#include "objects.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* libbpf's print callback has no context; what it says belongs to the thread that called libbpf. */
static _Thread_local struct {
	char *text;
	size_t used, bytes;
} said;

static int keep(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_DEBUG || !said.text)
		return 0;
	/* libbpf says a whole verifier's log at once, of a megabyte perhaps. */
	char *line = NULL;
	int length = vasprintf(&line, format, arguments);
	if (length < 0)
		return 0;
	size_t count = (size_t)length < said.bytes ? (size_t)length : said.bytes - 1;
	const char *end = line + length - count;
	if (said.used + count >= said.bytes) { /* the end is what matters */
		size_t drop = said.used + count + 1 - said.bytes;
		memmove(said.text, said.text + drop, said.used - drop);
		said.used -= drop;
	}
	memcpy(said.text + said.used, end, count);
	said.used += count;
	said.text[said.used] = 0;
	free(line);
	return 0;
}

void objects_listen(char *text, size_t bytes)
{
	said.text = bytes < 2 ? NULL : text;
	said.used = 0;
	said.bytes = bytes;
	if (said.text)
		text[0] = 0;
	libbpf_set_print(keep);
}

struct bpf_object *objects_open(const void *object, size_t bytes, const char *name)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name);
	return bpf_object__open_mem(object, bytes, &options);
}

struct bpf_map *objects_section(const struct bpf_object *object, const char *section)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		if (strstr(bpf_map__name(map), section))
			return map;
	return NULL;
}

static struct bpf_program *variant(const struct bpf_object *object, const char *name)
{
	char longer[64];

	snprintf(longer, sizeof(longer), "%s_ns", name);
	return bpf_object__find_program_by_name(object, longer);
}

void objects_choose(struct bpf_object *object, bool translates)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object) {
		struct bpf_program *other = variant(object, bpf_program__name(program));
		if (!other)
			continue;
		bpf_program__set_autoload(program, !translates);
		bpf_program__set_autoload(other, translates);
	}
}

struct bpf_program *objects_program(const struct bpf_object *object, const char *name)
{
	struct bpf_program *other = variant(object, name);

	return other && bpf_program__autoload(other) ? other : bpf_object__find_program_by_name(object, name);
}

bool cprobe_translates(uint64_t device, uint64_t inode)
{
	/* bpf_get_ns_current_pid_tgid(device, inode, stack, 8) and nothing else */
	const struct bpf_insn code[] = {
		{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1, .imm = (int32_t)device},
		{.imm = (int32_t)(device >> 32)},
		{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_2, .imm = (int32_t)inode},
		{.imm = (int32_t)(inode >> 32)},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_3, .src_reg = BPF_REG_10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_3, .imm = -8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_4, .imm = 8},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_ns_current_pid_tgid},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_CGROUP_INET4_CONNECT);

	int program = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "stormfuse_probe", "GPL", code,
				    sizeof(code) / sizeof(code[0]), &options);
	if (program < 0)
		return false;
	close(program);
	return true;
}

int objects_map_holds(const struct bpf_object *object, struct cprobe_holding *holding)
{
	struct bpf_map *held = bpf_object__find_map_by_name(object, "held");
	struct bpf_map *holds = bpf_object__find_map_by_name(object, "holds");
	struct bpf_map *refused = bpf_object__find_map_by_name(object, "refused");

	if (!held || !holds || !refused || bpf_map__value_size(holds) != sizeof(struct hold))
		return -EINVAL;
	holding->held = bpf_map__fd(held);
	holding->refused = bpf_map__fd(refused);
	void *mapped = mmap(NULL, HELD_MAXIMUM * sizeof(struct hold), PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(holds), 0);
	if (mapped == MAP_FAILED)
		return -errno;
	holding->holds = mapped;
	return 0;
}

void objects_unmap_holds(struct cprobe_holding *holding)
{
	if (holding->holds)
		munmap(holding->holds, HELD_MAXIMUM * sizeof(struct hold));
	holding->holds = NULL;
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

int cprobe_attached(int cgroup, enum cprobe_hook hook, uint32_t *count, uint32_t *flags)
{
	static const enum bpf_attach_type types[] = {
		[CPROBE_EGRESS] = BPF_CGROUP_INET_EGRESS,
		[CPROBE_INGRESS] = BPF_CGROUP_INET_INGRESS,
		[CPROBE_CONNECT4] = BPF_CGROUP_INET4_CONNECT,
		[CPROBE_CONNECT6] = BPF_CGROUP_INET6_CONNECT,
	};

	*count = *flags = 0;
	return bpf_prog_query(cgroup, types[hook], 0, flags, NULL, count) ? -errno : 0;
}

const char *cprobe_library_version(void) { return libbpf_version_string(); }
