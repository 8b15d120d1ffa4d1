#define _GNU_SOURCE
#include "CProbe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438 /* linux 5.6, the same on all architectures */
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

enum {
	SOCKETS_MAXIMUM = 1 << 20,
	/* linux/inet_diag.h since kernel 5.7; older headers lack it */
	CGROUP_ID = 21,
	/* Of the states in net/tcp_states.h all but TIME_WAIT (6), CLOSE (7) and LISTEN (10): those carry no data. */
	STATES = 0xfff & ~(1 << 6 | 1 << 7 | 1 << 10),
};

struct list {
	struct cprobe_socket *sockets;
	size_t count, room;
};

static int append(struct list *list, const struct nlmsghdr *message)
{
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
		return 0;
	if (list->count == SOCKETS_MAXIMUM)
		return -E2BIG;
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 256;
		struct cprobe_socket *larger = realloc(list->sockets, room * sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		list->sockets = larger;
		list->room = room;
	}
	const struct inet_diag_msg *diag = NLMSG_DATA(message);
	struct cprobe_socket *socket = &list->sockets[list->count++];
	*socket = (struct cprobe_socket){
		.cookie = (uint64_t)diag->id.idiag_cookie[1] << 32 | diag->id.idiag_cookie[0],
		.inode = diag->idiag_inode,
		.state = diag->idiag_state,
		.remote = {.port = diag->id.idiag_dport},
	};
	if (diag->idiag_family == AF_INET) {
		socket->remote.address[2] = htonl(0xffff);
		socket->remote.address[3] = diag->id.idiag_dst[0];
	} else {
		memcpy(socket->remote.address, diag->id.idiag_dst, sizeof(socket->remote.address));
	}
	int left = (int)(message->nlmsg_len - NLMSG_LENGTH(sizeof(*diag)));
	for (const struct rtattr *attribute = (const struct rtattr *)(diag + 1); RTA_OK(attribute, left);
	     attribute = RTA_NEXT(attribute, left))
		if (attribute->rta_type == CGROUP_ID && RTA_PAYLOAD(attribute) == sizeof(socket->cgroup))
			memcpy(&socket->cgroup, RTA_DATA(attribute), sizeof(socket->cgroup));
	return 0;
}

static int dump(int netlink, uint8_t family, struct list *list)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 body;
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = STATES},
	};
	static const size_t buffer_bytes = 65536;

	if (send(netlink, &request, sizeof(request), 0) < 0)
		return -errno;
	char *buffer = malloc(buffer_bytes);
	if (!buffer)
		return -ENOMEM;
	int result = 0;
	for (;;) {
		ssize_t length = recv(netlink, buffer, buffer_bytes, 0);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0) {
			result = length < 0 ? -errno : -EPROTO;
			break;
		}
		for (size_t at = 0; at + sizeof(struct nlmsghdr) <= (size_t)length;) {
			const struct nlmsghdr *message = (const struct nlmsghdr *)(buffer + at);
			if (message->nlmsg_len < sizeof(*message) || message->nlmsg_len > (size_t)length - at) {
				result = -EPROTO;
				goto done;
			}
			if (message->nlmsg_type == NLMSG_DONE)
				goto done;
			if (message->nlmsg_type == NLMSG_ERROR) {
				/* struct nlmsgerr begins with the error */
				int error = -EPROTO;
				if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
					memcpy(&error, NLMSG_DATA(message), sizeof(error));
				result = error ? error : -EPROTO;
				goto done;
			}
			result = append(list, message);
			if (result)
				goto done;
			at += NLMSG_ALIGN(message->nlmsg_len);
		}
	}
done:
	free(buffer);
	return result;
}

/* Something to do on a thread of its own that has entered another network namespace: no thread ever comes back from one. */
struct errand {
	int space;
	int (*run)(void *);
	void *context;
	int result;
};

static void *go(void *argument)
{
	struct errand *errand = argument;

	errand->result = setns(errand->space, CLONE_NEWNET) ? -errno : errand->run(errand->context);
	return NULL;
}

static int run_in(int space, int (*run)(void *), void *context)
{
	struct errand errand = {.space = space, .run = run, .context = context};
	pthread_t thread;

	if (space < 0)
		return run(context);
	int error = pthread_create(&thread, NULL, go, &errand);
	if (error)
		return -error;
	pthread_join(thread, NULL);
	return errand.result;
}

