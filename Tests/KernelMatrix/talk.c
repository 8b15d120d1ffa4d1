/*
 * A RabbitMQ small enough for a guest that has nothing else on board, and its consumer. Both speak AMQP 0-9-1.
 *
 *     talk serve ADDRESS PORT BODY-BYTES
 *         A broker. The queue's name says what a consumer of it gets: "COUNT-PACE" or "COUNT-PACE-FILE" means COUNT
 *         deliveries, each PACE milliseconds after the last was acked, the first once FILE exists.
 *
 *     talk consume ADDRESS PORT COUNT PACE [FILE]
 *         Consumes and acks COUNT deliveries. Without FILE it prints what it counted of the whole conversation, with FILE
 *         what it counted once it was consuming (its connection was open before):
 *
 *             deliveries=20 acks=20 sent=589 received=5555 retransmitted=0 port=40122 longest_gap_ms=12
 *
 *         sent and received are bytes as programs count them. What TCP sent again (an emulated processor stops for longer
 *         than TCP waits) passes the wire besides: the consumer says it of its own side, the broker of its side in a file
 *         whose name is the consumer's port, in /tmp/retransmitted.
 *
 *     talk dial ADDRESS PORT SECONDS
 *         Connects, stays for 200 ms and closes, until the kernel refuses it with EPERM. Ends with status 3 if it never
 *         does.
 *
 * ADDRESS is 127.0.0.1 or ::1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	FRAME_MAXIMUM = 131072, /* agreed on by connection.tune */
	FRAME_METHOD = 1,
	FRAME_HEADER = 2,
	FRAME_BODY = 3,
	FRAME_END = 0xce,
	PREFETCH = 10,
	CONNECT_TRIES = 50,
	CONNECT_PAUSE_MS = 50,
	DIAL_PAUSE_MS = 200,
};

/* A method as class × 1000 + method. */
enum method {
	CONNECTION_START = 10010,
	CONNECTION_START_OK = 10011,
	CONNECTION_TUNE = 10030,
	CONNECTION_TUNE_OK = 10031,
	CONNECTION_OPEN = 10040,
	CONNECTION_OPEN_OK = 10041,
	CONNECTION_CLOSE = 10050,
	CONNECTION_CLOSE_OK = 10051,
	CHANNEL_OPEN = 20010,
	CHANNEL_OPEN_OK = 20011,
	BASIC_QOS = 60010,
	BASIC_QOS_OK = 60011,
	BASIC_CONSUME = 60020,
	BASIC_CONSUME_OK = 60021,
	BASIC_DELIVER = 60060,
	BASIC_ACK = 60080,
};

static const char consumer_tag[] = "c1";
static const char retransmitted_directory[] = "/tmp/retransmitted";

/* --- time and failure ------------------------------------------------------------------------------------------- */

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void pause_ms(int milliseconds)
{
	struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};

	nanosleep(&time, NULL);
}

static void fail(const char *what)
{
	fprintf(stderr, "talk: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- bytes, counted --------------------------------------------------------------------------------------------- */

static int peer;
static unsigned long long sent, received;

static void write_all(const void *bytes, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t count = write(peer, (const char *)bytes + done, length - done);
		if (count <= 0)
			fail("write");
		done += (size_t)count;
		sent += (size_t)count;
	}
}

/* 0 if the connection ends before. */
static int read_all(void *bytes, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t count = read(peer, (char *)bytes + done, length - done);
		if (count <= 0)
			return 0;
		done += (size_t)count;
		received += (size_t)count;
	}
	return 1;
}

/* Bytes that this side's TCP has sent again. */
static unsigned long long retransmitted(void)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(peer, IPPROTO_TCP, TCP_INFO, &info, &length))
		fail("TCP_INFO");
	return info.tcpi_bytes_retrans;
}

/* --- frames to send --------------------------------------------------------------------------------------------- */

/* Frames gather here until flush(). */
static struct {
	uint8_t bytes[2 * FRAME_MAXIMUM];
	size_t length;
	size_t payload_start; /* of the frame being written */
} out;

static void put_bytes(const void *bytes, size_t length)
{
	memcpy(out.bytes + out.length, bytes, length);
	out.length += length;
}

static void put_number(uint64_t number, int size_bytes)
{
	for (int shift = 8 * (size_bytes - 1); shift >= 0; shift -= 8)
		out.bytes[out.length++] = (uint8_t)(number >> shift);
}

static void put_short_string(const char *string)
{
	put_number(strlen(string), 1);
	put_bytes(string, strlen(string));
}

static void put_long_string(const char *bytes, size_t length)
{
	put_number(length, 4);
	put_bytes(bytes, length);
}

