/*
 * loader OBJECT first|other|list
 *
 * Loads each program of a BPF object by itself, with the caller's privileges. With `other` the settings are those of a
 * process outside the first PID namespace. Prints a line for each program, its fields separated by tabs:
 *
 *     PROGRAM  ok|absent|FAIL  VERIFIED-INSTRUCTIONS  MILLISECONDS  REASON
 *
 * With `list` it only prints the programs' names.
 *
 * `absent`: a program whose name ends in _ns, on a kernel without bpf_get_ns_current_pid_tgid in cgroup programs (before
 * 6.10). Each program takes an object of its own, because one that fails makes libbpf give up the whole object.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* Of struct capture_settings, which stands in .rodata; its size tells it from the .rodata of other objects. */
struct settings {
	unsigned long long pid_namespace_device;
	unsigned long long pid_namespace_inode;
	unsigned long long wake_fill_bytes;
};

/* The verifier's closing words and its statistics, without the instructions that it walked. */
enum { LOG_LEVEL_STATISTICS = 4 };
/* The product's ring of 16 MiB does not fit the guest's memory several times over. */
enum { RING_BYTES = 1 << 20 };

static char said[1 << 20];

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level, (void)format, (void)arguments;
	return 0;
}

static void set_up_maps(struct bpf_object *object, bool other_namespace)
{
	struct settings settings = {.wake_fill_bytes = 1 << 17};
	struct stat namespace;
	struct bpf_map *map;

	if (other_namespace && stat("/proc/self/ns/pid", &namespace) == 0) {
		settings.pid_namespace_device = namespace.st_dev;
		settings.pid_namespace_inode = namespace.st_ino;
	}
	bpf_object__for_each_map(map, object) {
		if (strstr(bpf_map__name(map), ".rodata") && bpf_map__value_size(map) == sizeof(settings))
			bpf_map__set_initial_value(map, &settings, sizeof(settings));
		if (strcmp(bpf_map__name(map), "ring") == 0)
			bpf_map__set_max_entries(map, RING_BYTES);
	}
}

/* Program number `index`, the only one that will be loaded; NULL if there are not so many. */
static struct bpf_program *choose(struct bpf_object *object, int index)
{
	struct bpf_program *program, *chosen = NULL;
	int number = 0;

	bpf_object__for_each_program(program, object) {
		bpf_program__set_autoload(program, number == index);
		if (number == index)
			chosen = program;
		number++;
	}
	return chosen;
}

static bool lacks_helper(const char *name)
{
	size_t length = strlen(name);

	return length > 3 && strcmp(name + length - 3, "_ns") == 0 &&
	       (strstr(said, "unknown func bpf_get_ns_current_pid_tgid") ||
		strstr(said, "program of this type cannot use helper bpf_get_ns_current_pid_tgid"));
}

static unsigned long verified_instructions(void)
{
	const char *words = strstr(said, "processed ");

	return words ? strtoul(words + strlen("processed "), NULL, 10) : 0;
}

/* The last line of the log that is not statistics; without one, what the error number means. */
static const char *reason(int error)
{
	const char *last = NULL;

	for (char *line = strtok(said, "\n"); line; line = strtok(NULL, "\n"))
		if (strncmp(line, "verification time", 17) && strncmp(line, "stack depth", 11) &&
		    strncmp(line, "processed ", 10))
			last = line;
	return last ? last : strerror(-error);
}

static void load(struct bpf_object *object, struct bpf_program *program)
{
	const char *name = bpf_program__name(program);
	struct timespec before, after;

	said[0] = 0;
	bpf_program__set_log_buf(program, said, sizeof(said));
	bpf_program__set_log_level(program, LOG_LEVEL_STATISTICS);
	clock_gettime(CLOCK_MONOTONIC, &before);
	int error = bpf_object__load(object);
	clock_gettime(CLOCK_MONOTONIC, &after);

	long milliseconds = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	unsigned long instructions = verified_instructions();
	const char *verdict = error == 0 ? "ok" : lacks_helper(name) ? "absent" : "FAIL";
	printf("%s\t%s\t%lu\t%ld\t%s\n", name, verdict, instructions, milliseconds, error ? reason(error) : "");
}

int main(int count, char **arguments)
{
	const char *how = count == 3 ? arguments[2] : "";

	if (strcmp(how, "first") && strcmp(how, "other") && strcmp(how, "list")) {
		fprintf(stderr, "usage: loader OBJECT first|other|list\n");
		return 64;
	}
	libbpf_set_print(quiet);
	for (int index = 0;; index++) {
		struct bpf_object *object = bpf_object__open_file(arguments[1], NULL);
		if (!object) {
			printf("%s\tFAIL\t0\t0\tcan't be opened: %s\n", arguments[1], strerror(errno));
			return 1;
		}
		struct bpf_program *program = choose(object, index);
		if (program && strcmp(how, "list") == 0) {
			puts(bpf_program__name(program));
		} else if (program) {
			set_up_maps(object, strcmp(how, "other") == 0);
			load(object, program);
		}
		bpf_object__close(object);
		if (!program)
			return 0;
	}
}
