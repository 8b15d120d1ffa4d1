"""What clients of Kafka have in common that speak the versions before flexible ones (kafka_old_messages.py): a connection, a
member of a group that holds records (kafka_held.py), what it publishes."""

import collections
import struct

import generate_kafka as classic
import kafka_messages as kafka
import kafka_old_messages as old
from franz_client import Scene as FranzScene, value
from franz_link import HOSTS
from generate import EPOCH_S, Truth
from generate_kafka import DEAD, GROUP, TOPIC
from kafka_held import Held


class Scene(FranzScene):
    """`others`: further groups, by key."""

    def __init__(self):
        super().__init__()
        self.group, self.others = GROUP, {}

    def beside(self, group):
        """Another group that reads the same logs."""
        other = self.__class__.__new__(self.__class__)
        other.__dict__.update(self.__dict__)
        other.group, other.truth, other.tries = group, Truth(), collections.Counter()
        other.committed, other.reached = {p: -1 for p in range(3)}, {p: 0 for p in range(3)}
        self.others[f"kafka:{group}"] = other.truth
        return other

    def leaders_of(self, topics):
        return {t: {p: node for p, (node, _) in self.leaders.items()} if t == TOPIC else {0: 1} for t in topics}


class Link(classic.Link):
    """One connection with a broker, which answers in the order of requests."""

    def __init__(self, client, at, node=1, first=0):
        self.BROKER = bytes(int(part) for part in HOSTS[node].split("."))
        self.cut = client.scene.cut
        super().__init__(client.scene.capture, at, client.client_id, client.host)
        self.correlation, self.waiting, self.is_open = first - 1, [], True

    def to_server(self, at, payload):
        for i, piece in enumerate(self.cut(payload)): super().to_server(at + i * 1e-6, piece)

    def to_client(self, at, payload):
        for i, piece in enumerate(self.cut(payload)): super().to_client(at + i * 1e-6, piece)

    def request(self, at, key, version, body):
        super().request(at, key, version, body)
        self.waiting.append(self.correlation)

    def answer(self, at, body):
        self.to_client(at, classic.data(struct.pack(">i", self.waiting.pop(0)) + body))

    def ask(self, at, key, version, body, answer):
        self.request(at, key, version, body)
        self.answer(at + 0.0005, answer)

    def end(self, at):
        if self.is_open: self._fin(at, True)
        self.is_open = False


