"""What the Kafka clients share: their command line, and the count of what they did.

It runs on Python 3.6 too, which the oldest of these libraries need.

  --bootstrap B --topic T[,T…] --group G     where; --dead-letters D: the dead-letter topic (default: first topic + .DLT)
  --count N        end when N messages have been settled for good by this client
  --idle-ms T      end when nothing came for T ms (default 0: never)
  --plan LETTERS   what becomes of message number n (it is in the body), repeated; every letter is a whole fate:
                     a  it succeeds
                     s  it fails twice, with a seek back to its offset each time, then succeeds
                     o  it fails once, then succeeds: a single return to an offset, which the wire can't tell from a refetch
                     r  it fails three times (two seeks back), then goes to the dead-letter topic with source headers
                     R  the same, with the body alone
                     t  it fails twice (one seek back), then goes to the dead-letter topic with source headers
                     T  the same, with the body alone
                     q  it fails five times (four seeks back), then goes to the dead-letter topic with source headers
                     Q  the same, with the body alone
                     d  it goes to the dead-letter topic at the first failure, with source headers
                     D  the same, with the body alone
  --commit MODE    each: synchronously, after every message; batch: after every --batch messages and at the end;
                   async: like each, without waiting; auto: enable.auto.commit every 200 ms;
                   none; transaction: consume, produce to T.out and commit in transactions of --batch, of which the one
                   that is --abort'th is aborted, sought back and done again
  --batch N        (default 10)
  --ask-committed  ask for the committed offsets (OffsetFetch) with every commit
  --pause-ms T     pause all partitions for a tenth of T, and resume them, every T ms
  --delay-ms D     work on each message this long; --backoff-ms B: wait after a seek back (default 60)
  --client-id C, --session-ms S (default 6000), --protocol classic|consumer
  --fetch-wait-ms W    how long the broker may wait for messages (default 20)
  --die-after K    SIGKILL itself when it is given one more message after K settled ones; the truth is printed before
  --codec C        of what it produces
  --settings JSON  more settings of the library's, an object
  --sasl MECHANISM authenticate as the test user of kafka_stand_in; --password P: with another password than its own
  --bad-from, --bad-until S    in these seconds since its start the plan is in force; before and after all succeeds
  --log FILE       append a line for everything that happens to it (see Journal), live until SIGTERM

On its end a client prints one JSON line, the truth in the report's terms: what its own calls did.

  delivered        messages that the application was given, except the one return of each `o` (which is `refetched`)
  acked, acked_paired   messages whose offset was committed; paired: they had gone to the dead-letter topic
  abandoned        given to the application, not settled when the partition or the client went
  commits, commit_failures, assignments; assigned, revoked, lost partitions   calls and callbacks
"""

import argparse
import collections
import json
import os
import signal
import struct
import sys
import time

TERMS = (
    "delivered", "refetched", "acked", "acked_paired", "requeued", "dead_lettered", "abandoned", "commits",
    "commit_failures", "assignments", "assigned", "revoked", "lost",
)
FAILURES = {"a": 0, "s": 2, "o": 1, "r": 3, "R": 3, "t": 2, "T": 2, "q": 5, "Q": 5, "d": 1, "D": 1}
DEAD, HEADERS = "rRtTqQdD", "rtqd"
# Fates without a seek and without headers, for libraries that lack these.
SIMPLE = "aD"
TEST_USER, TEST_PASSWORD = "test-user", "test-password"
MODES = ("each", "batch", "async", "auto", "none", "transaction")


def body(number, size):
    return b"%09d:" % number + b"." * max(0, size - 10)


def consumer_arguments(description, modes, letters=FAILURES):
    return consumer_options(sys.argv[1:], modes, description, letters)


