"""The Go client franz-go as a writer of capture files: what it sends, put together by hand after what its source says
(1.21, package kgo), and what brokers answer. Nothing of it was recorded.

- Up to five connections to each broker, each begun with ApiVersions: for Produce, Fetch, JoinGroup and SyncGroup, whatever
  has a timeout, and the rest (heartbeats and commits among them); the seed's is another one. Correlation ids from 0.
- JoinGroup twice, the first without a member id. OffsetForLeaderEpoch where the group stands somewhere, else ListOffsets.
- One Fetch at a time to each broker, the next when its records are polled. In a fetch session only positions that changed.
- A paused partition is forgotten, and what was fetched of it and not polled is dropped.
- SetOffsets ends the session: a Fetch under way is cut with its connection, what was not polled is dropped, and a full
  request follows, of the same session id and of epoch 0.
- Batches are compressed with snappy where that makes them shorter.
- At its end: LeaveGroup, Fetch with epoch −1, PushTelemetry.

What the client was made to do is counted as the truth, here and in the scenarios.
"""

import generate_kafka as classic
import kafka_messages as kafka
from franz_link import HOSTS, INSTANCE, VERSIONS, Link, topic_id
from generate import EPOCH_S
from generate_kafka import DEAD, GROUP, TOPIC
from kafka_held import Held


class Scene(classic.Scene):
    """One capture. The brokers' logs are here too: `log` has the batches of each partition."""

    def __init__(self):
        self.is_counted = True
        # The segments that a message goes in.
        self.cut = lambda payload: [payload]
        super().__init__()
        # These are compared only where the truth has them.
        self.count(redelivered=0, refetched=0, duplicates=0)
        self.versions = dict(VERSIONS)
        self.ids = {TOPIC: topic_id(TOPIC), DEAD: topic_id(DEAD)}
        self.log, self.ends = {p: [] for p in range(3)}, {p: 0 for p in range(3)}
        self.committed = {p: -1 for p in range(3)}
        self.leaders = {p: (1, 0) for p in range(3)}
        self.reached = {p: 0 for p in range(3)}
        self.sessions = self.producers = 0

    def stands_at(self, offset):
        """The group has consumed so many records of each partition before."""
        self.committed, self.ends = {p: offset for p in range(3)}, {p: offset for p in range(3)}
        self.reached = dict(self.ends)

    def count(self, **more):
        if self.is_counted: self.truth.update(more)

    def metadata(self, topic):
        parts = [(p, *leader) for p, leader in self.leaders.items()]
        return kafka.metadata_answer(HOSTS.items(), [(topic, self.ids[topic])], parts if topic == TOPIC else [(0, 1, 0)])

    def batches(self, partition, offset):
        """From the one that the offset lies in."""
        return [entry for entry in self.log[partition] if entry[0] + entry[1] > offset]

    def make_anew(self):
        """The topic is deleted and made again under its name."""
        self.ids[TOPIC] = topic_id(TOPIC, 2)
        for partition in self.log:
            self.log[partition], self.ends[partition], self.reached[partition] = [], 0, 0
            self.committed[partition] = -1


