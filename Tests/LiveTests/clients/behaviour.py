"""What the Python clients share: their command line, and the count of what they did.

The command line is the same for every client, in every language (rabbitmq_client.c lists it too):

  --host H --port P --vhost V --queue Q   where
  --count N        end after N messages have left the queue through this client (acked, rejected, or nacked at the
                   delivery limit); 0: end when idle
  --idle-ms T      end when nothing came for T ms and nothing is outstanding (default 0: never)
  --prefetch P     0 is no limit
  --plan LETTERS   what to do with one delivery after the other, repeated: a ack, n nack with requeue, N nack without,
                   r reject with requeue, x reject without
  --multiple K     collect acks and send them as one basic.ack(multiple) for every K
  --get            basic.get instead of basic.consume
  --no-ack         let the broker ack on delivery
  --declare TYPE   declare the queue first (classic, quorum, stream), durable, with --dead-letter-exchange X,
                   --dead-letter-routing-key K, --delivery-limit L, --ttl-ms T as its arguments
  --die-after K    after K settlements settle nothing more, wait until the whole prefetch is outstanding, then SIGKILL
                   itself: what the broker sent is then exactly what this client saw
  --delay-ms D     work on each message this long
  --heartbeat S
  --check-bodies   compare each body with what publisher.py made
  --log FILE       append a line for everything that happens to it (see Journal), live until SIGTERM, which closes the
                   connection in good order, and connect again whenever a connection is lost, unless that takes too long

On its end a client prints one JSON line, the truth in the report's terms: what its own calls did.
"""

import argparse
import json
import os
import sys
import time

TERMS = ("delivered", "redelivered", "acked", "requeued", "rejected", "dead_lettered", "crashed", "abandoned", "exhausted")
HEADER_BYTES = 10
# With --log: so long a client tries to connect again, counted from when it last had.
LONGEST_WITHOUT_S = 300
_ramp = bytes(range(256))


def body(number, size):
    """The body of message `number`: nine digits, a colon, then bytes counting up from the number; at least 10 bytes."""
    filler = max(size, HEADER_BYTES) - HEADER_BYTES
    first = number % 256
    repeats = (filler + first) // 256 + 1
    return b"%09d:" % number + (_ramp * repeats)[first : first + filler]


def body_is_sound(data):
    return len(data) >= HEADER_BYTES and data[:9].isdigit() and data == body(int(data[:9]), len(data))


def parser(description):
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--vhost", default="/")
    arguments.add_argument("--queue", required=True)
    arguments.add_argument("--declare", choices=["classic", "quorum", "stream"])
    arguments.add_argument("--dead-letter-exchange")
    arguments.add_argument("--dead-letter-routing-key")
    arguments.add_argument("--delivery-limit", type=int)
    arguments.add_argument("--ttl-ms", type=int)
    arguments.add_argument("--heartbeat", type=int, default=60)
    arguments.add_argument("--count", type=int, default=0)
    return arguments


def consumer_arguments(description):
    arguments = parser(description)
    arguments.add_argument("--idle-ms", type=int, default=0)
    arguments.add_argument("--prefetch", type=int, default=1)
    arguments.add_argument("--plan", default="a")
    arguments.add_argument("--multiple", type=int, default=1)
    arguments.add_argument("--get", action="store_true")
    arguments.add_argument("--no-ack", action="store_true")
    arguments.add_argument("--die-after", type=int)
    arguments.add_argument("--delay-ms", type=float, default=0)
    arguments.add_argument("--check-bodies", action="store_true")
    arguments.add_argument("--log")
    parsed = arguments.parse_args()
    if set(parsed.plan) - set("anNrx"):
        arguments.error(f"--plan knows the letters a n N r x, not {parsed.plan!r}")
    if not parsed.count and not parsed.idle_ms and parsed.die_after is None and not parsed.log:
        arguments.error("say when to end: --count, --idle-ms, --die-after or --log, which ends with SIGTERM")
    if parsed.die_after is not None and not parsed.prefetch:
        arguments.error("--die-after needs a --prefetch to wait for")
    return parsed


def queue_arguments(options):
    """Arguments of queue.declare."""
    pairs = {
        "x-queue-type": options.declare if options.declare != "classic" else None,
        "x-dead-letter-exchange": options.dead_letter_exchange,
        "x-dead-letter-routing-key": options.dead_letter_routing_key,
        "x-delivery-limit": options.delivery_limit,
        "x-message-ttl": options.ttl_ms,
    }
    return {key: value for key, value in pairs.items() if value is not None}


class Decision:
    """What to call now: `kind` is ack, nack, reject or hold (decide later); `tag` and `multiple` or `requeue` go with it."""

    __slots__ = ("kind", "tag", "multiple", "requeue")

    def __init__(self, kind, tag, multiple=False, requeue=False):
        self.kind, self.tag, self.multiple, self.requeue = kind, tag, multiple, requeue