def consumer_options(words, modes, description=None, letters=FAILURES):
    """`modes` and `letters`: what the client can do of --commit and --plan."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True, type=lambda text: text.split(","))
    parser.add_argument("--group", required=True)
    parser.add_argument("--dead-letters")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--idle-ms", type=int, default=0)
    parser.add_argument("--plan", default="a")
    parser.add_argument("--commit", choices=modes, default=modes[0])
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--ask-committed", action="store_true")
    parser.add_argument("--pause-ms", type=int, default=0)
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--backoff-ms", type=float, default=60)
    parser.add_argument("--client-id")
    parser.add_argument("--session-ms", type=int, default=6000)
    parser.add_argument("--die-after", type=int)
    parser.add_argument("--fetch-wait-ms", type=int, default=20)
    parser.add_argument("--protocol", choices=["classic", "consumer"], default="classic")
    parser.add_argument("--assignor")
    parser.add_argument("--codec", default="none")
    parser.add_argument("--settings", type=json.loads, default={}, metavar="JSON")
    parser.add_argument("--bad-from", type=float, default=0)
    parser.add_argument("--bad-until", type=float, default=1e9)
    parser.add_argument("--log")
    parser.add_argument("--abort", type=int, default=0)
    parser.add_argument("--sasl")
    parser.add_argument("--password", default=TEST_PASSWORD)
    options = parser.parse_args(words)
    if set(options.plan) - set(letters):
        parser.error(f"--plan knows the letters {' '.join(letters)}, not {options.plan!r}")
    if not options.count and not options.idle_ms and not options.log and options.die_after is None:
        parser.error("say when to end: --count, --idle-ms, --die-after, or --log, which ends with SIGTERM")
    options.dead_letters = options.dead_letters or f"{options.topic[0]}.DLT"
    return options


def python_settings(options):
    """What aiokafka and kafka-python are told of --sasl and --settings, both in the same words."""
    settings = python_credentials(options)
    settings.update(options.settings)
    if "api_version" in settings:
        # JSON has no tuples.
        settings["api_version"] = tuple(settings["api_version"])
    return settings


def python_credentials(options):
    if not options.sasl:
        return {}
    return {
        "security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": options.sasl, "sasl_plain_username": TEST_USER,
        "sasl_plain_password": options.password,
    }


class Journal:
    """What happened and when, a line each: nanoseconds since 1970, a word, and

        connected PID            the first partitions are assigned
        got NUMBER REPEATED      a message was handed to the application; REPEATED is 1 if it had been before
        assigned N, revoked N, lost N     partitions
        closing, closed          SIGTERM came; the group was left in good order
    """

    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if path else None

    def write(self, *words):
        if self.file is not None:
            # Python 3.6 has no time_ns.
            nanoseconds = int(time.time() * 1e9)
            os.write(self.file, f"{nanoseconds} {' '.join(map(str, words))}\n".encode())


class Behaviour:
    """Decides by the plan and counts. Knows nothing of any client library; a message is (topic, partition, offset, body)."""

    def __init__(self, options, client):
        self.options, self.client = options, client
        self.counts = dict.fromkeys(TERMS, 0)
        self.failed = {}  # (topic, partition, offset) -> attempts that failed
        self.given = {}  # delivered and not yet settled: (topic, partition) -> {offset: whether its end is a dead letter}
        self.seen = set()
        self.left = 0
        self.uncommitted = 0
        self.began = self.last = time.monotonic()
        self.next_pause = self.began + options.pause_ms / 1000
        self.is_stopping = self.is_connected = False
        self.inbox = Inbox()
        self.journal = Journal(options.log)
        if options.log:
            signal.signal(signal.SIGTERM, self.stop)

    def stop(self, *_):
        self.journal.write("closing")
        self.is_stopping = True

    # --- what happens

    def received(self, topic, partition, offset, data):
        """What to do with it: 'ok', 'seek' (back to this offset), 'dead' (with source headers), 'dead-bare'."""
        self.last = time.monotonic()
        number, place = int(data[:9]), (topic, partition, offset)
        if self.options.die_after is not None and self.left >= self.options.die_after:
            self.end()
            os.kill(os.getpid(), signal.SIGKILL)
        self.journal.write("got", number, int(number in self.seen))
        self.seen.add(number)
        is_bad = self.options.bad_from <= self.last - self.began < self.options.bad_until
        fate = self.options.plan[number % len(self.options.plan)] if is_bad else "a"
        before = self.failed.get(place, 0)
        self.counts["refetched" if fate == "o" and before else "delivered"] += 1
        if before < FAILURES[fate]:
            self.failed[place] = before + 1
            if fate not in DEAD or before + 1 < FAILURES[fate]:
                self.counts["requeued"] += fate != "o"
                self.inbox.seek(topic, partition)
                return "seek"
            self.counts["dead_lettered"] += 1
        self.failed.pop(place, None)
        self.given.setdefault((topic, partition), {})[offset] = fate in DEAD and before + 1 >= FAILURES[fate]
        self.left += 1
        self.uncommitted += 1
        return ("dead" if fate in HEADERS else "dead-bare") if self.given[topic, partition][offset] else "ok"

    @property
    def commit_is_due(self):
        mode = self.options.commit
        if mode in ("each", "async"):
            return self.uncommitted > 0
        return mode in ("batch", "transaction") and self.uncommitted >= self.options.batch

    def committed(self, positions):
        """The broker answered: {(topic, partition): offset}. All below is settled."""
        self.counts["commits"] += 1
        for place, offset in positions.items():
            given = self.given.get(place, {})
            for settled in [o for o in given if o < offset]:
                self.counts["acked_paired" if given.pop(settled) else "acked"] += 1
        self.uncommitted = sum(map(len, self.given.values()))

    def commit_failed(self):
        self.counts["commit_failures"] += 1

    def assigned(self, partitions):
        self.counts["assignments"] += 1
        self.counts["assigned"] += len(partitions)
        self.abandon([place for place in partitions if place in self.given])
        self.journal.write("assigned", len(partitions))
        if partitions and not self.is_connected:
            self.is_connected = True
            self.journal.write("connected", os.getpid())
        self.last = time.monotonic()

    def revoked(self, partitions, lost=False):
        """These (topic, partition) are gone; what was given and not committed comes again elsewhere."""
        self.counts["lost" if lost else "revoked"] += len(partitions)
        self.journal.write("lost" if lost else "revoked", len(partitions))
        self.inbox.drop(partitions)
        for place in partitions:
            # The library's own commit comes after this callback.
            if self.options.commit != "auto":
                self.abandon([place])
            self.failed = {key: value for key, value in self.failed.items() if key[:2] != place}

    def abandon(self, places):
        """What was given and not committed; of a dead letter, which its publish settled, only the source's commit lacks."""
        for place in places:
            self.counts["abandoned"] += sum(not is_dead for is_dead in self.given.pop(place, {}).values())
        self.uncommitted = sum(map(len, self.given.values()))

    def aborted(self):
        """What was given since the last commit is taken back: one failed attempt per partition; the others are just fetched
        again. Answers where to seek to."""
        first = {}
        for place, given in self.given.items():
            if given:
                first[place] = min(given)
                self.counts["requeued"] += 1
                self.counts["delivered"] -= len(given) - 1
                self.counts["refetched"] += len(given) - 1
                self.left -= len(given)
                given.clear()
        self.uncommitted = 0
        return first

    @property
    def pause_is_due(self):
        if not self.options.pause_ms or time.monotonic() < self.next_pause:
            return False
        self.next_pause = time.monotonic() + self.options.pause_ms / 1000
        return True

    @property
    def done(self):
        options = self.options
        if self.is_stopping or options.count and self.left >= options.count:
            return True
        return bool(options.idle_ms) and time.monotonic() - self.last > options.idle_ms / 1000

    def truth(self):
        self.journal.write("closed")
        self.abandon(list(self.given))
        return {"client": self.client, "group": self.options.group, **self.counts}

    def end(self):
        sys.stdout.write(json.dumps(self.truth()) + "\n")
        sys.stdout.flush()


