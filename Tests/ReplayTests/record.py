#!/usr/bin/env python3
"""Records the small captures in captures/ against a private broker, with the truth from the clients' own counters.

    .venv/bin/python Tests/ReplayTests/record.py [NAME…]        root, or a user who may run dumpcap

Each capture is captures/NAME.pcapng and NAME.truth.json: {"port": broker's port, "why": what the client did and what
the wire therefore means, "groups": {key: totals and in_flight}}; terms that are not named are 0; optionally
"attempts_max" in a group and "unattributed": {destination: deliveries}. A clean recording loses nothing (dumpcap says so)
and stays under 150 kB. What identifies the recording machine is taken out of the file's header.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import pika

HERE = pathlib.Path(__file__).resolve().parent
LIVE = HERE.parent / "LiveTests"
CAPTURES = HERE / "captures"
CLIENTS = LIVE / "clients"
LIMIT_BYTES = 150_000
TERMS = ("delivered", "redelivered", "acked", "requeued", "rejected", "crashed", "abandoned", "exhausted")
recordings = {}


def recording(why, own_broker=False, broker="rabbitmq"):
    """Marks a function that plays one scenario, starting the capture when it is time, and returns its truth."""

    def mark(function):
        recordings[function.__name__] = (function, why, own_broker, broker)
        return function

    return mark


class Stage:
    """What a scenario has at hand: the broker's port, connections, the clients."""

    def __init__(self, port, broker, directory):
        self.port, self.broker, self.directory = port, broker, directory
        self.start_capture = None

    def connect(self, **options):
        return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port, **options))

    def channel(self, prefetch=0, **options):
        channel = self.connect(**options).channel()
        if prefetch:
            channel.basic_qos(prefetch_count=prefetch)
        return channel

    def publish(self, queue, count, *arguments):
        """Fills a queue from another process; not worth capturing, so it happens before the capture starts."""
        self.run([sys.executable, CLIENTS / "publisher.py", "--port", str(self.port), "--queue", queue, "--count", str(count),
                  "--declare", "classic", *arguments])

    def run(self, command, killed=False):
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, timeout=60)
        if done.returncode != (-signal.SIGKILL if killed else 0):
            raise SystemExit(f"{command[0]} ended with status {done.returncode}")
        return json.loads(done.stdout)

    def client(self, name, queue, *arguments, killed=False):
        program = {
            "c": [self.directory / "rabbitmq_client"],
            "pika": [sys.executable, CLIENTS / "pika_client.py"],
            "aio-pika": [sys.executable, CLIENTS / "aio_pika_client.py"],
        }[name]
        return self.run([*program, "--port", self.port, "--queue", queue, *arguments], killed)

    def truth(self, queue, *counts, vhost="%2F", **extra):
        """One group's truth: the sum of what its clients counted."""
        total = {term: sum(count.get(term, 0) for count in counts) for term in TERMS}
        return {f"rabbitmq:{vhost}:{queue}": {**{k: v for k, v in total.items() if v}, **extra}}


def take(channel, queue, count, **options):
    """Consumes exactly `count` messages with a consumer of its own; returns their (tag, redelivered, properties)."""
    got = []
    tag = channel.basic_consume(queue, lambda _, m, p, b: got.append((m.delivery_tag, m.redelivered, p)), **options)
    wait(channel, got, count)
    return tag, got


def wait(channel, got, count):
    deadline = time.monotonic() + 10
    while len(got) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"only {len(got)} of {count} messages came")
        channel.connection.process_data_events(time_limit=0.05)


def flush(channel, seconds=0.1):
    channel.connection.process_data_events(time_limit=seconds)


# --- scenarios ----------------------------------------------------------------------------------------------------


@recording("a C client (librabbitmq) acks, nacks and rejects one by one; its own counters")
def amqp_c_client(stage):
    stage.publish("orders.c", 60)
    stage.start_capture()
    did = stage.client("c", "orders.c", "--count", 60, "--prefetch", 7, "--plan", "aaanaxaNar")
    return stage.truth("orders.c", did)


@recording("aio-pika acks in groups of four with multiple, nacks and rejects; its own counters")
def amqp_aio_pika(stage):
    stage.publish("orders.aio", 60, "--timestamp", "--message-id")
    stage.start_capture()
    did = stage.client("aio-pika", "orders.aio", "--count", 60, "--prefetch", 20, "--multiple", 4, "--plan", "aaaanaax")
    return stage.truth("orders.aio", did)


@recording("amqp091-go acks, nacks and rejects one by one; its own counters")
def amqp_go_client(stage):
    stage.publish("orders.go", 40)
    stage.start_capture()
    did = stage.run([stage.directory / "go_consumer", stage.port, "orders.go", 40, 5, "aanaxr"])
    return stage.truth("orders.go", did)