class Member(Held):
    """A member of a group. `VERSIONS`: of each key what it speaks; `PROTOCOL`: its assignor."""

    VERSIONS, PROTOCOL, CLIENT_ID, SESSION_MS, ISOLATION, WAIT_MS = {}, "range", "app", 30_000, 0, 5_000
    APART = False

    def __init__(self, scene, at, partitions=(0, 1, 2), member="member-1", host="10.0.0.7", generation=1):
        self.holds_nothing(scene)
        self.host, self.client_id, self.member = host, self.CLIENT_ID, member
        self.assigned, self.generation, self.paused = list(partitions), generation, set()
        self.cursors, self.head, self.asked, self.put = {}, {}, {}, 0
        self.connect(at)
        self.enter(at + 0.01, generation)

    def ask(self, at, link, key, body, answer):
        link.ask(at, key, self.VERSIONS[key], body, answer)

    def ask_metadata(self, at, link, topics=(TOPIC,)):
        version = self.VERSIONS[old.METADATA]
        answer = old.metadata_answer(version, HOSTS.items(), self.scene.leaders_of(topics))
        self.ask(at, link, old.METADATA, old.metadata(version, topics), answer)

    def ask_coordinator(self, at, link):
        version = self.VERSIONS[old.FIND_COORDINATOR]
        answer = old.find_coordinator_answer(version, 1, HOSTS[1])
        self.ask(at, link, old.FIND_COORDINATOR, old.find_coordinator(version, self.scene.group), answer)

    def join(self, at, link, member, generation, error=0, owned=None):
        version = self.VERSIONS[old.JOIN]
        request = old.join(version, self.scene.group, member, [TOPIC], self.PROTOCOL, self.SESSION_MS, owned)
        answer = old.join_answer(version, error, generation, self.PROTOCOL, "" if error else self.member, self.member)
        self.ask(at, link, old.JOIN, request, answer)

    def sync(self, at, link, generation):
        version = self.VERSIONS[old.SYNC]
        request = old.sync(version, self.scene.group, generation, self.member)
        self.ask(at, link, old.SYNC, request, old.sync_answer(version, {TOPIC: self.assigned}))
        self.generation = generation

    def heartbeat_on(self, at, link, error=0):
        version = self.VERSIONS[old.HEARTBEAT]
        request = old.heartbeat(version, self.scene.group, self.generation, self.member)
        self.ask(at, link, old.HEARTBEAT, request, old.heartbeat_answer(version, error))

    def leave_on(self, at, link):
        version = self.VERSIONS[old.LEAVE]
        request = old.leave(version, self.scene.group, self.member)
        self.ask(at, link, old.LEAVE, request, old.leave_answer(version, self.member))

    def ask_offsets(self, at, link, partitions):
        version, stands = self.VERSIONS[old.OFFSET_FETCH], {p: self.scene.committed[p] for p in partitions}
        request = old.offset_fetch(self.scene.group, TOPIC, partitions)
        self.ask(at, link, old.OFFSET_FETCH, request, old.offset_fetch_answer(version, TOPIC, stands))
        self.cursors.update({p: max(0, offset) for p, offset in stands.items()})
        self.head.update(self.cursors)

    def list_offsets(self, at, link, partitions, stamp=-2):
        version = self.VERSIONS[old.LIST_OFFSETS]
        found = {p: 0 if stamp == -2 else self.scene.ends[p] for p in partitions}
        request = old.list_offsets(version, TOPIC, partitions, stamp)
        self.ask(at, link, old.LIST_OFFSETS, request, old.list_offsets_answer(version, TOPIC, found))

    def commit_on(self, at, link, offsets):
        """What moved of these."""
        moved = {p: o for p, o in offsets.items() if o > self.scene.committed[p] and p in self.assigned}
        if not moved: return
        version = self.VERSIONS[old.OFFSET_COMMIT]
        request = old.commit(version, self.scene.group, self.generation, self.member, TOPIC, moved)
        self.ask(at, link, old.OFFSET_COMMIT, request, old.commit_answer(version, TOPIC, moved))
        self.committed(moved)

    def request_on(self, at, link, partitions):
        """Of these, in this order."""
        self.asked[link] = [(p, self.cursors[p]) for p in partitions]
        version = self.VERSIONS[old.FETCH]
        body = old.fetch(version, TOPIC, self.asked[link], self.WAIT_MS, self.ISOLATION, self.APART)
        link.request(at, old.FETCH, version, body)

    def answer_on(self, at, link, limit=None):
        """What there is of them, of each at most so many batches; by partition the records' offsets."""
        version, rows, found = self.VERSIONS[old.FETCH], [], {}
        for partition, cursor in self.asked.pop(link):
            batches = self.scene.batches(partition, cursor)[:limit]
            content = b"".join(raw for _, _, raw in batches)
            rows.append(old.fetched(version, partition, self.scene.ends[partition], content))
            found[partition] = [o for base, count, _ in batches for o in range(max(base, cursor), base + count)]
        for partition, offsets in found.items():
            for offset in offsets: self.arrived(partition, offset)
        link.answer(at, old.fetch_answer(TOPIC, rows, self.APART))
        return {p: offsets for p, offsets in found.items() if offsets}

    def publish_on(self, at, link, partition, offset, names_source=True, answers=True):
        """The record's dead letter, as it was, uncompressed; with headers that tell where it came from, or without."""
        headers = [("source-partition", b"%d" % partition), ("source-offset", b"%d" % offset)] if names_source else ()
        record = classic.record(0, value(partition, offset), 0, headers)
        content = kafka.batch([record], int((EPOCH_S + at) * 1000), codec=kafka.NONE)
        link.request(at, old.PRODUCE, self.VERSIONS[old.PRODUCE], old.produce(DEAD, 0, content))
        if answers: link.answer(at + 0.0005, old.produce_answer(DEAD, 0, self.put))
        self.put += 1
        self.put_aside(partition, offset)
