#!/usr/bin/env python3
"""Writes long scenarios as capture files: AMQP bytes put together by hand, at exact times, by nothing of the project's.

    generate.py DIR [NAME…]       DIR/NAME.pcapng and DIR/NAME.truth.json for each scenario; prints their names

scenarios.json says which verdict, rule and first opening each must lead to, worked out by hand from what the wire
means, and why. The truth files carry totals that this script counts as it writes (the shape that record.py's have).
Times are seconds after the capture's first packet. Python 3.9, nothing but its library; some seconds for all.
"""

import collections
import json
import pathlib
import struct
import sys

EPOCH_S = 1_800_000_000  # first packet: 2027-01-15T08:00:00Z
SERVER_PORT = 5672
PREFETCHED_AGE_S = 90  # age of a backlog's messages where a scenario wants the delay condition met from the start
scenarios = {}


def scenario(function):
    scenarios[function.__name__] = function
    return function


# --- capture file -------------------------------------------------------------------------------------------------


class Capture:
    """A pcapng file (Ethernet, nanoseconds) that is written in order of time, whatever the order of the calls."""

    def __init__(self):
        self.packets = []
        self.keep = lambda packet: True  # a scenario that loses packets replaces it
        self.lost_bytes = 0

    def add(self, at, source, destination, sequence, acknowledgement, flags, payload):
        tcp = struct.pack(">HHIIBBHHH", source[1], destination[1], sequence, acknowledgement, 5 << 4, flags, 65535, 0, 0)
        length = 20 + len(tcp) + len(payload)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 0, 0x4000, 64, 6, 0, source[0], destination[0])
        frame = bytes(12) + b"\x08\x00" + ip + tcp + payload
        self.packets.append((round(at * 1e9), frame, len(payload)))

    def write(self, path, rearrange=None):
        self.packets.sort(key=lambda packet: packet[0])
        packets = rearrange(self.packets) if rearrange else self.packets
        out = bytearray(struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28))
        out += struct.pack("<IIHHIHHBxxxHHI", 1, 32, 1, 0, 0, 9, 1, 9, 0, 0, 32)
        for at, frame, payload in packets:
            if not self.keep(frame):
                self.lost_bytes += payload
                continue
            ns = EPOCH_S * 1_000_000_000 + at
            size = 32 + (len(frame) + 3) // 4 * 4
            out += struct.pack("<IIIIIII", 6, size, 0, ns >> 32, ns & 0xFFFFFFFF, len(frame), len(frame))
            out += frame + bytes(size - 32 - len(frame)) + struct.pack("<I", size)
        path.write_bytes(out)


# --- AMQP 0-9-1 ---------------------------------------------------------------------------------------------------


def short(text):
    raw = text.encode()
    return bytes([len(raw)]) + raw


def table(pairs):
    body = bytearray()
    for key, value in pairs.items():
        body += short(key) + field(value)
    return struct.pack(">I", len(body)) + bytes(body)


def field(value):
    if isinstance(value, bool):
        return b"t" + bytes([value])
    if isinstance(value, int):
        return b"l" + struct.pack(">q", value)
    if isinstance(value, str):
        raw = value.encode()
        return b"S" + struct.pack(">I", len(raw)) + raw
    if isinstance(value, dict):
        return b"F" + table(value)
    items = b"".join(field(item) for item in value)
    return b"A" + struct.pack(">I", len(items)) + items


def frame(kind, channel, payload):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def method(channel, class_id, method_id, arguments=b""):
    return frame(1, channel, struct.pack(">HH", class_id, method_id) + arguments)


def content(channel, body, timestamp=None, message_id=None, headers=None):
    """Header frame and body frame. Properties in the order of their flag bits (section 4.2.6.1)."""
    flags, values = 0, b""
    if headers:
        flags, values = flags | 1 << 13, values + table(headers)
    if message_id is not None:
        flags, values = flags | 1 << 7, values + short(message_id)
    if timestamp is not None:
        flags, values = flags | 1 << 6, values + struct.pack(">Q", timestamp)
    header = struct.pack(">HHQH", 60, 0, len(body), flags) + values
    return frame(2, channel, header) + (frame(3, channel, body) if body else b"")