@recording(
    "one channel publishes 20 with confirms and consumes them: the broker's acks are confirms and end no delivery, though"
    " their tags are those of the deliveries; the client acks all but every fourth, which it nacks with requeue once"
)
def amqp_confirms(stage):
    stage.start_capture()
    channel = stage.channel()
    channel.queue_declare("orders.confirms")
    channel.confirm_delivery()
    for number in range(20):
        channel.basic_publish("", "orders.confirms", b"order %d" % number)
    _, got = take(channel, "orders.confirms", 20)
    did = dict(delivered=25, redelivered=5, acked=20, requeued=5)
    for index, (tag, _, _) in enumerate(list(got)):
        if index % 4 == 3:
            channel.basic_nack(tag)
        else:
            channel.basic_ack(tag)
    wait(channel, got, 25)
    for tag, redelivered, _ in got[20:]:
        assert redelivered
        channel.basic_ack(tag)
    channel.connection.close()
    return stage.truth("orders.confirms", did)


@recording(
    "basic.get: 6 of 8 messages acked, one nacked with requeue and got again, answers get-empty deliver nothing; 1 no-ack get"
    " is acked on delivery; 2 gets (the requeued one among them) are never settled and end with the connection, closed"
    " orderly: abandoned"
)
def amqp_get(stage):
    stage.publish("orders.get", 9)
    stage.start_capture()
    channel = stage.channel()
    channel.basic_get("orders.get", auto_ack=True)
    for _ in range(6):
        method, _, _ = channel.basic_get("orders.get")
        channel.basic_ack(method.delivery_tag)
    method, _, _ = channel.basic_get("orders.get")
    channel.basic_nack(method.delivery_tag)
    got = [channel.basic_get("orders.get")[0] for _ in range(2)]
    assert sorted(m.redelivered for m in got) == [False, True]
    for _ in range(3):
        assert channel.basic_get("orders.get")[0] is None
    channel.connection.close()
    return stage.truth("orders.get", dict(delivered=10, redelivered=1, acked=7, requeued=1, abandoned=2))


@recording(
    "tx: of 10 deliveries 4 are acked and committed; 2 nacks are rolled back, so these 2 are still outstanding and are then"
    " acked and committed; 1 reject without requeue is committed; 1 ack is never committed and ends as abandoned with the"
    " connection, like 2 that were never touched"
)
def amqp_tx(stage):
    stage.publish("orders.tx", 10)
    stage.start_capture()
    channel = stage.channel(prefetch=10)
    channel.tx_select()
    _, got = take(channel, "orders.tx", 10)
    tags = [tag for tag, _, _ in got]
    for tag in tags[:4]:
        channel.basic_ack(tag)
    channel.tx_commit()
    for tag in tags[4:6]:
        channel.basic_nack(tag)
    channel.tx_rollback()
    for tag in tags[4:6]:
        channel.basic_ack(tag)
    channel.basic_reject(tags[6], requeue=False)
    channel.tx_commit()
    channel.basic_ack(tags[7])
    flush(channel)
    assert len(got) == 10, "a rolled back nack requeued nothing"
    channel.connection.close()
    return stage.truth("orders.tx", dict(delivered=10, acked=6, rejected=1, abandoned=3))


@recording("5 mandatory publishes to nowhere come back (basic.return with header and body: no deliveries) between 5 that are acked")
def amqp_returns(stage):
    stage.start_capture()
    channel = stage.channel()
    channel.queue_declare("orders.returns")
    returned = []
    channel.add_on_return_callback(lambda *message: returned.append(message))
    for number in range(5):
        channel.basic_publish("", "orders.nowhere", b"lost %d" % number, mandatory=True)
        channel.basic_publish("", "orders.returns", b"order %d" % number)
    _, got = take(channel, "orders.returns", 5)
    for tag, _, _ in got:
        channel.basic_ack(tag)
    flush(channel)
    assert len(returned) == 5
    channel.connection.close()
    return stage.truth("orders.returns", dict(delivered=5, acked=5))


@recording("heartbeats every second while 3 deliveries are outstanding for 3.5 s; then they are acked")
def amqp_heartbeats(stage):
    stage.publish("orders.heartbeats", 3)
    stage.start_capture()
    channel = stage.channel(heartbeat=1)
    _, got = take(channel, "orders.heartbeats", 3)
    flush(channel, 3.5)
    for tag, _, _ in got:
        channel.basic_ack(tag)
    channel.connection.close()
    return stage.truth("orders.heartbeats", dict(delivered=3, acked=3))


