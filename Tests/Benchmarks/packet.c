/*
 * Nanoseconds that the capture programs of a BPF object take for a packet, by the kernel's own count (bpf_stats).
 *
 *   packet OBJECT CGROUP BYTES ROUNDS INTEREST
 *
 * Makes the cgroup CGROUP, attaches egress_all and ingress_all of OBJECT to it, and has a client in it send ROUNDS messages
 * of BYTES over loopback, each answered by one byte. INTEREST is that of its connection (enum interest). Prints one line:
 * nanoseconds a run of egress_all, of ingress_all, and the records that the client's connection gave.
 */
#define _GNU_SOURCE
#include "../../bpf/events.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RING_BYTES = 64 << 20 };

static const char *const names[] = {"egress_all", "ingress_all"};
static atomic_bool is_over;
static unsigned long records;
static const char *made; /* the cgroup, to be removed */

static void leave(void)
{
	if (made)
		rmdir(made);
}

static void fail(const char *what)
{
	fprintf(stderr, "packet: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int count(void *context, void *record, size_t bytes)
{
	(void)context, (void)record, (void)bytes;
	records++;
	return 0;
}

static void *drain(void *ring)
{
	while (!atomic_load(&is_over))
		ring_buffer__poll(ring, 10);
	ring_buffer__consume(ring);
	return NULL;
}

static void send_all(int socket, const char *bytes, size_t left)
{
	while (left) {
		ssize_t sent = write(socket, bytes, left);
		if (sent <= 0)
			_exit(1);
		bytes += sent;
		left -= (size_t)sent;
	}
}

static void receive_all(int socket, char *bytes, size_t left)
{
	while (left) {
		ssize_t received = read(socket, bytes, left);
		if (received <= 0)
			_exit(1);
		left -= (size_t)received;
	}
}

static void at_once(int socket)
{
	int yes = 1;

	setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

static pid_t serve(int listener, size_t bytes, int rounds)
{
	pid_t child = fork();
	if (child)
		return child;
	made = NULL;
	int socket = accept(listener, NULL, NULL);
	char *buffer = malloc(bytes);
	if (socket < 0 || !buffer)
		_exit(1);
	at_once(socket);
	for (int i = 0; i < rounds; i++) {
		receive_all(socket, buffer, bytes);
		send_all(socket, "x", 1);
	}
	_exit(0);
}

/* Enters the cgroup, connects, says its cookie, waits for a byte and begins. */
static pid_t talk(const struct sockaddr_in *address, int procs, int cookie_to, int go, size_t bytes, int rounds)
{
	pid_t child = fork();
	if (child)
		return child;
	made = NULL;
	char *buffer = calloc(1, bytes), answer;
	if (!buffer || write(procs, "0", 1) != 1)
		_exit(1);
	int connection = socket(AF_INET, SOCK_STREAM, 0);
	at_once(connection);
	__u64 cookie;
	socklen_t length = sizeof(cookie);
	if (connect(connection, (const struct sockaddr *)address, sizeof(*address)) ||
	    getsockopt(connection, SOL_SOCKET, SO_COOKIE, &cookie, &length) ||
	    write(cookie_to, &cookie, sizeof(cookie)) != sizeof(cookie) || read(go, &answer, 1) != 1)
		_exit(1);
	for (int i = 0; i < rounds; i++) {
		send_all(connection, buffer, bytes);
		receive_all(connection, &answer, 1);
	}
	_exit(0);
}

int main(int arguments, char **values)
{
	if (arguments != 6) {
		fprintf(stderr, "usage: packet OBJECT CGROUP BYTES ROUNDS INTEREST\n");
		return 64;
	}
	size_t bytes = strtoul(values[3], NULL, 10);
	int rounds = atoi(values[4]);
	atexit(leave);

	struct bpf_object *object = bpf_object__open_file(values[1], NULL);
	if (!object)
		fail(values[1]);
	struct bpf_program *program, *programs[2];
	bpf_object__for_each_program(program, object) bpf_program__set_autoload(program, false);
	for (int i = 0; i < 2; i++) {
		programs[i] = bpf_object__find_program_by_name(object, names[i]);
		if (!programs[i])
			fail(names[i]);
		bpf_program__set_autoload(programs[i], true);
	}
	struct bpf_map *ring = bpf_object__find_map_by_name(object, "ring"), *map;
	bpf_map__set_max_entries(ring, RING_BYTES);
	struct capture_settings settings = {.wake_fill_bytes = RING_BYTES / 8};
	bpf_object__for_each_map(map, object) if (strstr(bpf_map__name(map), ".rodata"))
		bpf_map__set_initial_value(map, &settings, sizeof(settings));
	if (bpf_object__load(object))
		fail("loading");

	if (mkdir(values[2], 0755))
		fail(values[2]);
	made = values[2];
	int group = open(made, O_RDONLY | O_CLOEXEC), procs = openat(group, "cgroup.procs", O_WRONLY);
	int listener = socket(AF_INET, SOCK_STREAM, 0), go[2], cookies[2];
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	if (procs < 0 || bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length) || pipe(go) || pipe(cookies))
		fail("setting up");
	pid_t server = serve(listener, bytes, rounds);
	pid_t client = talk(&address, procs, cookies[1], go[0], bytes, rounds);
	close(cookies[1]);
	__u64 cookie;
	if (read(cookies[0], &cookie, sizeof(cookie)) != sizeof(cookie))
		fail("the client");
	struct connection entry = {.process = 1, .interest = (__u8)atoi(values[5]), .flags = CONNECTION_CHECKED};
	bpf_map_update_elem(bpf_map__fd(bpf_object__find_map_by_name(object, "connections")), &cookie, &entry, 0);

	struct ring_buffer *reader = ring_buffer__new(bpf_map__fd(ring), count, NULL, NULL);
	pthread_t drainer;
	pthread_create(&drainer, NULL, drain, reader);
	struct bpf_link *links[2];
	for (int i = 0; i < 2; i++) {
		links[i] = bpf_program__attach_cgroup(programs[i], group);
		if (!links[i])
			fail("attaching");
	}
	int status;
	if (write(go[1], "x", 1) != 1 || waitpid(client, &status, 0) != client || status)
		fail("the client");
	waitpid(server, &status, 0);
	for (int i = 0; i < 2; i++) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);
		if (bpf_obj_get_info_by_fd(bpf_program__fd(programs[i]), &info, &size) || !info.run_cnt)
			fail("kernel.bpf_stats_enabled is not 1");
		printf("%.2f ", (double)info.run_time_ns / (double)info.run_cnt);
		bpf_link__destroy(links[i]);
	}
	atomic_store(&is_over, true);
	pthread_join(drainer, NULL);
	printf("%lu\n", records);
	close(procs);
	close(group);
	bpf_object__close(object);
	return 0;
}