class Connection:
    """One TCP connection of a client with a broker, logged in at vhost /, with channel 1 open."""

    SYN, ACK, FIN, RST, PSH = 2, 16, 1, 4, 8
    count = 0

    def __init__(self, capture, at, client="10.0.0.7"):
        Connection.count += 1
        self.capture = capture
        self.client = (bytes(int(part) for part in client.split(".")), 20000 + Connection.count)
        self.server = (bytes([10, 0, 0, 2]), SERVER_PORT)
        self.client_next, self.server_next = 1000 * Connection.count, 0x7FFFFF00
        self.next_tag = 0
        self.last = {True: at, False: at}
        self._packet(at, True, self.SYN, b"", acknowledged=False)
        self.client_next += 1
        self._packet(at + 0.0001, False, self.SYN | self.ACK, b"")
        self.server_next += 1
        self._packet(at + 0.0002, True, self.ACK, b"")
        properties = {"product": "RabbitMQ", "version": "3.13.0", "cluster_name": "generated"}
        self.to_server(at + 0.001, b"AMQP\x00\x00\x09\x01")
        self.to_client(
            at + 0.002,
            method(0, 10, 10, b"\x00\x09" + table(properties) + struct.pack(">I", 5) + b"PLAIN" + struct.pack(">I", 5) + b"en_US"),
        )
        login = b"\x00guest\x00guest"
        answer = table({"product": "by hand"}) + short("PLAIN") + struct.pack(">I", len(login)) + login + short("en_US")
        self.to_server(at + 0.003, method(0, 10, 11, answer))
        tune = struct.pack(">HIH", 2047, 131072, 60)
        self.to_client(at + 0.004, method(0, 10, 30, tune))
        self.to_server(at + 0.005, method(0, 10, 31, tune) + method(0, 10, 40, short("/") + short("") + b"\x00"))
        self.to_client(at + 0.006, method(0, 10, 41, short("")))
        self.to_server(at + 0.007, method(1, 20, 10, short("")))
        self.to_client(at + 0.008, method(1, 20, 11, struct.pack(">I", 0)))

    def _packet(self, at, from_client, flags, payload, acknowledged=True):
        # A scenario that calls out of order would write a stream with holes.
        assert at >= self.last[from_client], f"{at} after {self.last[from_client]}"
        self.last[from_client] = at
        if from_client:
            ends, sequence, other = (self.client, self.server), self.client_next, self.server_next
        else:
            ends, sequence, other = (self.server, self.client), self.server_next, self.client_next
        self.capture.add(at, *ends, sequence & 0xFFFFFFFF, (other & 0xFFFFFFFF) if acknowledged else 0, flags, payload)

    def to_server(self, at, payload):
        self._packet(at, True, self.ACK | self.PSH, payload)
        self.client_next += len(payload)

    def to_client(self, at, payload):
        self._packet(at, False, self.ACK | self.PSH, payload)
        self.server_next += len(payload)

    # Declarations. Each pair is request and answer.

    def declare(self, at, queue, **arguments):
        arguments = {key.replace("_", "-"): value for key, value in arguments.items()}
        self.to_server(at, method(1, 50, 10, b"\x00\x00" + short(queue) + b"\x02" + table(arguments)))
        self.to_client(at + 0.0005, method(1, 50, 11, short(queue) + struct.pack(">II", 0, 0)))

    def exchange(self, at, name):
        self.to_server(at, method(1, 40, 10, b"\x00\x00" + short(name) + short("fanout") + b"\x02" + table({})))
        self.to_client(at + 0.0005, method(1, 40, 11))

    def bind(self, at, queue, exchange):
        self.to_server(at, method(1, 50, 20, b"\x00\x00" + short(queue) + short(exchange) + short("") + b"\x00" + table({})))
        self.to_client(at + 0.0005, method(1, 50, 21))

    def consume(self, at, queue, prefetch):
        self.queue = queue
        self.to_server(at, method(1, 60, 10, struct.pack(">IHB", 0, prefetch, 0)))
        self.to_client(at + 0.0005, method(1, 60, 11))
        self.to_server(at + 0.001, method(1, 60, 20, b"\x00\x00" + short(queue) + short("ctag") + b"\x00" + table({})))
        self.to_client(at + 0.0015, method(1, 60, 21, short("ctag")))

    # Messages.

    def delivery(self, message, redelivered=False, **properties):
        """The bytes of one delivery; its tag is self.next_tag afterwards."""
        self.next_tag += 1
        arguments = short("ctag") + struct.pack(">QB", self.next_tag, redelivered) + short("") + short(self.queue)
        return method(1, 60, 60, arguments) + content(1, message, **properties)

    def deliver(self, at, message, redelivered=False, **properties):
        self.to_client(at, self.delivery(message, redelivered, **properties))
        return self.next_tag

    def ack(self, at, tag, multiple=False):
        self.to_server(at, method(1, 60, 80, struct.pack(">QB", tag, multiple)))

    def nack(self, at, tag):
        self.to_server(at, method(1, 60, 120, struct.pack(">QB", tag, 2)))

    def reject(self, at, tag):
        self.to_server(at, method(1, 60, 90, struct.pack(">QB", tag, 0)))

    def heartbeat(self, at):
        self.to_server(at, frame(8, 0, b""))
        self.to_client(at + 0.001, frame(8, 0, b""))

    # Ends.

    def close(self, at):
        """The client closes in an orderly way."""
        close = struct.pack(">H", 200) + short("bye") + struct.pack(">HH", 0, 0)
        self.to_server(at, method(0, 10, 50, close))
        self.to_client(at + 0.001, method(0, 10, 51))
        self._fin(at + 0.002, True)

    def close_by_broker(self, at):
        """The broker shuts down: connection.close 320, as RabbitMQ does."""
        close = struct.pack(">H", 320) + short("CONNECTION_FORCED - broker forced connection closure") + struct.pack(">HH", 0, 0)
        self.to_client(at, method(0, 10, 50, close))
        self.to_server(at + 0.001, method(0, 10, 51))
        self._fin(at + 0.002, False)

    def die(self, at):
        """The client's process is gone: its kernel closes the connection without a word of AMQP."""
        self._fin(at, True)

    def _fin(self, at, client_first):
        self._packet(at, client_first, self.FIN | self.ACK, b"")
        if client_first:
            self.client_next += 1
        else:
            self.server_next += 1
        self._packet(at + 0.001, not client_first, self.FIN | self.ACK, b"")


