#!/usr/bin/env python3
"""Writes long Kafka scenarios as capture files, put together by hand from Kafka's message definitions.

    generate_kafka.py DIR [NAME…]       as generate.py does for AMQP; scenarios.json has what each must lead to

Versions: Metadata 2, JoinGroup 2, SyncGroup 1, Heartbeat 1, LeaveGroup 1, OffsetFetch 3, OffsetCommit 2, Fetch 4, Produce 3,
record batches of magic 2. A consumer has a connection to its coordinator and one that fetches, as real clients do.
"""

import struct
import sys

import generate
from generate import EPOCH_S, Truth

PORT = 9092
GROUP, TOPIC, DEAD = "orders-service", "orders", "orders.DLT"
OLD_S = 90  # age of a backlog's records where a scenario wants the delay condition met from the start
scenarios = {}


def scenario(function):
    scenarios[function.__name__] = function
    return function


# --- Kafka's types ------------------------------------------------------------------------------------------------


def string(text):
    if text is None:
        return b"\xff\xff"
    raw = text.encode()
    return struct.pack(">h", len(raw)) + raw


def data(raw):
    return struct.pack(">i", -1) if raw is None else struct.pack(">i", len(raw)) + raw


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def varint(number):
    zigzag, out = (number << 1) ^ (number >> 63), bytearray()
    while zigzag > 0x7F:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    return bytes(out) + bytes([zigzag])


def varint_data(raw):
    """A record's key or value, either of which may be None."""
    return varint(-1) if raw is None else varint(len(raw)) + raw


def record(index, value, age_ms=0, headers=(), key=None):
    body = b"\x00" + varint(age_ms) + varint(index) + varint_data(key) + varint_data(value) + varint(len(headers))
    for name, raw in headers:
        body += varint_data(name.encode()) + varint_data(raw)
    return varint(len(body)) + body


def batch(base, stamp_ms, records):
    """A record batch of magic 2, uncompressed; `records` as `record` gives them, all of one time."""
    rest = struct.pack(">hiqqqhii", 0, len(records) - 1, stamp_ms, stamp_ms, -1, -1, -1, len(records)) + b"".join(records)
    return struct.pack(">qiibI", base, len(rest) + 9, 0, 2, 0) + rest


class Link(generate.Connection):
    """One TCP connection of a Kafka client."""

    BROKER = bytes([10, 0, 0, 2])

    def __init__(self, capture, at, client_id="app", client="10.0.0.7"):
        generate.Connection.count += 1
        self.capture, self.client_id, self.correlation = capture, client_id, 0
        self.client = (bytes(int(part) for part in client.split(".")), 20000 + generate.Connection.count)
        self.server = (self.BROKER, PORT)
        self.client_next, self.server_next = 1000 * generate.Connection.count, 0x7FFFFF00
        self.last = {True: at, False: at}
        self._packet(at, True, self.SYN, b"", acknowledged=False)
        self.client_next += 1
        self._packet(at + 0.0001, False, self.SYN | self.ACK, b"")
        self.server_next += 1
        self._packet(at + 0.0002, True, self.ACK, b"")

    def request(self, at, key, version, body):
        self.correlation += 1
        head = struct.pack(">hhi", key, version, self.correlation) + string(self.client_id)
        self.to_server(at, data(head + body))

    def answer(self, at, body):
        self.to_client(at, data(struct.pack(">i", self.correlation) + body))

    def ask(self, at, key, version, body, answer):
        self.request(at, key, version, body)
        self.answer(at + 0.0005, answer)

    def metadata(self, at):
        broker = struct.pack(">i", 1) + string("broker") + struct.pack(">i", PORT) + string(None)
        parts = array([struct.pack(">hii", 0, p, 1) + array([]) + array([]) for p in range(3)])
        topic = struct.pack(">h", 0) + string(TOPIC) + b"\x00" + parts
        answer = array([broker]) + string("generated") + struct.pack(">i", 1) + array([topic])
        self.ask(at, 3, 2, array([string(TOPIC)]), answer)