class Client:
    """One process with one franz-go client."""

    LINK = Link

    def __init__(self, scene, at, host="10.0.0.7", client_id="kgo"):
        self.scene, self.host, self.client_id = scene, host, client_id
        self.links, self.asked_before = {}, set()
        self.producer, self.sequences = None, {}
        self.ask(at, "seed", kafka.METADATA, kafka.metadata([TOPIC]), scene.metadata(TOPIC))

    def link(self, at, kind, node=1):
        link = self.links.get((kind, node))
        if link is None or not link.is_open:
            # What the broker knows is remembered: only its first connection asks for more.
            is_known = (kind == "seed", node) in self.asked_before
            self.asked_before.add((kind == "seed", node))
            asks = min(5, self.scene.versions[kafka.API_VERSIONS]) if is_known else 5
            link = self.links[kind, node] = self.LINK(self, at, node, asks)
        return link

    def ask(self, at, kind, key, body, answer, version=None, node=1):
        link = self.link(at, kind, node)
        link.ask(at + 0.001, key, VERSIONS[key] if version is None else version, body, answer)

    def produce(self, at, topic, partition, records, stamp_ms, codec=kafka.SNAPPY, transactional=None, acks=-1):
        """Idempotently; the answer tells where it went. The bytes as they stand in the broker's log."""
        if self.producer is None and acks: self.begin_producing(at - 0.004, transactional)
        sequence = self.sequences.get((topic, partition), 0)
        self.sequences[topic, partition] = sequence + len(records)
        form = dict(producer=(*self.producer, sequence) if acks else (-1, -1, -1), codec=codec, transactional=transactional is not None)
        base = self.scene.ends.get(partition, 0) if topic == TOPIC else sequence
        body = kafka.produce(self.scene.ids[topic], partition, kafka.batch(records, stamp_ms, **form), transactional, acks)
        answer = kafka.produce_answer(self.scene.ids[topic], partition, base)
        if acks:
            self.ask(at, "produce", kafka.PRODUCE, body, answer)
        else:
            self.link(at, "produce").request(at + 0.001, kafka.PRODUCE, VERSIONS[kafka.PRODUCE], body)
        return kafka.batch(records, stamp_ms, base=base, epoch=0, **form)

    def begin_producing(self, at, transactional=None):
        self.scene.producers += 1
        self.producer = (4000 + self.scene.producers, 0)
        answer = kafka.init_producer_answer(*self.producer)
        self.ask(at, "normal", kafka.INIT_PRODUCER, kafka.init_producer(transactional), answer)

    def end(self, at):
        for link in self.links.values():
            if link.is_open: link.end(at)


class Publisher(Client):
    """Another process, whose records the group consumes."""

    def __init__(self, scene, at):
        super().__init__(scene, at, host="10.0.0.8", client_id="shop")

    def begin_anew(self, at):
        self.ask(at, "normal", kafka.METADATA, kafka.metadata([TOPIC]), self.scene.metadata(TOPIC))
        self.producer = (self.producer[0], self.producer[1] + 1)
        self.sequences.clear()

    def publish(self, at, partition, count, age_s=0, codec=kafka.SNAPPY):
        scene = self.scene
        base, stamp = scene.ends[partition], int((EPOCH_S + at - age_s) * 1000)
        values = [value(partition, base + i) for i in range(count)]
        raw = self.produce(at, TOPIC, partition, [classic.record(i, v) for i, v in enumerate(values)], stamp, codec)
        scene.log[partition].append((base, count, raw))
        scene.ends[partition] += count


def value(partition, offset):
    return b"order %d-%08d%s" % (partition, offset, b"." * 90)


class Source:
    """What a consumer fetches from one broker: one request at a time, in a fetch session."""

    def __init__(self, consumer, node):
        self.consumer, self.scene, self.node = consumer, consumer.scene, node
        self.session, self.epoch, self.used = 0, 0, {}
        self.buffered, self.waits = {}, False

    def request(self, at):
        consumer, id_ = self.consumer, self.consumer.topic
        wanted = [p for p in consumer.assigned if consumer.reads[p] == self.node and p not in consumer.paused]
        if not wanted or self.waits or self.buffered: return
        changed = {p: (self.scene.leaders[p][1], consumer.cursors[p]) for p in wanted}
        changed = {p: place for p, place in changed.items() if self.used.get(p) != place}
        forgotten = [p for p in self.used if p not in wanted]
        body = kafka.fetch(
            (self.session, self.epoch), {id_: changed} if changed else {}, {id_: forgotten} if forgotten else {}, consumer.rack
        )
        consumer.link(at, "fetch", self.node).request(at + 0.001, kafka.FETCH, VERSIONS[kafka.FETCH], body)
        self.used = {p: changed.get(p) or self.used[p] for p in wanted}
        self.waits = True

    def answer(self, at, odd=None):
        """The broker's: of a full request all partitions, else those that have something. `odd`: of partitions that have
        none of their records in it, what it says instead (see `fetched`)."""
        if not self.waits: return
        rows, moved, is_full = [], set(), self.epoch == 0
        for partition in self.used:
            says = (odd or {}).get(partition)
            cursor, end = self.consumer.cursors[partition], self.scene.ends[partition]
            found = [] if says else self.scene.batches(partition, cursor)
            if found: self.buffered[partition] = end
            for base, count, _ in found:
                for offset in range(max(base, cursor), base + count): self.consumer.arrived(partition, offset)
            if says and "leader" in says: moved.add(says["leader"][0])
            if found or is_full or says:
                content = b"".join(raw for _, _, raw in found)
                rows.append(kafka.fetched(partition, -1 if says and "error" in says else end, content, **(says or {})))
        if is_full:
            self.scene.sessions += 1
            self.session = 1_000_000 + self.scene.sessions
        body = kafka.fetch_answer(
            self.session, {self.consumer.topic: rows} if rows else {}, [(node, HOSTS[node]) for node in moved]
        )
        self.consumer.link(at, "fetch", self.node).answer(at, body)
        self.epoch, self.waits = self.epoch + 1, False
        if not self.buffered and not odd: self.request(at)

    def stop(self, at):
        """The consumer session ends: what was not polled is dropped, and a request under way is cut."""
        if self.waits: self.consumer.links["fetch", self.node].end(at)
        self.buffered, self.waits, self.used, self.epoch = {}, False, {}, 0

    def close(self, at):
        if self.waits: self.stop(at)
        self.epoch = -1
        self.consumer.ask(
            at + 0.002, "fetch", kafka.FETCH, kafka.fetch((self.session, -1), {}, {}), kafka.fetch_answer(0, {}), node=self.node
        )