class Inbox:
    """What the library gave out and the application has not yet looked at. After a seek back nothing is handed on until the
    message that was sought comes again, so that two seeks are never one request on the wire."""

    def __init__(self):
        self.waiting = collections.deque()
        self.sought = None

    def put(self, topic, partition, message):
        if self.sought == (topic, partition):
            self.sought = None
            self.waiting.appendleft((topic, partition, message))
        else:
            self.waiting.append((topic, partition, message))

    def take(self):
        return self.waiting.popleft()[2] if self.waiting and self.sought is None else None

    def seek(self, topic, partition):
        self.drop([(topic, partition)])
        self.sought = topic, partition

    def drop(self, partitions):
        self.waiting = collections.deque(entry for entry in self.waiting if entry[:2] not in partitions)
        if self.sought in partitions:
            self.sought = None


def source_headers(topic, partition, offset, group):
    """What Spring's DeadLetterPublishingRecoverer puts into a dead letter."""
    return [
        ("kafka_dlt-original-topic", topic.encode()),
        ("kafka_dlt-original-partition", struct.pack(">i", partition)),
        ("kafka_dlt-original-offset", struct.pack(">q", offset)),
        ("kafka_dlt-original-consumer-group", group.encode()),
        ("kafka_dlt-exception-message", b"TimeoutError: the price service did not answer"),
    ]