class Consumer:
    """A member of GROUP: what it says to its coordinator and what it fetches. `position`: of each partition."""

    SESSION_S = 10

    def __init__(self, scene, at, partitions, generation=1, name="member-1", client_id="app"):
        self.scene, self.name, self.generation, self.partitions = scene, name, generation, list(partitions)
        self.coordinator = Link(scene.capture, at, client_id)
        self.coordinator.metadata(at + 0.001)
        self.join(at + 0.002, generation, partitions)
        self.fetcher = Link(scene.capture, at + 0.02, client_id)
        self.position = {}
        self.resume(at + 0.01)

    def join(self, at, generation, partitions):
        """One round of JoinGroup and SyncGroup."""
        self.generation, self.partitions = generation, list(partitions)
        subscription = struct.pack(">h", 0) + array([string(TOPIC)]) + data(b"")
        join = string(GROUP) + struct.pack(">ii", self.SESSION_S * 1000, 60_000) + string(self.name) + string("consumer")
        join += array([string("range") + data(subscription)])
        answer = struct.pack(">ihi", 0, 0, generation) + string("range") + string("member-0") + string(self.name) + array([])
        self.coordinator.ask(at, 11, 2, join, answer)
        owned = array([struct.pack(">i", p) for p in partitions])
        assignment = struct.pack(">h", 0) + array([string(TOPIC) + owned] if partitions else []) + data(b"")
        sync = string(GROUP) + struct.pack(">i", generation) + string(self.name) + array([])
        self.coordinator.ask(at + 0.002, 14, 1, sync, struct.pack(">ih", 0, 0) + data(assignment))

    def resume(self, at):
        """Asks where the group stands, and goes on from there."""
        ids = array([struct.pack(">i", p) for p in self.partitions])
        rows = [struct.pack(">iq", p, self.scene.committed[p]) + string("") + b"\x00\x00" for p in self.partitions]
        answer = struct.pack(">i", 0) + array([string(TOPIC) + array(rows)]) + b"\x00\x00"
        self.coordinator.ask(at, 9, 3, string(GROUP) + array([string(TOPIC) + ids]), answer)
        for partition in self.partitions:
            self.position[partition] = self.scene.committed[partition]

    def heartbeat(self, at):
        body = string(GROUP) + struct.pack(">i", self.generation) + string(self.name)
        self.coordinator.ask(at, 12, 1, body, struct.pack(">ih", 0, 0))

    def fetch(self, at, records, took=0.001, age_s=OLD_S):
        """One Fetch of every partition at its position; `records`: how many come of each partition that has any."""
        asked = array([struct.pack(">iqi", p, self.position[p], 1 << 20) for p in self.partitions])
        self.fetcher.request(at, 1, 4, struct.pack(">iiiib", -1, 500, 1, 1 << 24, 0) + array([string(TOPIC) + asked]))
        rows = []
        for partition, count in records.items():
            base = self.position[partition]
            stamp = int((EPOCH_S + self.scene.START_S - age_s) * 1000) if age_s else int((EPOCH_S + at) * 1000)
            content = [record(i, b"order %d-%08d" % (partition, base + i)) for i in range(count)]
            end = max(self.scene.ends.get(partition, 0), base + count)
            self.scene.ends[partition] = end
            rows.append(struct.pack(">ihqqi", partition, 0, end, end, -1) + data(batch(base, stamp, content)))
            self.position[partition] = base + count
        self.fetcher.answer(at + took, struct.pack(">i", 0) + array([string(TOPIC) + array(rows)]))

    def commit(self, at, partition, offset, error=0):
        rows = array([struct.pack(">iq", partition, offset) + string("")])
        body = string(GROUP) + struct.pack(">i", self.generation) + string(self.name) + struct.pack(">q", -1)
        answer = array([string(TOPIC) + array([struct.pack(">ih", partition, error)])])
        self.coordinator.ask(at, 8, 2, body + array([string(TOPIC) + rows]), answer)
        if not error:
            self.scene.committed[partition] = offset

    def leave(self, at):
        self.coordinator.ask(at, 13, 1, string(GROUP) + string(self.name), struct.pack(">ih", 0, 0))
        self.fetcher._fin(at + 0.002, True)
        self.coordinator._fin(at + 0.002, True)

    def die(self, at):
        self.fetcher._fin(at, True)
        self.coordinator._fin(at, True)


