// A consumer on librabbitmq (rabbitmq-c) that behaves as told and says what it did. The command line and the line of
// truth are those of behaviour.py; --declare is left to the publisher.
//
//   cc -O2 -Wall -Wextra -Werror -o rabbitmq_client rabbitmq_client.c -lrabbitmq
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

// With --log the client tries so long to connect again, counted from when it last had.
enum { CHANNEL = 1, FRAME_MAX = 131072, LONGEST_WITHOUT_MS = 300000 };

static struct {
  const char *host, *vhost, *queue, *plan, *log;
  int port, heartbeat, frame_max;
  long count, prefetch, multiple, die_after, delivery_limit, idle_ms;
  double delay_ms;
  bool get, no_ack, check_bodies;
} options = {
    .host = "127.0.0.1", .vhost = "/", .plan = "a", .heartbeat = 60, .frame_max = FRAME_MAX, .prefetch = 1, .multiple = 1,
    .die_after = -1, .delivery_limit = -1,
};

static struct {
  long delivered, redelivered, acked, requeued, rejected, exhausted;
  long left, outstanding, held, abandoned, body_bytes, bad_bodies;
  uint64_t last_held_tag;
} counts;

static amqp_connection_state_t connection;
static int journal = -1;
static int64_t connected_ms;
static volatile sig_atomic_t stopping;
static jmp_buf again;

// A line of the journal; see Journal in behaviour.py.
__attribute__((format(printf, 1, 2))) static void note(const char *format, ...) {
  if (journal < 0) return;
  char line[512];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int length = snprintf(line, sizeof line, "%lld%09ld ", (long long)now.tv_sec, now.tv_nsec);
  va_list arguments;
  va_start(arguments, format);
  length += vsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
  va_end(arguments);
  if (length > (int)sizeof line - 1) length = sizeof line - 1;
  line[length++] = '\n';
  if (write(journal, line, (size_t)length) != length) exit(1);
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Ends the program, or with a journal the connection.
static void give_up(const char *doing, const char *why) {
  if (journal < 0 || now_ms() - connected_ms > LONGEST_WITHOUT_MS) {
    fprintf(stderr, "rabbitmq_client: %s: %s\n", doing, why);
    exit(1);
  }
  note("lost %s: %s", doing, why);
  longjmp(again, 1);
}

static void fail(const char *doing, amqp_rpc_reply_t reply) {
  const char *why = "unknown";
  if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) why = amqp_error_string2(reply.library_error);
  if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) why = "the broker closed the channel or the connection";
  give_up(doing, why);
}

static void check(const char *doing, amqp_rpc_reply_t reply) {
  if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail(doing, reply);
}

static void check_status(const char *doing, int status) {
  if (status != AMQP_STATUS_OK) give_up(doing, amqp_error_string2(status));
}

// Nine digits and a colon: what publisher.py's bodies begin with. -1 for any other.
static long body_number(const uint8_t *bytes, size_t length) {
  if (length < 10 || bytes[9] != ':') return -1;
  long number = 0;
  for (int i = 0; i < 9; i++) {
    if (bytes[i] < '0' || bytes[i] > '9') return -1;
    number = number * 10 + (bytes[i] - '0');
  }
  return number;
}

// The number, then bytes counting up from it.
static bool body_is_sound(const uint8_t *bytes, size_t length) {
  long number = body_number(bytes, length);
  if (number < 0) return false;
  for (size_t i = 10; i < length; i++)
    if (bytes[i] != (uint8_t)((size_t)number + i - 10)) return false;
  return true;
}

// x-delivery-count, which a quorum queue adds to what it delivers again; 0 without.
static long delivery_count(const amqp_basic_properties_t *properties) {
  if (!(properties->_flags & AMQP_BASIC_HEADERS_FLAG)) return 0;
  for (int i = 0; i < properties->headers.num_entries; i++) {
    const amqp_table_entry_t *entry = &properties->headers.entries[i];
    if (entry->key.len != 16 || memcmp(entry->key.bytes, "x-delivery-count", 16) != 0) continue;
    switch (entry->value.kind) {
    case AMQP_FIELD_KIND_I8: return entry->value.value.i8;
    case AMQP_FIELD_KIND_I16: return entry->value.value.i16;
    case AMQP_FIELD_KIND_I32: return entry->value.value.i32;
    case AMQP_FIELD_KIND_I64: return (long)entry->value.value.i64;
    default: return 0;
    }
  }
  return 0;
}