@recording("bodies of 20,000 bytes over frames of 4,096, with a zero-length body between them; a C client acks all")
def amqp_split_bodies(stage):
    stage.publish("orders.split", 5, "--sizes", "20000")
    with stage.connect() as connection:
        connection.channel().basic_publish("", "orders.split", b"")
    stage.start_capture()
    did = stage.client("c", "orders.split", "--count", 6, "--prefetch", 10, "--frame-max", 4096)
    assert did["delivered"] == 6
    return stage.truth("orders.split", did)


@recording("a vhost that does not exist and a wrong password are refused, each on a connection of its own; a third one acks 3")
def amqp_refused(stage):
    stage.publish("orders.refused", 3)
    stage.start_capture()
    for options in (dict(virtual_host="nowhere"), dict(credentials=pika.PlainCredentials("guest", "wrong"))):
        try:
            stage.connect(**options)
            raise SystemExit("the broker did not refuse")
        except pika.exceptions.AMQPError:
            pass
    channel = stage.channel()
    _, got = take(channel, "orders.refused", 3)
    for tag, _, _ in got:
        channel.basic_ack(tag)
    channel.connection.close()
    return stage.truth("orders.refused", dict(delivered=3, acked=3))


@recording(
    "one connection, two channels: channel 1 has a consumer of a and one of b, and one get of b; channel 2 a consumer of a."
    " Channel 1 ends all of its own, across consumers and gets, by one ack of tag 0 with multiple; channel 2 acks tag by tag"
    " (the same tag numbers as channel 1's). Deliveries of a are split between its two consumers by the broker"
)
def amqp_channels(stage):
    stage.publish("orders.a", 8)
    stage.publish("orders.b", 5)
    stage.start_capture()
    connection = stage.connect()
    first, second = connection.channel(), connection.channel()
    first.basic_qos(prefetch_count=4)
    second.basic_qos(prefetch_count=4)
    method, _, _ = first.basic_get("orders.b")
    assert method
    mine, others, theirs = [], [], []
    first.basic_consume("orders.a", lambda _, m, p, b: mine.append(m))
    first.basic_consume("orders.b", lambda _, m, p, b: others.append(m))
    second.basic_consume("orders.a", lambda _, m, p, b: theirs.append(m))
    wait(first, others, 4)
    deadline = time.monotonic() + 5
    while len(mine) + len(theirs) < 8 and time.monotonic() < deadline:
        flush(first)
    assert len(mine) + len(theirs) == 8
    for m in theirs:
        second.basic_ack(m.delivery_tag)
    first.basic_ack(0, multiple=True)
    flush(first)
    connection.close()
    return {
        **stage.truth("orders.a", dict(delivered=8, acked=8)),
        **stage.truth("orders.b", dict(delivered=5, acked=5)),
    }


@recording("basic.cancel settles nothing: 5 delivered, consumer cancelled, then 3 acked and 2 nacked with requeue; valid all the same")
def amqp_cancel(stage):
    stage.publish("orders.cancel", 5)
    stage.start_capture()
    channel = stage.channel(prefetch=5)
    consumer, got = take(channel, "orders.cancel", 5)
    channel.basic_cancel(consumer)
    for tag, _, _ in got[:3]:
        channel.basic_ack(tag)
    for tag, _, _ in got[3:]:
        channel.basic_nack(tag)
    channel.connection.close()
    return stage.truth("orders.cancel", dict(delivered=5, acked=3, requeued=2))


@recording("basic.recover gives back the whole channel: of 6 delivered 2 are acked, 4 recovered (requeued), come again and are acked")
def amqp_recover(stage):
    stage.publish("orders.recover", 6)
    stage.start_capture()
    channel = stage.channel()
    _, got = take(channel, "orders.recover", 6)
    for tag, _, _ in got[:2]:
        channel.basic_ack(tag)
    channel.basic_recover(requeue=True)
    wait(channel, got, 10)
    for tag, redelivered, _ in got[6:]:
        assert redelivered
        channel.basic_ack(tag)
    channel.connection.close()
    return stage.truth("orders.recover", dict(delivered=10, redelivered=4, acked=6, requeued=4))


@recording(
    "nack with multiple and requeue ends 5 of 8, which come again; nack with multiple of tag 0 without requeue ends"
    " everything outstanding, 8; nothing is acked"
)
def amqp_nack_multiple(stage):
    stage.publish("orders.nacks", 8)
    stage.start_capture()
    channel = stage.channel()
    _, got = take(channel, "orders.nacks", 8)
    channel.basic_nack(got[4][0], multiple=True, requeue=True)
    wait(channel, got, 13)
    channel.basic_nack(0, multiple=True, requeue=False)
    flush(channel)
    channel.connection.close()
    return stage.truth("orders.nacks", dict(delivered=13, redelivered=5, requeued=5, rejected=8))