class Producer:
    """What the application puts aside, with the headers that Spring's recoverer writes."""

    def __init__(self, scene, at):
        self.link = Link(scene.capture, at, "app-producer")
        self.link.metadata(at + 0.001)
        self.count = 0

    def dead_letter(self, at, partition, offset):
        headers = [
            ("kafka_dlt-original-topic", TOPIC.encode()), ("kafka_dlt-original-partition", struct.pack(">i", partition)),
            ("kafka_dlt-original-offset", struct.pack(">q", offset)),
        ]
        content = batch(0, int((EPOCH_S + at) * 1000), [record(0, b"order %d-%08d" % (partition, offset), 0, headers)])
        body = string(None) + struct.pack(">hi", -1, 30_000)
        answer = array([string(DEAD) + array([struct.pack(">ihqq", 0, 0, self.count, -1)])]) + struct.pack(">i", 0)
        self.link.ask(at, 0, 3, body + array([string(DEAD) + array([struct.pack(">i", 0) + data(content)])]), answer)
        self.count += 1


class Scene:
    """One capture, the group `kafka:orders-service` and its truth. Consumption starts at START_S."""

    START_S = 1.0
    PORT = PORT
    KEY = f"kafka:{GROUP}"

    def __init__(self):
        self.capture, self.truth = generate.Capture(), Truth()
        self.exact, self.rearrange = True, None
        self.committed, self.ends = {p: 0 for p in range(3)}, {}

    def count(self, **more):
        self.truth.update(more)


# --- scenarios ----------------------------------------------------------------------------------------------------


def attempts(scene, consumer, at, partition, tries, every):
    """The record at the position, fetched anew `tries` − 1 times, each time because it failed. Ends at at + tries × every."""
    offset = consumer.position[partition]
    for i in range(tries):
        consumer.position[partition] = offset
        consumer.fetch(at + i * every, {partition: 1})
    scene.count(delivered=tries, redelivered=tries - 1, requeued=tries - 1)
    return offset


@scenario
def kafka_storm_dlt(scene):
    """Every second a record fails five times (four seeks back) and is put aside, and another one is fine."""
    consumer, producer = Consumer(scene, 0, [0]), Producer(scene, 0.1)
    for k in range(60):
        at = scene.START_S + k
        offset = attempts(scene, consumer, at, 0, 5, 0.1)
        producer.dead_letter(at + 0.5, 0, offset)
        consumer.commit(at + 0.51, 0, offset + 1)
        scene.count(dead_lettered=1, acked_paired=1)
        consumer.fetch(at + 0.6, {0: 1})
        consumer.commit(at + 0.62, 0, offset + 2)
        scene.count(delivered=1, acked=1)
        consumer.heartbeat(at + 0.7)


@scenario
def kafka_blocking_retries(scene):
    """One record is sought back to every half second, for a minute: its partition stands still."""
    consumer = Consumer(scene, 0, [0])
    attempts(scene, consumer, scene.START_S, 0, 120, 0.5)
    scene.count(in_flight=1)