class Journal:
    """What happened to a client and when, a line each: nanoseconds since 1970 (CLOCK_REALTIME), a word, and

        connected PID            consuming begins
        got NUMBER REDELIVERED   a delivery was handed to the application; REDELIVERED is 0 or 1
        lost WHY                 the connection ended, and not by us
        closing                  SIGTERM came
        closed                   the connection is closed in good order

    Each line is one write, so that a reader never sees half of one for long, and nothing is lost with the process.
    """

    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if path else None

    def write(self, words):
        if self.file is not None:
            os.write(self.file, f"{time.time_ns()} {words}\n".encode())

    def connected(self):
        self.write(f"connected {os.getpid()}")

    def got(self, data, redelivered):
        self.write(f"got {int(data[:9]) if data[:9].isdigit() else -1} {int(bool(redelivered))}")

    def lost(self, why):
        self.write("lost " + " ".join(f"{type(why).__name__} {why}".split()))


class Behaviour:
    """Decides by the plan and counts. Knows nothing of any client library."""

    def __init__(self, options, client):
        self.options = options
        self.client = client
        self.counts = dict.fromkeys(TERMS, 0)
        self.left = 0  # messages that have left the queue for good
        self.outstanding = 0
        self.held = []  # tags whose ack waits for --multiple
        self.body_bytes = 0
        self.bad_bodies = 0
        self.lost_deliveries = 0  # outstanding when a connection was lost
        self.is_stopping = False
        self.last_connected = time.monotonic()
        self.journal = Journal(options.log)

    def connected(self):
        self.last_connected = time.monotonic()
        self.journal.connected()

    def stop(self):
        self.journal.write("closing")
        self.is_stopping = True

    def lost(self, why):
        """The connection is gone, and with it the right to settle what came over it."""
        self.journal.lost(why)
        self.lost_deliveries += self.outstanding
        self.outstanding = 0
        self.held.clear()
        if time.monotonic() - self.last_connected > LONGEST_WITHOUT_S:
            sys.exit(f"{self.client}: no connection for {LONGEST_WITHOUT_S} s")

    def received(self, tag, redelivered, delivery_count, data):
        """Counts a delivery and returns the decisions to carry out now, in order."""
        self.journal.got(data, redelivered)
        self.counts["delivered"] += 1
        self.counts["redelivered"] += bool(redelivered)
        self.body_bytes += len(data)
        if self.options.check_bodies and not body_is_sound(data):
            self.bad_bodies += 1
        if self.options.no_ack:
            self.counts["acked"] += 1
            self.left += 1
            return []
        self.outstanding += 1
        if self.dying:
            return []
        letter = self.options.plan[(self.counts["delivered"] - 1) % len(self.options.plan)]
        if letter == "a":
            self.held.append(tag)
            return self.flush(final=False)
        self.outstanding -= 1
        if letter in "Nx":
            self.counts["rejected"] += 1
            self.left += 1
        else:
            self.counts["requeued"] += 1
            if self.options.delivery_limit is not None and delivery_count >= self.options.delivery_limit:
                self.counts["exhausted"] += 1
                self.left += 1
        one = Decision("nack" if letter in "nN" else "reject", tag, requeue=letter in "nr")
        # Acks that the prefetch or the end can't do without any more.
        return [one, *self.flush(final=False)]

    def flush(self, final):
        """One ack for everything held, if it is time. Nothing else is outstanding then, so `multiple` ends just these."""
        held = len(self.held)
        if not held:
            return []
        full = self.options.prefetch and self.outstanding >= self.options.prefetch
        enough = self.options.count and self.left + held >= self.options.count
        if not (final or full or enough or held >= self.options.multiple):
            return []
        decision = Decision("ack", self.held[-1], multiple=self.options.multiple > 1)
        self.counts["acked"] += held
        self.left += held
        self.outstanding -= held
        self.held.clear()
        return [decision]

    @property
    def settled(self):
        return self.counts["acked"] + self.counts["requeued"] + self.counts["rejected"]

    @property
    def dying(self):
        return self.options.die_after is not None and self.settled >= self.options.die_after

    @property
    def dead(self):
        """Time for SIGKILL: nothing more can come."""
        return self.dying and self.outstanding >= self.options.prefetch

    @property
    def done(self):
        return self.is_stopping or bool(self.options.count) and self.left >= self.options.count

    def end(self, crashed=False):
        """Prints the truth. Outstanding deliveries end with the connection: the oldest as crashed if the process dies."""
        self.counts["crashed"] = 1 if crashed and self.outstanding else 0
        self.counts["abandoned"] = self.outstanding - self.counts["crashed"] + self.lost_deliveries
        truth = {"client": self.client, "queue": self.options.queue, **self.counts}
        truth.update(body_bytes=self.body_bytes, bad_bodies=self.bad_bodies)
        sys.stdout.write(json.dumps(truth) + "\n")
        sys.stdout.flush()