@recording("a no-ack consumer: 12 deliveries, acked on delivery")
def amqp_auto_ack(stage):
    stage.publish("orders.auto", 12)
    stage.start_capture()
    did = stage.client("pika", "orders.auto", "--no-ack", "--count", 12, "--prefetch", 0)
    return stage.truth("orders.auto", did)


@recording(
    "a queue that the server names, consumed by an empty name (the channel's last declared, though another queue was declared"
    " passively on another channel since); 4 acked. The key carries the name that declare-ok gave"
)
def amqp_server_named(stage):
    stage.publish("orders.passive", 0)
    stage.start_capture()
    channel = stage.channel()
    name = channel.queue_declare("", exclusive=True).method.queue
    channel.connection.channel().queue_declare("orders.passive", passive=True)
    for _ in range(4):
        channel.basic_publish("", name, b"reply")
    _, got = take(channel, "", 4)
    for tag, _, _ in got:
        channel.basic_ack(tag)
    channel.connection.close()
    return stage.truth(name, dict(delivered=4, acked=4))


@recording(
    "a quorum queue with delivery limit 2, declared by the client: 4 messages are acked at once, 4 nacked until the broker"
    " gives up: delivered three times each, so 12 requeued, of which the last of each exhausts the limit"
)
def amqp_quorum_limit(stage):
    stage.start_capture()
    channel = stage.channel(prefetch=1)
    channel.queue_declare("orders.limit", durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": 2})
    for number in range(8):
        channel.basic_publish("", "orders.limit", b"%d" % number, pika.BasicProperties(message_id=f"m{number}"))
    did = dict.fromkeys(TERMS, 0)
    done = []

    def received(_, method, properties, data):
        did["delivered"] += 1
        did["redelivered"] += method.redelivered
        if int(data) % 2:
            channel.basic_ack(method.delivery_tag)
            did["acked"] += 1
            return done.append(data)
        channel.basic_nack(method.delivery_tag)
        did["requeued"] += 1
        if ((properties.headers or {}).get("x-delivery-count") or 0) >= 2:
            did["exhausted"] += 1
            done.append(data)

    channel.basic_consume("orders.limit", received)
    wait(channel, done, 8)
    flush(channel, 0.3)
    channel.connection.close()
    assert did["delivered"] == 16 and did["exhausted"] == 4, did
    return stage.truth("orders.limit", did, attempts_max=3)


@recording(
    "a stream queue: 10 of 30 delivered at a time; an ack there is only credit, and nothing is ever requeued or failed. The 30"
    " acks end their deliveries"
)
def amqp_stream(stage):
    stage.start_capture()
    channel = stage.channel(prefetch=10)
    channel.queue_declare("orders.stream", durable=True, arguments={"x-queue-type": "stream"})
    for number in range(30):
        channel.basic_publish("", "orders.stream", b"%d" % number)
    got = []

    def received(_, method, properties, data):
        got.append(method.delivery_tag)
        channel.basic_ack(method.delivery_tag)

    channel.basic_consume("orders.stream", received, arguments={"x-stream-offset": "first"})
    wait(channel, got, 30)
    flush(channel)
    channel.connection.close()
    return stage.truth("orders.stream", dict(delivered=30, acked=30))


@recording(
    "the client dead-letters by itself: of 6 it acks 3; 3 it publishes to orders.client.dlq, with their message id, and then acks"
    " the source, which is that publish's end: dead_lettered and acked_paired"
)
def amqp_client_dead_letters(stage):
    stage.publish("orders.client", 6, "--message-id", "--timestamp")
    stage.start_capture()
    channel = stage.channel(prefetch=1)
    channel.queue_declare("orders.client.dlq", durable=True)
    handled = []

    def received(_, method, properties, data):
        if len(handled) % 2:
            properties.headers = {"x-error": "ValueError", "x-original-queue": "orders.client"}
            channel.basic_publish("", "orders.client.dlq", data, properties)
        channel.basic_ack(method.delivery_tag)
        handled.append(data)

    channel.basic_consume("orders.client", received)
    wait(channel, handled, 6)
    flush(channel)
    channel.connection.close()
    return stage.truth("orders.client", dict(delivered=6, acked=3), dead_lettered=3, acked_paired=3)


@recording(
    "acks behind a refused one are void: 10 delivered, 1 and 2 acked, 2 acked again (refused, 406), 3 to 6 acked in the same"
    " burst. The broker hands 3 to 10 out again, so 8 are abandoned; on a new channel these are acked"
)
def amqp_void_acks(stage):
    stage.publish("orders.void", 10)
    stage.start_capture()
    channel = stage.channel(prefetch=10)
    connection = channel.connection
    _, got = take(channel, "orders.void", 10)
    # Past the blocking channel, which would look for answers after each.
    for number in (0, 1, 1, 2, 3, 4, 5):
        channel._impl.basic_ack(got[number][0])
    try:
        flush(channel, 1)
        channel.queue_declare("orders.void", passive=True)
        raise SystemExit("the channel stayed open")
    except pika.exceptions.AMQPError:
        pass
    channel = connection.channel()
    _, again = take(channel, "orders.void", 8)
    assert all(redelivered for _, redelivered, _ in again)
    for tag, _, _ in again:
        channel.basic_ack(tag)
    connection.close()
    return stage.truth("orders.void", dict(delivered=18, redelivered=8, acked=10, abandoned=8))


def pika_closes(stage, queue, nacks):
    """pika's close() rejects with requeue what its consumer had prefetched, before it cancels and once more after it. How
    many it rejects is counted where it does that."""
    stage.publish(queue, 60)
    stage.start_capture()
    channel = stage.channel(prefetch=10)
    connection, acked, rejected = channel.connection, [], []
    reject = channel._impl.basic_reject
    channel._impl.basic_reject = lambda *words, **more: (rejected.append(words), reject(*words, **more))

    class Ended(Exception):
        pass

    def received(channel, method, properties, body):
        time.sleep(0.005)
        if len(acked) == 30:
            if nacks:
                channel.basic_nack(method.delivery_tag)
            raise Ended
        channel.basic_ack(method.delivery_tag)
        acked.append(body)

    channel.basic_consume(queue, received)
    try:
        channel.start_consuming()
    except Ended:
        connection.close()
    assert len(rejected) >= 9
    return stage.truth(
        queue, dict(delivered=31 + len(rejected), acked=30, requeued=int(nacks), abandoned=len(rejected) + (not nacks)))


@recording(
    "a deploy with pika, prefetch 10: the handler is interrupted in its 31st message, and close() rejects with requeue what was"
    " prefetched, which nobody tried: abandoned, as the 31st is"
)
def amqp_pika_close(stage):
    return pika_closes(stage, "orders.deploy", nacks=False)


@recording(
    "the same, but the handler nacks its 31st message with requeue before it closes: that one is a failure, the others nobody tried"
)
def amqp_pika_nack_close(stage):
    return pika_closes(stage, "orders.nackclose", nacks=True)


@recording(
    "rejected into itself: the queue's dead-letter exchange is the default one and its key the queue's own name, so the 5"
    " messages that are rejected without requeue are back at once: requeued (cause self). The second time they are acked"
)
def amqp_rejected_into_itself(stage):
    stage.start_capture()
    channel = stage.channel(prefetch=2)
    channel.queue_declare(
        "again", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "again"})
    for number in range(5):
        channel.basic_publish("", "again", b"job %d" % number, pika.BasicProperties(message_id=f"job-{number}"))
    done = []

    def received(_, method, properties, data):
        if (properties.headers or {}).get("x-death"):
            channel.basic_ack(method.delivery_tag)
            done.append(data)
        else:
            channel.basic_reject(method.delivery_tag, requeue=False)

    channel.basic_consume("again", received)
    wait(channel, done, 5)
    flush(channel)
    channel.connection.close()
    return stage.truth("again", dict(delivered=10, redelivered=5, acked=5, requeued=5), attempts_max=2)