static void end(bool crashed_now) {
  long crashed = crashed_now && counts.outstanding > 0 ? 1 : 0;
  printf("{\"client\":\"rabbitmq-c\",\"queue\":\"%s\",\"delivered\":%ld,\"redelivered\":%ld,\"acked\":%ld,\"requeued\":%ld,"
         "\"rejected\":%ld,\"dead_lettered\":0,\"crashed\":%ld,\"abandoned\":%ld,\"exhausted\":%ld,\"body_bytes\":%ld,"
         "\"bad_bodies\":%ld}\n",
         options.queue, counts.delivered, counts.redelivered, counts.acked, counts.requeued, counts.rejected, crashed,
         counts.abandoned + counts.outstanding - crashed, counts.exhausted, counts.body_bytes, counts.bad_bodies);
  fflush(stdout);
}

// One ack for everything held, if it is time; nothing else is outstanding then, so `multiple` ends just these.
static void flush_held(bool final) {
  bool full = options.prefetch > 0 && counts.outstanding >= options.prefetch;
  bool enough = options.count > 0 && counts.left + counts.held >= options.count;
  if (counts.held == 0 || !(final || full || enough || counts.held >= options.multiple)) return;
  check_status("basic.ack", amqp_basic_ack(connection, CHANNEL, counts.last_held_tag, options.multiple > 1));
  counts.acked += counts.held;
  counts.left += counts.held;
  counts.outstanding -= counts.held;
  counts.held = 0;
}

static bool dying(void) {
  return options.die_after >= 0 && counts.acked + counts.requeued + counts.rejected >= options.die_after;
}

static void received(uint64_t tag, bool redelivered, const amqp_message_t *message) {
  note("got %ld %d", body_number(message->body.bytes, message->body.len), redelivered);
  if (options.delay_ms > 0) usleep((useconds_t)(options.delay_ms * 1000));
  char letter = options.plan[(size_t)counts.delivered % strlen(options.plan)];
  counts.delivered++;
  counts.redelivered += redelivered;
  counts.body_bytes += (long)message->body.len;
  if (options.check_bodies && !body_is_sound(message->body.bytes, message->body.len)) counts.bad_bodies++;
  if (options.no_ack) {
    counts.acked++;
    counts.left++;
    return;
  }
  counts.outstanding++;
  if (!dying()) {
    if (letter == 'a') {
      counts.held++;
      counts.last_held_tag = tag;
    } else {
      bool requeue = letter == 'n' || letter == 'r';
      counts.outstanding--;
      if (!requeue) {
        counts.rejected++;
        counts.left++;
      } else {
        counts.requeued++;
        if (options.delivery_limit >= 0 && delivery_count(&message->properties) >= options.delivery_limit) {
          counts.exhausted++;
          counts.left++;
        }
      }
      if (letter == 'n' || letter == 'N')
        check_status("basic.nack", amqp_basic_nack(connection, CHANNEL, tag, false, requeue));
      else
        check_status("basic.reject", amqp_basic_reject(connection, CHANNEL, tag, requeue));
    }
    flush_held(false);
  }
  if (dying() && counts.outstanding >= options.prefetch) {
    end(true);
    kill(getpid(), SIGKILL);
  }
}

static bool done(void) { return stopping || (options.count > 0 && counts.left >= options.count); }

static void stop(int number) {
  (void)number;
  stopping = 1;
}

// True if a message came within 50 ms.
static bool consume_one(void) {
  amqp_envelope_t envelope;
  struct timeval patience = {.tv_usec = 50000};
  amqp_maybe_release_buffers(connection);
  amqp_rpc_reply_t reply = amqp_consume_message(connection, &envelope, &patience, 0);
  if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION && reply.library_error == AMQP_STATUS_TIMEOUT) return false;
  check("waiting for a delivery", reply);
  received(envelope.delivery_tag, envelope.redelivered, &envelope.message);
  amqp_destroy_envelope(&envelope);
  return true;
}

static bool get_one(void) {
  amqp_message_t message;
  amqp_maybe_release_buffers(connection);
  amqp_rpc_reply_t reply = amqp_basic_get(connection, CHANNEL, amqp_cstring_bytes(options.queue), options.no_ack);
  check("basic.get", reply);
  if (reply.reply.id == AMQP_BASIC_GET_EMPTY_METHOD) {
    usleep(10000);
    return false;
  }
  const amqp_basic_get_ok_t *answer = reply.reply.decoded;
  uint64_t tag = answer->delivery_tag;
  bool redelivered = answer->redelivered;
  check("reading the message", amqp_read_message(connection, CHANNEL, &message, 0));
  received(tag, redelivered, &message);
  amqp_destroy_message(&message);
  return true;
}