class Consumer(Held, Client):
    """A member of GROUP that polls, commits and seeks; what it does is the truth."""

    def __init__(self, scene, at, partitions=(0, 1, 2), rack="", member="kgo-1", instance=None, **more):
        super().__init__(scene, at, **more)
        self.instance = instance
        self.member, self.rack, self.topic = member, rack, scene.ids[TOPIC]
        self.assigned, self.paused, self.generation = [], set(), 0
        self.cursors, self.head, self.ready = {}, {}, {}
        self.reads = {p: scene.leaders[p][0] for p in scene.leaders}
        self.sources = {1: Source(self, 1)}
        self.holds_nothing(scene)
        found = kafka.find_coordinator_answer(GROUP, 1, HOSTS[1])
        self.ask(at + 0.01, "normal", kafka.FIND_COORDINATOR, kafka.find_coordinator(GROUP), found)
        self.enter(at + 0.02, list(partitions))

    # Membership.

    def enter(self, at, partitions):
        request = kafka.join(GROUP, "", [TOPIC], {}, -1, "joining", self.instance)
        answer = kafka.join_answer(kafka.MEMBER_ID_REQUIRED, -1, "", self.member)
        self.ask(at, "group", kafka.JOIN, request, answer)
        self.rejoin(at + 0.002, 1, partitions)
        self.begin(at + 0.01, partitions)

    def rejoin(self, at, generation, partitions):
        owned = {TOPIC: self.assigned}
        request = kafka.join(GROUP, self.member, [TOPIC], owned, self.generation or -1, "rejoining", self.instance)
        self.generation = generation
        self.ask(at, "group", kafka.JOIN, request, kafka.join_answer(0, generation, "kgo-0", self.member))
        request = kafka.sync(GROUP, generation, self.member)
        self.ask(at + 0.002, "group", kafka.SYNC, request, kafka.sync_answer({TOPIC: partitions}))

    def begin(self, at, partitions):
        """Where the group stands, checked against the leaders' epochs; the log's beginning where it stands nowhere yet."""
        scene, stands = self.scene, {p: self.scene.committed[p] for p in partitions}
        request = kafka.offset_fetch(GROUP, self.member, self.generation, {self.topic: partitions})
        self.ask(at, "normal", kafka.OFFSET_FETCH, request, kafka.offset_fetch_answer(GROUP, {self.topic: stands}))
        epochs = {p: scene.leaders[p][1] for p in partitions}
        begun, new = {p: e for p, e in epochs.items() if stands[p] >= 0}, {p: e for p, e in epochs.items() if stands[p] < 0}
        if begun:
            answer = kafka.leader_epochs_answer(TOPIC, {p: scene.ends[p] for p in begun})
            self.ask(at + 0.002, "normal", kafka.LEADER_EPOCH, kafka.leader_epochs(TOPIC, begun), answer)
        if new: self.list_offsets(at + 0.002, new)
        self.cursors.update({p: max(0, stand) for p, stand in stands.items()})
        self.assigned = sorted({*self.assigned, *partitions})
        self.request(at + 0.006)

    def list_offsets(self, at, epochs):
        answer = kafka.list_offsets_answer(TOPIC, epochs)
        self.ask(at, "slow", kafka.LIST_OFFSETS, kafka.list_offsets(TOPIC, epochs), answer)

    def heartbeat(self, at):
        request = kafka.heartbeat(GROUP, self.generation, self.member)
        self.ask(at, "normal", kafka.HEARTBEAT, request, kafka.row(kafka.i32(0), kafka.i16(0)))

    def begin_anew(self, at):
        """The topic was made anew: its name has another id now, and its log begins somewhere."""
        self.ask(at, "normal", kafka.METADATA, kafka.metadata([TOPIC]), self.scene.metadata(TOPIC))
        self.topic, partitions = self.scene.ids[TOPIC], self.assigned
        for source in self.sources.values(): source.stop(at + 0.003)
        self.list_offsets(at + 0.004, {p: 0 for p in partitions})
        self.cursors, self.head = {p: 0 for p in partitions}, {}
        self.request(at + 0.008)

    def subscribe_telemetry(self, at):
        request, answer = kafka.row(bytes(16)), kafka.subscriptions_answer(INSTANCE, ["org.apache.kafka."])
        self.ask(at, "normal", kafka.SUBSCRIPTIONS, request, answer)

    def leave(self, at):
        self.ask(at, "normal", kafka.LEAVE, kafka.leave(GROUP, self.member), kafka.leave_answer(self.member))
        self.finish(at + 0.002)

    def finish(self, at):
        self.given_back()
        for source in self.sources.values(): source.close(at)
        push = kafka.telemetry(INSTANCE, True, b"metrics")
        self.ask(at + 0.005, "normal", kafka.TELEMETRY, push, kafka.row(kafka.i32(0), kafka.i16(0)))
        self.end(at + 0.01)

    # Records.

    def request(self, at):
        for source in self.sources.values(): source.request(at)

    def answered(self, at):
        for source in self.sources.values(): source.answer(at)

    def poll(self, at):
        """What has been fetched, by partition; of paused ones it is dropped. The next request goes out."""
        self.ready, polled = dict(self.head), {}
        for source in self.sources.values():
            for partition, end in source.buffered.items():
                if partition in self.paused: continue
                polled[partition] = range(self.cursors[partition], end)
                self.cursors[partition] = self.head[partition] = end
            source.buffered = {}
        self.request(at)
        return polled

    def seek_back(self, at, partition, offset):
        """The record failed: SetOffsets."""
        self.failed(partition, offset)
        for source in self.sources.values(): source.stop(at)
        self.cursors[partition] = self.head[partition] = offset
        self.request(at + 0.002)

    def commit(self, at, offsets):
        request = kafka.commit(GROUP, self.generation, self.member, self.topic, offsets)
        self.ask(at, "normal", kafka.OFFSET_COMMIT, request, kafka.commit_answer(self.topic, offsets))
        self.committed(offsets)

    def commit_polled(self, at, offsets=None):
        """What was polled before the last poll, as every 5 s; or what `offsets` says."""
        offsets = self.ready if offsets is None else offsets
        moved = {p: o for p, o in offsets.items() if o > self.scene.committed[p] and p in self.assigned}
        if moved: self.commit(at, moved)

    def dead_letter(self, at, partition, offset, names_source=False, **more):
        """With the headers that this application gives it, uncompressed; or without any, as the client compresses it."""
        if self.producer is None:
            self.ask(at - 0.008, "normal", kafka.METADATA, kafka.metadata([DEAD]), self.scene.metadata(DEAD))
        headers = [("source-partition", b"%d" % partition), ("source-offset", b"%d" % offset)] if names_source else ()
        record = classic.record(0, value(partition, offset), 0, headers)
        stamp = int((EPOCH_S + at) * 1000)
        self.produce(at, DEAD, 0, [record], stamp, kafka.NONE if names_source else kafka.SNAPPY, **more)
        self.put_aside(partition, offset)