@recording(
    "delayed retry: the client rejects 5 messages without requeue into a dead-letter exchange whose only queue waits 200 ms and"
    " dead-letters back. It declared all of that itself, so the rejects are known as requeued (cause delayed). They come"
    " back with x-death (rejected, 1; expired, 1): a second attempt, proven a repeat by the header though the flag is not set"
)
def amqp_delayed_retry(stage):
    stage.start_capture()
    channel = stage.channel(prefetch=2)
    channel.exchange_declare("work.waiting", "fanout")
    channel.queue_declare("work.wait", arguments={
        "x-message-ttl": 200, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "work",
    })
    channel.queue_bind("work.wait", "work.waiting")
    channel.queue_declare("work", arguments={"x-dead-letter-exchange": "work.waiting"})
    for number in range(5):
        channel.basic_publish("", "work", b"job %d" % number, pika.BasicProperties(message_id=f"job-{number}"))
    done = []

    def received(_, method, properties, data):
        assert not method.redelivered
        if (properties.headers or {}).get("x-death"):
            channel.basic_ack(method.delivery_tag)
            done.append(data)
        else:
            channel.basic_reject(method.delivery_tag, requeue=False)

    channel.basic_consume("work", received)
    wait(channel, done, 5)
    flush(channel)
    channel.connection.close()
    return stage.truth("work", dict(delivered=10, redelivered=5, acked=5, requeued=5), attempts_max=2)


