#include "CProbe.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
	};
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

int cprobe_sockets(struct cprobe_socket **sockets, size_t *count)
{
	struct list list = {0};
	const uint8_t families[] = {AF_INET, AF_INET6};
	int result = 0;

	*sockets = NULL;
	*count = 0;
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