@scenario
def kafka_spring_seeks_all(scene):
    """Three partitions; every fifth poll one record fails once, whereupon the framework seeks all three back; the second
    try is fine. One retry that then succeeds can't be told from a pause."""
    consumer = Consumer(scene, 0, [0, 1, 2])
    for k in range(200):
        at = scene.START_S + k * 0.2
        before = dict(consumer.position)
        consumer.fetch(at, {0: 2, 1: 2, 2: 2}, age_s=0)
        scene.count(delivered=6, acked=6)
        if k % 5 == 4:
            consumer.position = dict(before)
            consumer.fetch(at + 0.05, {0: 2, 1: 2, 2: 2}, age_s=0)
            scene.count(refetched=6)
        for partition in range(3):
            consumer.commit(at + 0.1 + partition * 0.01, partition, consumer.position[partition])


@scenario
def kafka_spring_storm(scene):
    """The same framework, but every record of partition 1 fails six times (each time all three are sought back) and is
    put aside: only its dead letter names it."""
    consumer, producer = Consumer(scene, 0, [0, 1, 2]), Producer(scene, 0.1)
    for k in range(60):
        at = scene.START_S + k
        before = dict(consumer.position)
        for i in range(6):
            consumer.position = dict(before)
            consumer.fetch(at + i * 0.1, {0: 1, 1: 1, 2: 1})
        scene.count(delivered=8, redelivered=5, requeued=5, dead_lettered=1, acked_paired=1, acked=2)
        # Of eighteen copies, three are first deliveries and five are what the framework tried again.
        scene.count(refetched=10)
        producer.dead_letter(at + 0.6, 1, before[1])
        for partition in range(3):
            consumer.commit(at + 0.7 + partition * 0.01, partition, consumer.position[partition])


@scenario
def kafka_rolling_deploy(scene):
    """Six generations of one member, each with 100 records fetched and not committed when it leaves."""
    for generation in range(1, 7):
        at = (generation - 1) * 20.0
        consumer = Consumer(scene, at, [0], generation, f"member-{generation}")
        for k in range(10):
            start = at + scene.START_S + k
            consumer.fetch(start, {0: 10}, age_s=0)
            consumer.commit(start + 0.5, 0, consumer.position[0])
            again = 100 if generation > 1 else 0
            repeats = max(0, min(10, again - k * 10))
            scene.count(delivered=10, acked=10, redelivered=repeats)
        consumer.fetch(at + 15, {0: 100}, age_s=0)
        scene.count(delivered=100, abandoned=100)
        if generation > 1:
            scene.count(rebalances=1)
        consumer.leave(at + 16)


@scenario
def kafka_rebalance_loop(scene):
    """A group that is assigned anew every two seconds, and commits all it reads before each."""
    consumer = Consumer(scene, 0, [0, 1])
    for k in range(60):
        at = scene.START_S + k * 2
        consumer.fetch(at, {0: 5, 1: 5}, age_s=0)
        for partition in range(2):
            consumer.commit(at + 0.5 + partition * 0.1, partition, consumer.position[partition])
        scene.count(delivered=10, acked=10, rebalances=1)
        consumer.join(at + 1, k + 2, [0, 1])
        consumer.resume(at + 1.1)


@scenario
def kafka_lag(scene):
    """Everything is ten minutes old and a record takes a second, but nothing fails."""
    consumer = Consumer(scene, 0, [0])
    scene.ends[0] = 5000
    for k in range(300):
        at = scene.START_S + k
        consumer.fetch(at, {0: 1}, age_s=600)
        consumer.commit(at + 0.9, 0, consumer.position[0])
        scene.count(delivered=1, acked=1)


@scenario
def kafka_crash(scene):
    """A process dies with ten records fetched: one it was working on, nine that it had only read ahead."""
    consumer = Consumer(scene, 0, [0, 1])
    consumer.fetch(scene.START_S, {0: 5, 1: 5}, age_s=0)
    scene.count(delivered=10, crashed=1, abandoned=9)
    consumer.die(scene.START_S + 1)


if __name__ == "__main__":
    sys.exit(generate.main(scenarios, Scene, __doc__))