@recording(
    "the consumer is killed with SIGKILL with 10 outstanding: the oldest was being worked on (crashed 1), the others were"
    " prefetched (abandoned 9); its successor, a connection of its own, acks the rest of 40 and these ten again"
)
def amqp_killed(stage):
    stage.publish("orders.killed", 40)
    stage.start_capture()
    first = stage.client("c", "orders.killed", "--prefetch", 10, "--die-after", 15, killed=True)
    second = stage.client("c", "orders.killed", "--count", 25, "--prefetch", 10)
    assert first["crashed"] == 1 and first["abandoned"] == 9 and second["redelivered"] == 10
    return stage.truth("orders.killed", first, second)


@recording(
    "the broker is stopped in an orderly way with 5 deliveries outstanding: it closes the connection (320), so these are"
    " abandoned; 3 were acked before",
    own_broker=True,
)
def amqp_broker_stopped(stage):
    return broker_ends(stage, "orders.stopped")


@recording("the broker is killed with 5 deliveries outstanding: the broker's side ended, so abandoned; 3 were acked before", own_broker=True)
def amqp_broker_killed(stage):
    return broker_ends(stage, "orders.broken", "--kill")


def broker_ends(stage, queue, *how):
    stage.publish(queue, 8)
    stage.start_capture()
    channel = stage.channel()
    _, got = take(channel, queue, 8)
    for tag, _, _ in got[:3]:
        channel.basic_ack(tag)
    flush(channel)
    subprocess.run([LIVE / "broker", "stop", stage.broker, *how], check=True)
    try:
        flush(channel, 2)
    except pika.exceptions.AMQPError:
        pass
    return stage.truth(queue, dict(delivered=8, acked=3, abandoned=5))


@recording("a C client over IPv6 loopback, acks with multiple")
def amqp_ipv6(stage):
    stage.publish("orders.v6", 20)
    stage.start_capture()
    did = stage.client("c", "orders.v6", "--host", "::1", "--count", 20, "--prefetch", 10, "--multiple", 3)
    return stage.truth("orders.v6", did)


def caught_midstream(stage, queue, exchange=""):
    """20 messages, consumed with prefetch 2; the capture starts when 8 were delivered, 6 of them acked."""
    stage.publish(queue, 0)
    stage.publish("orders.whole", 4)
    early = stage.channel(prefetch=2)
    if exchange:
        early.exchange_declare(exchange, "direct")
        early.queue_bind(queue, exchange, "new-order")
    for number in range(20):
        early.basic_publish(exchange, "new-order" if exchange else queue, b"order %d" % number)
    got = []
    early.basic_consume(queue, lambda _, m, p, b: got.append(m.delivery_tag))
    # The prefetch paces it: at most two ahead of the acks.
    for index in range(18):
        wait(early, got, index + 1)
        if index == 6:
            wait(early, got, 8)
            stage.start_capture()
        early.basic_ack(got[index])
    wait(early, got, 20)
    channel = stage.channel()
    _, whole = take(channel, "orders.whole", 4)
    for tag, _, _ in whole:
        channel.basic_ack(tag)
    channel.connection.close()
    early.connection.close()
    return stage.truth("orders.whole", dict(delivered=4, acked=4))


@recording(
    "the capture starts when the consumer has long been connected: its basic.consume was not seen, but the default exchange"
    " delivers to the queue that the routing key names (the vhost, not seen either, is taken as /). Of 12 deliveries seen 10 are"
    " acked and 2 abandoned; 2 acks are of deliveries from before. A second connection, seen whole, acks 4"
)
def amqp_midstream(stage):
    seen = caught_midstream(stage, "orders.middle")
    return {**stage.truth("orders.middle", dict(delivered=12, acked=10, abandoned=2)), **seen}


@recording(
    "the same through an exchange of its own: nothing tells which queue the consumer reads, so its 12 deliveries are"
    " unattributed, never guessed; the second connection's 4 are as always"
)
def amqp_midstream_exchange(stage):
    return {**caught_midstream(stage, "orders.shop", "shop"), "unattributed": 12}