static void parse(int argc, char **argv) {
  static const struct option known[] = {
      {"host", 1, 0, 'h'},     {"port", 1, 0, 'p'},      {"vhost", 1, 0, 'v'},     {"queue", 1, 0, 'q'},
      {"count", 1, 0, 'c'},    {"prefetch", 1, 0, 'f'},  {"plan", 1, 0, 'l'},      {"multiple", 1, 0, 'm'},
      {"get", 0, 0, 'g'},      {"no-ack", 0, 0, 'n'},    {"die-after", 1, 0, 'd'}, {"delay-ms", 1, 0, 'D'},
      {"idle-ms", 1, 0, 'i'},  {"heartbeat", 1, 0, 'b'}, {"frame-max", 1, 0, 'F'}, {"delivery-limit", 1, 0, 'L'},
      {"check-bodies", 0, 0, 'B'}, {"log", 1, 0, 'j'},   {0}};
  for (int letter; (letter = getopt_long(argc, argv, "", known, NULL)) != -1;) {
    switch (letter) {
    case 'h': options.host = optarg; break;
    case 'p': options.port = atoi(optarg); break;
    case 'v': options.vhost = optarg; break;
    case 'q': options.queue = optarg; break;
    case 'c': options.count = atol(optarg); break;
    case 'f': options.prefetch = atol(optarg); break;
    case 'l': options.plan = optarg; break;
    case 'm': options.multiple = atol(optarg); break;
    case 'g': options.get = true; break;
    case 'n': options.no_ack = true; break;
    case 'd': options.die_after = atol(optarg); break;
    case 'D': options.delay_ms = atof(optarg); break;
    case 'i': options.idle_ms = atol(optarg); break;
    case 'b': options.heartbeat = atoi(optarg); break;
    case 'F': options.frame_max = atoi(optarg); break;
    case 'L': options.delivery_limit = atol(optarg); break;
    case 'B': options.check_bodies = true; break;
    case 'j': options.log = optarg; break;
    default: exit(2);
    }
  }
  if (!options.port || !options.queue || !*options.plan || strspn(options.plan, "anNrx") != strlen(options.plan)) {
    fprintf(stderr, "rabbitmq_client: needs --port, --queue and a --plan of the letters a n N r x\n");
    exit(2);
  }
  if (!options.count && !options.idle_ms && options.die_after < 0 && !options.log) {
    fprintf(stderr, "rabbitmq_client: say when to end: --count, --idle-ms, --die-after or --log, which ends with SIGTERM\n");
    exit(2);
  }
}

// One connection from its beginning to its end in good order.
static void consume(void) {
  connection = amqp_new_connection();
  amqp_socket_t *socket = amqp_tcp_socket_new(connection);
  check_status("connecting", amqp_socket_open(socket, options.host, options.port));
  check("logging in", amqp_login(connection, options.vhost, 0, options.frame_max, options.heartbeat,
                                 AMQP_SASL_METHOD_PLAIN, "guest", "guest"));
  amqp_channel_open(connection, CHANNEL);
  check("opening a channel", amqp_get_rpc_reply(connection));
  if (options.prefetch > 0) {
    amqp_basic_qos(connection, CHANNEL, 0, (uint16_t)options.prefetch, false);
    check("basic.qos", amqp_get_rpc_reply(connection));
  }
  if (!options.get) {
    amqp_basic_consume(connection, CHANNEL, amqp_cstring_bytes(options.queue), amqp_empty_bytes, false, options.no_ack,
                       false, amqp_empty_table);
    check("basic.consume", amqp_get_rpc_reply(connection));
  }
  note("connected %d", (int)getpid());
  int64_t last = connected_ms = now_ms();
  while (!done()) {
    if (options.get ? get_one() : consume_one()) {
      last = now_ms();
      continue;
    }
    if (now_ms() - last > 100) flush_held(true);
    if (options.idle_ms && now_ms() - last > options.idle_ms && counts.outstanding == 0) break;
  }
  if (stopping) note("closing");
  check("closing the channel", amqp_channel_close(connection, CHANNEL, AMQP_REPLY_SUCCESS));
  check("closing the connection", amqp_connection_close(connection, AMQP_REPLY_SUCCESS));
  amqp_destroy_connection(connection);
  note("closed");
}

int main(int argc, char **argv) {
  parse(argc, argv);
  if (options.log) {
    journal = open(options.log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (journal < 0) {
      perror(options.log);
      return 1;
    }
    signal(SIGTERM, stop);
    connected_ms = now_ms();
  }
  if (setjmp(again) != 0) {
    // What was outstanding on the connection that was lost is the broker's again.
    counts.abandoned += counts.outstanding;
    counts.outstanding = counts.held = 0;
    amqp_destroy_connection(connection);
    usleep(200000);
  }
  if (!stopping) consume();
  end(false);
  return 0;
}