static int read_retries(void *context)
{
	char text[16] = "";
	int file = open("/proc/sys/net/ipv4/tcp_retries2", O_RDONLY | O_CLOEXEC);

	(void)context;
	if (file < 0)
		return -errno;
	ssize_t count = read(file, text, sizeof(text) - 1);
	close(file);
	return count > 0 ? atoi(text) : -EIO;
}

int cprobe_retries(int space) { return run_in(space, read_retries, NULL); }

/* Opens another process's socket, if the descriptor is still the one with that cookie. */
static int borrow(int process, int descriptor, uint64_t cookie)
{
	int handle = (int)syscall(SYS_pidfd_open, process, 0);
	if (handle < 0)
		return -errno;
	int socket = (int)syscall(SYS_pidfd_getfd, handle, descriptor, 0);
	int error = socket < 0 ? -errno : 0;
	close(handle);
	if (error)
		return error;
	uint64_t found = 0;
	socklen_t length = sizeof(found);
	if (getsockopt(socket, SOL_SOCKET, SO_COOKIE, &found, &length))
		error = -errno;
	else if (found != cookie)
		error = -ESTALE;
	if (!error)
		return socket;
	close(socket);
	return error;
}

int cprobe_user_timeout(int process, int descriptor, uint64_t cookie)
{
	int socket = borrow(process, descriptor, cookie);
	if (socket < 0)
		return socket;
	unsigned timeout_ms = 0;
	socklen_t length = sizeof(timeout_ms);
	int error = getsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, &length) ? -errno : 0;
	close(socket);
	return error ? error : timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms;
}

int cprobe_nudge(int process, int descriptor, uint64_t cookie, uint32_t *heard_ms)
{
	int socket = borrow(process, descriptor, cookie);
	if (socket < 0)
		return socket;
	struct tcp_info info = {0};
	int off = 0, reuse = 0, error = 0;
	socklen_t info_length = sizeof(info), length = sizeof(reuse);
	if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &info_length) ||
	    getsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &reuse, &length))
		error = -errno;
	else if (info.tcpi_state != TCP_ESTABLISHED && info.tcpi_state != TCP_CLOSE_WAIT)
		error = -ENOTCONN;
	else if (setsockopt(socket, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)))
		error = -errno;
	else if (reuse) /* which the kernel has cleared */
		setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
	close(socket);
	*heard_ms = info.tcpi_last_ack_recv;
	return error;
}

int cprobe_nudge_trial(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address), cookie_length = sizeof(uint64_t);
	uint64_t cookie = 0;
	uint32_t heard_ms;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = 0;

	if (listener < 0 || client < 0 || bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length) ||
	    connect(client, (struct sockaddr *)&address, length) ||
	    getsockopt(client, SOL_SOCKET, SO_COOKIE, &cookie, &cookie_length))
		error = -errno;
	else
		error = cprobe_nudge(getpid(), client, cookie, &heard_ms);
	if (listener >= 0)
		close(listener);
	if (client >= 0)
		close(client);
	return error;
}

struct listing {
	struct cprobe_socket **sockets;
	size_t *count;
};

static int list_sockets(void *context)
{
	struct cprobe_socket **sockets = ((struct listing *)context)->sockets;
	size_t *count = ((struct listing *)context)->count;
	struct list list = {0};
	const uint8_t families[] = {AF_INET, AF_INET6};
	int result = 0;

	for (size_t i = 0; i < sizeof(families) && !result; i++) {
		/* One socket for each: what an interrupted dump left behind must not meet the next. */
		int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
		if (netlink < 0) {
			result = -errno;
			break;
		}
		struct timeval patience = {.tv_sec = 2};
		setsockopt(netlink, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		result = dump(netlink, families[i], &list);
		close(netlink);
	}
	if (result) {
		free(list.sockets);
		return result;
	}
	*sockets = list.sockets;
	*count = list.count;
	return 0;
}

int cprobe_sockets(int space, struct cprobe_socket **sockets, size_t *count)
{
	struct listing listing = {.sockets = sockets, .count = count};

	*sockets = NULL;
	*count = 0;
	return run_in(space, list_sockets, &listing);
}