class Truth(collections.Counter):
    """Totals of one group, by the report's terms."""

    def delivered(self, redelivered=False):
        self["delivered"] += 1
        self["redelivered"] += bool(redelivered)


class Scene:
    """One capture, one group `rabbitmq:%2F:orders` and its truth. Consumption starts at START_S."""

    START_S = 1.0
    QUEUE = "orders"
    PORT = SERVER_PORT
    KEY = f"rabbitmq:%2F:{QUEUE}"

    def __init__(self):
        self.capture, self.truth = Capture(), Truth()
        self.exact = True  # whether the totals can be known from what the file holds
        self.rearrange = None
        self.number = 0

    def connect(self, at=0.0, prefetch=100, **arguments):
        connection = Connection(self.capture, at)
        connection.declare(at + 0.01, self.QUEUE, **arguments)
        connection.consume(at + 0.02, self.QUEUE, prefetch)
        return connection

    def fresh(self):
        """Body of a message that nobody has seen before."""
        self.number += 1
        return b"order %08d, forty bytes or so of text" % self.number

    def good(self, connection, at, took=0.02, age_s=0, timestamp=True):
        """A message that is delivered once and acked."""
        stamp = int(EPOCH_S + at - age_s) if timestamp else None
        tag = connection.deliver(at, self.fresh(), timestamp=stamp)
        connection.ack(at + took, tag)
        self.truth.delivered()
        self.truth["acked"] += 1

    def bad(self, connection, at, body, attempt, took=0.02, age_s=0, counted=True, timestamp=True, message_id=None):
        """One more failed attempt, given back for another. `counted`: the broker sends x-delivery-count."""
        tag = connection.deliver(
            at, body, redelivered=attempt > 1, message_id=message_id,
            timestamp=int(EPOCH_S + self.START_S - age_s) if timestamp else None,
            headers={"x-delivery-count": attempt - 1} if counted and attempt > 1 else None,
        )
        connection.nack(at + took, tag)
        self.truth.delivered(attempt > 1)
        self.truth["requeued"] += 1