static void begin_frame(int type, unsigned channel)
{
	put_number((uint64_t)type, 1);
	put_number(channel, 2);
	put_number(0, 4); /* the payload's length: known at the end */
	out.payload_start = out.length;
}

static void end_frame(void)
{
	size_t end = out.length;

	out.length = out.payload_start - 4;
	put_number(end - out.payload_start, 4);
	out.length = end;
	put_number(FRAME_END, 1);
}

static void begin_method(enum method method, unsigned channel)
{
	begin_frame(FRAME_METHOD, channel);
	put_number(method / 1000, 2);
	put_number(method % 1000, 2);
}

static void flush(void)
{
	write_all(out.bytes, out.length);
	out.length = 0;
}

/* --- frames received -------------------------------------------------------------------------------------------- */

static struct {
	int type;
	unsigned channel;
	uint8_t payload[FRAME_MAXIMUM];
} in;

static int read_frame(void)
{
	uint8_t head[7];

	if (!read_all(head, sizeof(head)))
		return 0;
	in.type = head[0];
	in.channel = (unsigned)(head[1] << 8 | head[2]);
	uint32_t length = (uint32_t)head[3] << 24 | (uint32_t)head[4] << 16 | (uint32_t)head[5] << 8 | head[6];
	if (length + 1 > sizeof(in.payload)) {
		errno = EMSGSIZE;
		fail("read");
	}
	return read_all(in.payload, length + 1); /* with the frame's end */
}

/* 0 for a frame that is no method. */
static unsigned method_of_frame(void)
{
	const uint8_t *bytes = in.payload;

	return in.type == FRAME_METHOD ? (unsigned)((bytes[0] << 8 | bytes[1]) * 1000 + (bytes[2] << 8 | bytes[3])) : 0;
}

/* --- the broker ------------------------------------------------------------------------------------------------- */

/* What a consumer asked for by its queue's name. */
struct order {
	char queue[128];
	int count;
	int pace_ms;
	char file[128];
	int delivered;
	int acked;
};

static void read_order(struct order *order)
{
	/* basic.consume: class, method, a reserved short, the queue as a short string */
	size_t length = in.payload[6] < sizeof(order->queue) ? in.payload[6] : sizeof(order->queue) - 1;

	memset(order, 0, sizeof(*order));
	memcpy(order->queue, in.payload + 7, length);
	sscanf(order->queue, "%d-%d-%127s", &order->count, &order->pace_ms, order->file);
}

static void deliver(struct order *order, size_t body_bytes)
{
	static char body[FRAME_MAXIMUM];
	char message_id[32];
	enum { MESSAGE_ID_PRESENT = 1 << 7, TIMESTAMP_PRESENT = 1 << 6 };

	order->delivered++;
	snprintf(message_id, sizeof(message_id), "m%d", order->delivered);
	memset(body, 'x', body_bytes);

	begin_method(BASIC_DELIVER, in.channel);
	put_short_string(consumer_tag);
	put_number((uint64_t)order->delivered, 8); /* delivery tag */
	put_number(0, 1);                          /* not redelivered */
	put_short_string("");                      /* exchange */
	put_short_string(order->queue);            /* routing key */
	end_frame();

	begin_frame(FRAME_HEADER, in.channel);
	put_number(BASIC_DELIVER / 1000, 2);
	put_number(0, 2); /* weight */
	put_number(body_bytes, 8);
	put_number(MESSAGE_ID_PRESENT | TIMESTAMP_PRESENT, 2);
	put_short_string(message_id);
	put_number((uint64_t)time(NULL), 8);
	end_frame();

	begin_frame(FRAME_BODY, in.channel);
	put_bytes(body, body_bytes);
	end_frame();
	flush();
}

static void answer(enum method method, const void *arguments, size_t length)
{
	begin_method(method, in.channel);
	put_bytes(arguments, length);
	end_frame();
	flush();
}

/* The answer to connection.close has arrived once the consumer closes; only then is the sum final. */
static void note_retransmitted(unsigned port, unsigned long long before)
{
	char path[64], final_path[64], rest[1];
	FILE *file;

	while (read_all(rest, sizeof(rest)))
		continue;
	snprintf(path, sizeof(path), "%s/%u.new", retransmitted_directory, port);
	snprintf(final_path, sizeof(final_path), "%s/%u", retransmitted_directory, port);
	file = fopen(path, "w");
	if (!file)
		fail(path);
	fprintf(file, "%llu\n", retransmitted() - before);
	fclose(file);
	rename(path, final_path);
}