@recording("two consumers of one queue, each a process and a connection of its own, at the same time: one group, the sum of both")
def amqp_two_consumers(stage):
    stage.publish("orders.two", 60)
    stage.start_capture()
    command = [stage.directory / "rabbitmq_client", "--port", stage.port, "--queue", "orders.two", "--idle-ms", 700]
    plans = (["--prefetch", 5, "--plan", "aan", "--delay-ms", 2], ["--prefetch", 5, "--plan", "aaaax", "--delay-ms", 2])
    both = [subprocess.Popen([str(w) for w in [*command, *plan]], stdout=subprocess.PIPE) for plan in plans]
    did = [json.loads(process.communicate(timeout=30)[0]) for process in both]
    assert all(one["delivered"] > 5 for one in did), "one of them had nothing to do"
    return stage.truth("orders.two", *did)


@recording(
    "the client acks a tag that was never delivered: the server closes the channel (406), so the 4 deliveries that are open"
    " end there: abandoned. On a new channel they come again and are acked"
)
def amqp_channel_closed(stage):
    stage.publish("orders.closed", 5)
    stage.start_capture()
    channel = stage.channel()
    connection = channel.connection
    _, got = take(channel, "orders.closed", 5)
    channel.basic_ack(got[0][0])
    channel.basic_ack(99)
    try:
        flush(channel, 1)
        channel.queue_declare("orders.closed", passive=True)
        raise SystemExit("the channel stayed open")
    except pika.exceptions.AMQPError:
        pass
    channel = connection.channel()
    _, again = take(channel, "orders.closed", 4)
    assert all(redelivered for _, redelivered, _ in again)
    for tag, _, _ in again:
        channel.basic_ack(tag)
    connection.close()
    return stage.truth("orders.closed", dict(delivered=9, redelivered=4, acked=5, abandoned=4))


@recording(
    "GarageMQ, an AMQP 0-9-1 broker that is not RabbitMQ. pika acks, nacks and rejects one by one; a C client in groups of four"
    " with multiple; basic.get gets two, of which one is rejected. What differs from RabbitMQ on the wire: most repeats are"
    " not marked as redelivered (so that flag is no truth here), there is no"
    " cluster_name, heartbeat and frame-max are 10 s and 65536, and basic.recover is refused with 540, which closes the"
    " connection, so that the 4 deliveries open there are abandoned",
    broker="garagemq",
)
def amqp_garagemq(stage):
    for queue, count in (("orders.pika", 40), ("orders.c", 40), ("orders.get", 2), ("orders.recover", 4)):
        stage.publish(queue, count, "--timestamp", "--message-id")
    stage.start_capture()
    pika_did = stage.client("pika", "orders.pika", "--count", 40, "--prefetch", 10, "--plan", "aaanaxaaNr")
    c_did = stage.client("c", "orders.c", "--count", 40, "--prefetch", 10, "--multiple", 4, "--plan", "aaanaxaa")
    channel = stage.channel()
    first, second = (channel.basic_get("orders.get")[0] for _ in range(2))
    channel.basic_ack(first.delivery_tag)
    channel.basic_reject(second.delivery_tag, requeue=False)
    assert channel.basic_get("orders.get")[0] is None
    channel.connection.close()
    channel = stage.channel(prefetch=4)
    take(channel, "orders.recover", 4)
    try:
        channel.basic_recover(requeue=True)
        raise SystemExit("GarageMQ has learned basic.recover: this scenario has to be thought over")
    except pika.exceptions.ConnectionClosedByBroker as problem:
        assert problem.reply_code == 540, problem
    groups = {
        **stage.truth("orders.pika", pika_did), **stage.truth("orders.c", c_did),
        **stage.truth("orders.get", dict(delivered=2, acked=1, rejected=1)),
        **stage.truth("orders.recover", dict(delivered=4, abandoned=4)),
    }
    for group in groups.values():
        group.pop("redelivered", None)
    return groups


# --- recording ----------------------------------------------------------------------------------------------------


GARAGEMQ = """
proto: amqp-rabbit
users:
  - {{username: guest, password: 084e0343a0486ff05530df6c705c8bb4}}
tcp: {{ip: 127.0.0.1, port: {port}, nodelay: true, readBufSize: 196608, writeBufSize: 196608}}
admin: {{ip: 127.0.0.1, port: {admin}}}
queue: {{shardSize: 8192, maxMessagesInRam: 131072}}
db: {{defaultPath: {folder}/db, engine: badger}}
vhost: {{defaultPath: /}}
security: {{passwordCheck: md5}}
connection: {{channelsMax: 4096, frameMaxSize: 65536}}
"""