# --- scenarios ----------------------------------------------------------------------------------------------------


def storm(scene, failures, tail_s=0.0):
    """Every 100 ms one failure (ten messages in turn, each on its next attempt) and one ack; all are 90 s old."""
    connection = scene.connect(x_queue_type="quorum")
    bodies = [scene.fresh() for _ in range(10)]
    for k in range(failures):
        at = scene.START_S + k * 0.1
        scene.bad(connection, at, bodies[k % 10], k // 10 + 1, age_s=PREFETCHED_AGE_S)
        scene.good(connection, at + 0.03, age_s=PREFETCHED_AGE_S)
    for k in range(round(tail_s * 10)):
        scene.good(connection, scene.START_S + (failures + k) * 0.1, age_s=PREFETCHED_AGE_S)
    return connection


@scenario
def storm_requeue(scene):
    storm(scene, 200)


@scenario
def storm_recovers(scene):
    storm(scene, 60, tail_s=30)


@scenario
def storm_without_timestamps(scene):
    connection = scene.connect()
    bodies = [scene.fresh() for _ in range(10)]
    first = [scene.START_S + i * 0.001 for i in range(10)]
    tags = []
    for at, body in zip(first, bodies):
        tags.append(connection.deliver(at, body))
        scene.truth.delivered()
    healthy = 0
    for round_ in range(30):
        at = scene.START_S + 1 + round_ * 2
        for i in range(10):
            connection.nack(at + i * 0.001, tags[i])
            scene.truth["requeued"] += 1
        for i in range(10):
            tags[i] = connection.deliver(at + 0.02 + i * 0.001, bodies[i], redelivered=True)
            scene.truth.delivered(True)
        while healthy < (round_ + 1) * 4:
            scene.good(connection, at + 0.25 + (healthy % 4) * 0.4, timestamp=False)
            healthy += 1
    scene.truth["in_flight"] += 10


@scenario
def flood_reject(scene):
    connection = scene.connect(x_dead_letter_exchange="orders.dead")
    connection.exchange(0.03, "orders.dead")
    connection.declare(0.04, "orders.dlq")
    connection.bind(0.05, "orders.dlq", "orders.dead")
    for k in range(150):
        at = scene.START_S + k * 0.1
        if k % 2 == 0:
            scene.good(connection, at)
        else:
            connection.reject(at + 0.02, connection.deliver(at, scene.fresh(), timestamp=int(EPOCH_S + at)))
            scene.truth.delivered()
            scene.truth["rejected"] += 1


@scenario
def poison_pill(scene):
    connection = scene.connect(x_queue_type="quorum")
    bodies = [scene.fresh(), scene.fresh()]
    for k in range(300):
        at = scene.START_S + k * 0.1
        scene.good(connection, at, age_s=PREFETCHED_AGE_S)
        if k % 5 == 0:
            failure = k // 5
            scene.bad(
                connection, at + 0.04, bodies[failure % 2], failure // 2 + 1, age_s=PREFETCHED_AGE_S,
                message_id=f"poison-{failure % 2}",
            )


@scenario
def rolling_deploy(scene):
    """Six pods, two at a time; each acks 10 a second for 20 s and leaves with its whole prefetch of 100 unacked."""
    returned = collections.deque()  # (body, timestamp) that come again
    pods = []

    def fill(pod, at):
        redelivered = bool(returned)
        body, stamp = returned.popleft() if returned else (scene.fresh(), int(EPOCH_S + at))
        tag = pod["connection"].deliver(at, body, redelivered, timestamp=stamp)
        pod["open"].append((tag, body, stamp))
        scene.truth.delivered(redelivered)

    for step in range(0, 720):
        at = scene.START_S + step * 0.1
        if step % 100 == 0 and len(pods) < 6:
            pod = {"connection": scene.connect(at - 0.5), "open": collections.deque(), "from": step, "index": len(pods)}
            pods.append(pod)
            for i in range(100):
                fill(pod, at + i * 0.0001)
        for pod in pods:
            if not pod["open"] or step == pod["from"]:
                continue
            age = step - pod["from"]
            last = pod["index"] == 5
            if age == 200 and not last:
                # Pods 0, 2 and 4 close in an orderly way; 1 and 3 are killed before they could.
                if pod["index"] % 2 == 0:
                    pod["connection"].close(at + 0.05)
                    scene.truth["abandoned"] += len(pod["open"])
                else:
                    pod["connection"].die(at + 0.05)
                    scene.truth["crashed"] += 1
                    scene.truth["abandoned"] += len(pod["open"]) - 1
                returned.extend((body, stamp) for _, body, stamp in pod["open"])
                pod["open"].clear()
                continue
            tag, _, _ = pod["open"].popleft()
            pod["connection"].ack(at + 0.02, tag)
            scene.truth["acked"] += 1
            fill(pod, at + 0.03)
    scene.truth["in_flight"] += sum(len(pod["open"]) for pod in pods)


@scenario
def delayed_retry(scene):
    """Thirty messages; each fails six times, waits 30 s in the wait queue after each, and is acked at the seventh try."""
    connection = scene.connect(x_dead_letter_exchange="orders.waiting")
    connection.exchange(0.03, "orders.waiting")
    connection.declare(
        0.04, "orders.wait", x_message_ttl=30_000, x_dead_letter_exchange="", x_dead_letter_routing_key=scene.QUEUE
    )
    connection.bind(0.05, "orders.wait", "orders.waiting")
    bodies = [scene.fresh() for _ in range(30)]
    for attempt in range(1, 8):
        for i, body in enumerate(bodies):
            at = scene.START_S + i * 0.5 + (attempt - 1) * 30.1
            headers = None
            if attempt > 1:
                ends = ((scene.QUEUE + ".wait", "expired", "orders.waiting"), (scene.QUEUE, "rejected", ""))
                headers = {
                    "x-death": [
                        {"count": attempt - 1, "exchange": exchange, "queue": queue, "reason": reason, "routing-keys": ["orders"]}
                        for queue, reason, exchange in ends
                    ]
                }
            stamp = int(EPOCH_S + scene.START_S + i * 0.5)
            tag = connection.deliver(at, body, timestamp=stamp, message_id=f"retry-{i}", headers=headers)
            scene.truth.delivered(attempt > 1)
            if attempt < 7:
                connection.reject(at + 0.02, tag)
                scene.truth["requeued"] += 1
            else:
                connection.ack(at + 0.02, tag)
                scene.truth["acked"] += 1


@scenario
def broker_restart(scene):
    """Three consumers with 50 outstanding each; the broker goes and is back after 5 s; the same messages come again."""
    consumers = [scene.connect(i * 0.1) for i in range(3)]
    outstanding = [collections.deque() for _ in consumers]
    for at_step in range(0, 200):
        at = scene.START_S + at_step * 0.1
        for consumer, waiting in zip(consumers, outstanding):
            while len(waiting) < 50:
                body = scene.fresh()
                waiting.append((consumer.deliver(at, body, timestamp=int(EPOCH_S + at)), body))
                scene.truth.delivered()
            tag, _ = waiting.popleft()
            consumer.ack(at + 0.02, tag)
            scene.truth["acked"] += 1
    for consumer, waiting in zip(consumers, outstanding):
        consumer.close_by_broker(scene.START_S + 20)
        scene.truth["abandoned"] += len(waiting)
    again = [scene.connect(scene.START_S + 25 + i * 0.1) for i in range(3)]
    for i, (consumer, waiting) in enumerate(zip(again, outstanding)):
        at = scene.START_S + 26 + i * 0.01
        tags = [consumer.deliver(at, body, redelivered=True, timestamp=int(EPOCH_S + scene.START_S + 20)) for _, body in waiting]
        for k, tag in enumerate(tags):
            scene.truth.delivered(True)
            consumer.ack(at + 0.05 + k * 0.1, tag)
            scene.truth["acked"] += 1


def crash_loop(scene, every_s, crashes, others_each_s):
    """A consumer with prefetch 1 dies of its first message, comes back, gets it again. Another may do well meanwhile."""
    body = scene.fresh()
    steady = scene.connect(0.0) if others_each_s else None
    sent = 0
    for crash in range(crashes):
        began = scene.START_S + crash * every_s
        consumer = scene.connect(began, prefetch=1, x_queue_type="quorum")
        consumer.deliver(
            began + 0.1, body, redelivered=crash > 0, timestamp=int(EPOCH_S + scene.START_S - PREFETCHED_AGE_S),
            message_id="fatal", headers={"x-delivery-count": crash} if crash else None,
        )
        scene.truth.delivered(crash > 0)
        consumer.die(began + 0.3)
        scene.truth["crashed"] += 1
        while steady and sent < (crash + 1) * every_s * others_each_s:
            scene.good(steady, scene.START_S + sent / others_each_s + 0.35, age_s=PREFETCHED_AGE_S)
            sent += 1


@scenario
def crash_loop_beside_others(scene):
    crash_loop(scene, every_s=2, crashes=45, others_each_s=2)


@scenario
def crash_loop_alone(scene):
    crash_loop(scene, every_s=5, crashes=36, others_each_s=0)


@scenario
def storm_lossy(scene):
    """storm_requeue; of what the broker sends once consumption has begun, every fifth segment is not in the file."""
    storm(scene, 200)
    seen = 0

    def keep(packet):
        nonlocal seen
        if packet[34:36] != struct.pack(">H", SERVER_PORT) or b"ctag" not in packet[54:80] or len(packet) < 150:
            return True
        seen += 1
        return seen % 5 != 0

    scene.capture.keep = keep
    scene.exact = False


@scenario
def healthy_days(scene):
    """Three days: a message every 30 s, of which every hundredth fails once; heartbeats; half a minute of load at the end."""
    connection = scene.connect()
    end = 3 * 86_400
    for k in range(end // 30):
        at = scene.START_S + k * 30
        if k % 100 == 99:
            body, stamp = scene.fresh(), int(EPOCH_S + at)
            connection.nack(at + 0.05, connection.deliver(at, body, timestamp=stamp))
            scene.truth.delivered()
            scene.truth["requeued"] += 1
            connection.ack(at + 0.15, connection.deliver(at + 0.1, body, True, timestamp=stamp))
            scene.truth.delivered(True)
            scene.truth["acked"] += 1
        else:
            scene.good(connection, at)
        connection.heartbeat(at + 15)
    for k in range(300):
        scene.good(connection, scene.START_S + end + k * 0.1)


@scenario
def slow_consumer(scene):
    """Ten consumers that take 20 s a message, for ten minutes: the backlog grows old, nothing fails."""
    for i in range(10):
        consumer = scene.connect(i * 0.05, prefetch=1)
        for k in range(30):
            at = scene.START_S + i * 2 + k * 20
            scene.good(consumer, at, took=19.9, age_s=k * 18)


@scenario
def stalled(scene):
    """Acks every second for a minute, then none, with ten in flight; heartbeats go on."""
    connection = scene.connect(prefetch=10)
    tags = collections.deque()
    at = scene.START_S
    for _ in range(10):
        tags.append(connection.deliver(at, scene.fresh(), timestamp=int(EPOCH_S + at)))
        scene.truth.delivered()
    for k in range(60):
        at = scene.START_S + 1 + k
        connection.ack(at, tags.popleft())
        scene.truth["acked"] += 1
        tags.append(connection.deliver(at + 0.01, scene.fresh(), timestamp=int(EPOCH_S + at)))
        scene.truth.delivered()
    for k in range(12):
        connection.heartbeat(scene.START_S + 70 + k * 10)
    scene.truth["in_flight"] += len(tags)


@scenario
def transient_errors(scene):
    """Every tenth message fails once and is acked a second later."""
    connection = scene.connect()
    for k in range(900):
        at = scene.START_S + k * 0.1
        if k % 10:
            scene.good(connection, at)
            continue
        body, stamp = scene.fresh(), int(EPOCH_S + at)
        connection.nack(at + 0.02, connection.deliver(at, body, timestamp=stamp))
        scene.truth.delivered()
        scene.truth["requeued"] += 1
        connection.ack(at + 0.09, connection.deliver(at + 0.05, body, True, timestamp=stamp))
        scene.truth.delivered(True)
        scene.truth["acked"] += 1


@scenario
def hot_retry_of_young_messages(scene):
    """Half of all attempts fail, many times over, but every message is over within ten seconds."""
    connection = scene.connect(x_queue_type="quorum")
    for batch in range(12):
        bodies = [scene.fresh() for _ in range(10)]
        start = scene.START_S + batch * 8
        for k in range(70):
            at = start + k * 0.1
            stamp = int(EPOCH_S + start)
            attempt = k // 10 + 1
            headers = {"x-delivery-count": attempt - 1} if attempt > 1 else None
            tag = connection.deliver(at, bodies[k % 10], attempt > 1, timestamp=stamp, headers=headers)
            scene.truth.delivered(attempt > 1)
            if attempt < 7:
                connection.nack(at + 0.02, tag)
                scene.truth["requeued"] += 1
            else:
                connection.ack(at + 0.02, tag)
                scene.truth["acked"] += 1
            scene.good(connection, at + 0.05)


@scenario
def reordered(scene):
    """150,000 deliveries in segments of ten; every seventh segment of the broker's comes after its successor, every
    eleventh twice; the client's acks, one multiple a segment, are all in place."""
    connection = scene.connect(prefetch=0)
    for k in range(15_000):
        at = scene.START_S + k * 0.002
        segment = b"".join(connection.delivery(scene.fresh()) for _ in range(10))
        connection.to_client(at, segment)
        # The ack passes after the reordered segments did.
        connection.ack(at + 0.0095, connection.next_tag, multiple=True)
        scene.truth["delivered"] += 10
        scene.truth["acked"] += 10

    def rearrange(packets):
        broker = struct.pack(">H", SERVER_PORT)
        result, held, count = [], None, 0
        for packet in packets:
            if packet[1][34:36] != broker or packet[2] < 500:
                result.append(packet)
                continue
            count += 1
            if held is not None:
                # Behind its successor, at the same moment.
                result += [packet, (packet[0], *held[1:])]
                held = None
            elif count % 7 == 0:
                held = packet
                continue
            else:
                result.append(packet)
            if count % 11 == 0:
                result.append((packet[0] + 1000, *packet[1:]))
        return result + ([held] if held else [])

    scene.rearrange = rearrange


def main(scenarios, make_scene, usage):
    if len(sys.argv) < 2:
        sys.exit(usage)
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    names = sys.argv[2:] or list(scenarios)
    for name in names:
        if name not in scenarios:
            sys.exit(f"{sys.argv[0]}: no scenario {name}; there are {', '.join(scenarios)}")
        scene, Connection.count = make_scene(), 0
        scenarios[name](scene)
        scene.capture.write(directory / f"{name}.pcapng", scene.rearrange)
        truth = {"port": scene.PORT, "why": scenarios[name].__doc__ or "", "lost_bytes": scene.capture.lost_bytes}
        truth["groups"] = {scene.KEY: dict(scene.truth) if scene.exact else {}}
        truth["groups"].update({key: dict(more) for key, more in getattr(scene, "others", {}).items()})
        (directory / f"{name}.truth.json").write_text(json.dumps(truth, indent=2) + "\n")
        print(name)


if __name__ == "__main__":
    main(scenarios, Scene, __doc__)