static void serve_connection(size_t body_bytes, unsigned port)
{
	char protocol_header[8];
	struct order order = {.count = 0};
	unsigned long long retransmitted_before = 0;

	if (!read_all(protocol_header, sizeof(protocol_header)))
		return;
	begin_method(CONNECTION_START, 0);
	put_number(0, 1); /* version 0-9 */
	put_number(9, 1);
	put_long_string("", 0); /* server properties */
	put_long_string("PLAIN", 5);
	put_long_string("en_US", 5);
	end_frame();
	flush();

	while (read_frame()) {
		switch (method_of_frame()) {
		case CONNECTION_START_OK:
			begin_method(CONNECTION_TUNE, 0);
			put_number(2047, 2); /* channels */
			put_number(FRAME_MAXIMUM, 4);
			put_number(60, 2); /* heartbeat */
			end_frame();
			flush();
			break;
		case CONNECTION_OPEN:
			answer(CONNECTION_OPEN_OK, "", 1);
			break;
		case CONNECTION_CLOSE:
			answer(CONNECTION_CLOSE_OK, "", 0);
			note_retransmitted(port, retransmitted_before);
			return;
		case CHANNEL_OPEN:
			answer(CHANNEL_OPEN_OK, "\0\0\0", 4);
			break;
		case BASIC_QOS:
			answer(BASIC_QOS_OK, "", 0);
			break;
		case BASIC_CONSUME:
			read_order(&order);
			answer(BASIC_CONSUME_OK, "\2c1", 3);
			while (order.file[0] && access(order.file, F_OK) != 0)
				pause_ms(20);
			if (order.file[0])
				retransmitted_before = retransmitted();
			deliver(&order, body_bytes);
			break;
		case BASIC_ACK:
			order.acked++;
			if (order.acked < order.count) {
				pause_ms(order.pace_ms);
				deliver(&order, body_bytes);
			}
			break;
		}
	}
}

/* --- connections ------------------------------------------------------------------------------------------------ */

struct endpoint {
	struct sockaddr_storage address;
	socklen_t length;
};

static struct endpoint endpoint(const char *address, const char *port)
{
	struct endpoint at = {.length = 0};
	struct sockaddr_in *v4 = (void *)&at.address;
	struct sockaddr_in6 *v6 = (void *)&at.address;
	uint16_t number = htons((uint16_t)atoi(port));

	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = number;
		at.length = sizeof(*v4);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = number;
		at.length = sizeof(*v6);
	} else {
		errno = EINVAL;
		fail(address);
	}
	return at;
}

/* A socket without Nagle's delay; -1 with errno if it can't connect. */
static int try_to_connect(const struct endpoint *to)
{
	int one = 1, fd = socket(to->address.ss_family, SOCK_STREAM, 0);

	if (fd < 0)
		fail("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (const void *)&to->address, to->length) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static unsigned port_of(const struct endpoint *at)
{
	const struct sockaddr_in *v4 = (const void *)&at->address;
	const struct sockaddr_in6 *v6 = (const void *)&at->address;

	return ntohs(v4->sin_family == AF_INET ? v4->sin_port : v6->sin6_port);
}

static int serve(const char *address, const char *port, size_t body_bytes)
{
	struct endpoint at = endpoint(address, port);
	int one = 1, listener = socket(at.address.ss_family, SOCK_STREAM, 0);

	if (body_bytes >= FRAME_MAXIMUM) {
		errno = EMSGSIZE;
		fail("body");
	}
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (const void *)&at.address, at.length) || listen(listener, 8))
		fail("listen");
	signal(SIGCHLD, SIG_IGN);
	mkdir(retransmitted_directory, 0755); /* perhaps another broker has made it */
	for (;;) {
		struct endpoint from = {.length = sizeof(from.address)};
		peer = accept(listener, (void *)&from.address, &from.length);
		if (peer < 0)
			continue;
		setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (fork() == 0) {
			close(listener);
			serve_connection(body_bytes, port_of(&from));
			exit(0);
		}
		close(peer);
	}
}

static int dial(const char *address, const char *port, int seconds)
{
	struct endpoint to = endpoint(address, port);

	for (int attempt = 0; attempt < seconds * 1000 / DIAL_PAUSE_MS; attempt++) {
		int fd = try_to_connect(&to);
		if (fd < 0 && errno == EPERM) {
			printf("refused=%s\n", address);
			return 0;
		}
		pause_ms(DIAL_PAUSE_MS);
		if (fd >= 0)
			close(fd);
	}
	printf("never refused: %s\n", address);
	return 3;
}

/* --- the consumer ----------------------------------------------------------------------------------------------- */

static void expect(enum method method)
{
	while (read_frame())
		if (method_of_frame() == method)
			return;
	fprintf(stderr, "talk: the connection ended before method %d\n", method);
	exit(1);
}