def start_garagemq(folder):
    """Debian's garagemq, with everything that it writes in `folder`. Returns its process and its port."""
    folder.mkdir()
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, admin = one.getsockname()[1], other.getsockname()[1]
    configuration = folder / "garagemq.yaml"
    configuration.write_text(GARAGEMQ.format(port=port, admin=admin, folder=folder))
    if not shutil.which("garagemq"):
        raise SystemExit("garagemq is not there: apt-get install garagemq")
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(["garagemq", "--config", configuration], cwd=folder, stdout=log, stderr=log)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process, port
        except OSError:
            time.sleep(0.05)
    process.kill()
    raise SystemExit(f"garagemq did not start: {(folder / 'log').read_text()[-500:]}")


def capture(port, path, host=None):
    """Starts dumpcap and returns when it captures; returns what stops it."""
    wanted = f"tcp port {port}" + (f" and host {host}" if host else "")
    process = subprocess.Popen(
        ["dumpcap", "-i", "lo", "-f", wanted, "-w", str(path), "-a", "duration:60", "-a", "filesize:1000"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )
    for line in process.stderr:
        if line.startswith("File:"):
            break
    else:
        raise SystemExit("dumpcap did not start: is tshark installed, and may you capture on lo?")
    time.sleep(0.3)

    def stop():
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        words = process.stderr.read()
        process.wait(10)
        if "dropped: 0" not in words.replace("received/dropped", "dropped") and "/0 (" not in words:
            raise SystemExit(f"dumpcap lost packets: {words}")

    return stop


def anonymous(path):
    """Rewrites the file without the options that name the machine and the capturing program."""
    data, out, at = path.read_bytes(), bytearray(), 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        block = data[at : at + length]
        at += length
        fixed = {0x0A0D0D0A: 16, 1: 8}.get(kind)  # body bytes before the options: section header, interface
        if fixed is not None:
            options = b""
            if kind == 1:
                options = struct.pack("<HH2sxx", 2, 2, b"lo") + struct.pack("<HHBxxx", 9, 1, 9) + bytes(4)
            body = block[8 : 8 + fixed] + options
            block = struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
        if kind != 5:  # interface statistics
            out += block
    path.write_bytes(out)


def record(names):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="stormfuse-record-", dir="/tmp"))
    brokers, others = [], []

    def start_broker(kind):
        if kind == "garagemq":
            folder = directory / f"garagemq-{len(others)}"
            process, port = start_garagemq(folder)
            others.append(process)
            return folder, port
        folder = directory / f"broker-{len(brokers)}"
        brokers.append(folder)
        started = subprocess.run(
            [LIVE / "broker", "start", folder, "0", "--owner", str(os.getpid()), "--cluster", "recorded"],
            stdout=subprocess.PIPE, check=True,
        )
        return folder, json.loads(started.stdout)["port"]

    try:
        subprocess.run(["cc", "-O2", "-o", directory / "rabbitmq_client", CLIENTS / "rabbitmq_client.c", "-lrabbitmq"], check=True)
        if "amqp_go_client" in names:
            go = {**os.environ, "GOPATH": "/usr/share/gocode", "GO111MODULE": "off", "GOFLAGS": ""}
            subprocess.run(["go", "build", "-o", directory / "go_consumer", CLIENTS / "consumer.go"], check=True, env=go)
        shared = {}
        for name in names:
            function, why, own_broker, broker = recordings[name]
            if not own_broker and broker not in shared:
                shared[broker] = start_broker(broker)
            folder, port = start_broker(broker) if own_broker else shared[broker]
            path = CAPTURES / f"{name}.pcapng"
            stage, stops = Stage(port, folder, directory), []
            raw = directory / f"{name}.pcapng"
            stage.start_capture = lambda: stops.append(capture(port, raw))
            groups = function(stage)
            stops[0]()
            anonymous(raw)
            if raw.stat().st_size > LIMIT_BYTES:
                raise SystemExit(f"{name}: {raw.stat().st_size} bytes are too many for the tree")
            shutil.copy(raw, path)
            path.chmod(0o644)
            truth = {"port": port, "why": why, "groups": {k: v for k, v in groups.items() if k != "unattributed"}}
            if "unattributed" in groups:
                truth["unattributed"] = groups["unattributed"]
            (CAPTURES / f"{name}.truth.json").write_text(json.dumps(truth, indent=2) + "\n")
            print(f"{name}: {path.stat().st_size} bytes, {json.dumps(truth['groups'])}", flush=True)
    finally:
        for folder in brokers:
            subprocess.run([LIVE / "broker", "stop", folder])
        for process in others:
            process.terminate()
            process.wait(10)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(recordings)
    if unknown:
        sys.exit(f"record.py: no scenario {', '.join(sorted(unknown))}; there are {', '.join(recordings)}")
    record(sys.argv[1:] or list(recordings))