static void open_connection(void)
{
	write_all("AMQP\0\0\x09\x01", 8);
	expect(CONNECTION_START);
	begin_method(CONNECTION_START_OK, 0);
	put_long_string("", 0); /* client properties */
	put_short_string("PLAIN");
	put_long_string("\0guest\0guest", 12);
	put_short_string("en_US");
	end_frame();
	flush();
	expect(CONNECTION_TUNE);
	begin_method(CONNECTION_TUNE_OK, 0);
	put_number(2047, 2);
	put_number(FRAME_MAXIMUM, 4);
	put_number(0, 2); /* no heartbeat */
	end_frame();
	begin_method(CONNECTION_OPEN, 0);
	put_short_string("/");
	put_short_string("");
	put_number(0, 1);
	end_frame();
	flush();
	expect(CONNECTION_OPEN_OK);
}

static void start_consuming(const char *queue)
{
	begin_method(CHANNEL_OPEN, 1);
	put_short_string("");
	end_frame();
	flush();
	expect(CHANNEL_OPEN_OK);
	begin_method(BASIC_QOS, 1);
	put_number(0, 4); /* no limit in bytes */
	put_number(PREFETCH, 2);
	put_number(0, 1);
	end_frame();
	flush();
	expect(BASIC_QOS_OK);
	begin_method(BASIC_CONSUME, 1);
	put_number(0, 2);
	put_short_string(queue);
	put_short_string(consumer_tag);
	put_number(0, 1); /* with acknowledgements */
	put_number(0, 4); /* no arguments */
	end_frame();
	flush();
	expect(BASIC_CONSUME_OK);
}

static void ack(int delivery_tag)
{
	begin_method(BASIC_ACK, 1);
	put_number((uint64_t)delivery_tag, 8);
	put_number(0, 1); /* this one alone */
	end_frame();
	flush();
}

static void close_connection(void)
{
	begin_method(CONNECTION_CLOSE, 0);
	put_number(200, 2);
	put_short_string("bye");
	put_number(0, 2);
	put_number(0, 2);
	end_frame();
	flush();
	expect(CONNECTION_CLOSE_OK);
}

static int consume(const char *address, const char *port, int count, int pace_ms, const char *file)
{
	struct endpoint to = endpoint(address, port), self = {.length = sizeof(self.address)};
	unsigned long long retransmitted_before = 0;
	char queue[128];
	int deliveries = 0;
	double last_ms = 0, longest_gap_ms = 0;

	/* The broker was started a moment ago. A process that is refused tries no more. */
	for (int attempt = 1; (peer = try_to_connect(&to)) < 0; attempt++) {
		if (errno == EPERM || attempt == CONNECT_TRIES)
			fail("connect");
		pause_ms(CONNECT_PAUSE_MS);
	}
	getsockname(peer, (void *)&self.address, &self.length);
	snprintf(queue, sizeof(queue), "%d-%d%s%s", count, pace_ms, file ? "-" : "", file ? file : "");
	open_connection();
	start_consuming(queue);
	if (file) {
		sent = received = 0;
		retransmitted_before = retransmitted();
	}
	while (deliveries < count && read_frame()) {
		if (method_of_frame() == BASIC_DELIVER) {
			double at_ms = now_ms();
			if (deliveries > 0 && at_ms - last_ms > longest_gap_ms)
				longest_gap_ms = at_ms - last_ms;
			last_ms = at_ms;
		} else if (in.type == FRAME_BODY) {
			ack(++deliveries);
		}
	}
	close_connection();
	printf("deliveries=%d acks=%d sent=%llu received=%llu retransmitted=%llu port=%u longest_gap_ms=%.0f\n", deliveries,
	       deliveries, sent, received, retransmitted() - retransmitted_before, port_of(&self), longest_gap_ms);
	return deliveries == count ? 0 : 3;
}

int main(int count, char **words)
{
	const char *what = count > 1 ? words[1] : "";

	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(what, "serve") == 0 && count == 5)
		return serve(words[2], words[3], strtoul(words[4], NULL, 10));
	if (strcmp(what, "consume") == 0 && (count == 6 || count == 7))
		return consume(words[2], words[3], atoi(words[4]), atoi(words[5]), words[6]);
	if (strcmp(what, "dial") == 0 && count == 5)
		return dial(words[2], words[3], atoi(words[4]));
	fprintf(stderr, "usage: talk serve ADDRESS PORT BODY-BYTES | consume ADDRESS PORT COUNT PACE [FILE] | "
			"dial ADDRESS PORT SECONDS\n");
	return 64;
}
