#!/usr/bin/env python3
"""Writes Kafka scenarios in the dialect of the Go client franz-go. None is a recording: all bytes are put together by hand,
from Kafka's message definitions (kafka_messages.py), in the order that the client's source tells (franz_client.py).

    generate_franz.py DIR [NAME…]       as generate_kafka.py; scenarios.json has what each must lead to
"""

import sys

import generate
import generate_kafka as classic
import kafka_messages as kafka
from franz_client import Consumer, Publisher, Scene, Source
from franz_link import topic_id
from generate import EPOCH_S
from generate_kafka import GROUP, TOPIC

scenarios = {}


def scenario(function):
    scenarios[function.__name__] = function
    return function


def everywhere(publisher, at, count, age_s=0):
    for partition in range(3): publisher.publish(at + partition * 0.002, partition, count, age_s)


@scenario
def kafka_franz_go(scene):
    """A minute of six records a second that are fine, committed every 5 s; then a minute in which each is put aside at the
    first try, compressed, so that nothing tells what it is a copy of. Then the client leaves."""
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    consumer.subscribe_telemetry(0.4)
    for k in range(120):
        at = scene.START_S + k
        everywhere(publisher, at, 2)
        consumer.answered(at + 0.01)
        failing = [(p, o) for p, offsets in consumer.poll(at + 0.012).items() for o in offsets] if k >= 60 else []
        if k < 60: consumer.poll(at + 0.012)
        for i, (partition, offset) in enumerate(failing): consumer.dead_letter(at + 0.05 + i * 0.01, partition, offset)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
        if k % 5 == 4: consumer.commit_polled(at + 0.95)
    consumer.commit_polled(scene.START_S + 120, consumer.head)
    consumer.leave(scene.START_S + 120.01)


def seeks(scene, consumer, at, partition, offset, times, every=0.1):
    """The record has failed, and fails as many times more. Everything that was dropped comes again with it."""
    for i in range(times):
        consumer.seek_back(at + i * every, partition, offset)
        consumer.answered(at + i * every + 0.01)
        consumer.poll(at + i * every + 0.012)


@scenario
def kafka_franz_go_seeks(scene):
    """As kafka_franz_go, but each second one record fails, is sought back to three times and put aside with headers that
    name it. At the first seek records of the other two partitions are fetched and not polled."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(60):
        at = scene.START_S + k
        publisher.publish(at, 1, 3)
        consumer.answered(at + 0.01)
        failing = consumer.poll(at + 0.012)[1][0]
        publisher.publish(at + 0.02, 0, 2)
        publisher.publish(at + 0.022, 2, 1)
        consumer.answered(at + 0.03)
        seeks(scene, consumer, at + 0.1, 1, failing, 3)
        consumer.dead_letter(at + 0.5, 1, failing, names_source=True)
        consumer.commit_polled(at + 0.6, consumer.head)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_franz_go_storm(scene):
    """Old records: each second one of two is sought back to five times and put aside."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(60):
        at = scene.START_S + k
        publisher.publish(at, 1, 2, age_s=90)
        consumer.answered(at + 0.01)
        failing = consumer.poll(at + 0.012)[1][0]
        seeks(scene, consumer, at + 0.1, 1, failing, 5)
        consumer.dead_letter(at + 0.62, 1, failing, names_source=True)
        consumer.commit_polled(at + 0.7, consumer.head)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
    consumer.leave(scene.START_S + 60)


class Member848(Consumer):
    """A member by KIP-848: one heartbeat says and hears everything."""

    def enter(self, at, partitions):
        self.generation = 0
        self.tell(at, self.generation, partitions, says=True)
        if partitions: self.begin(at + 0.01, partitions)
        self.tell(at + 0.02, self.generation, None, says=True)

    def tell(self, at, epoch, assigned, says=False):
        """`says`: all that may change, and what it has; `assigned`: what it is to have, where the answer tells."""
        self.generation = max(1, epoch)
        owned = {self.topic: self.assigned} if self.assigned else {}
        topics = [TOPIC] if says else None
        request = kafka.member_heartbeat(GROUP, self.member, 0 if epoch == 0 else self.generation, topics, owned)
        if assigned is not None: assigned = {self.topic: assigned} if assigned else {}
        answer = kafka.member_heartbeat_answer(self.member, self.generation, assigned)
        self.ask(at, "normal", kafka.MEMBER_HEARTBEAT, request, answer)

    def heartbeat(self, at):
        self.tell(at, self.generation, None)

    def give_back(self, at, partitions):
        """It hears that it is to have less: it commits what it has polled of all, and drops the rest."""
        kept = [p for p in self.assigned if p not in partitions]
        self.tell(at, self.generation, kept)
        for source in self.sources.values(): source.stop(at + 0.002)
        self.commit_polled(at + 0.003, self.head)
        for partition in partitions:
            self.scene.count(abandoned=len(self.open[partition]))
            self.open[partition].clear()
            self.head.pop(partition, None)
        self.assigned = kept
        self.request(at + 0.006)
        self.generation += 1
        self.tell(at + 0.01, self.generation, None, says=True)

    def take(self, at, epoch, partitions, is_rebalance):
        """It hears that it is to have more."""
        self.tell(at, epoch, sorted({*self.assigned, *partitions}))
        self.scene.count(rebalances=is_rebalance)
        self.begin(at + 0.002, partitions)
        self.tell(at + 0.02, epoch, None, says=True)

    def begin_anew(self, at):
        """What is deleted is taken away, and what was made anew is given by its id alone: only then Metadata is asked."""
        partitions, self.assigned = self.assigned, []
        self.tell(at, self.generation + 1, [])
        for source in self.sources.values(): source.stop(at + 0.002)
        self.tell(at + 0.003, self.generation, None, says=True)
        self.topic, self.cursors, self.head = self.scene.ids[TOPIC], {}, {}
        self.tell(at + 0.01, self.generation + 1, partitions)
        self.scene.count(rebalances=2)
        self.ask(at + 0.012, "normal", kafka.METADATA, kafka.metadata([TOPIC]), self.scene.metadata(TOPIC))
        self.begin(at + 0.014, partitions)
        self.tell(at + 0.03, self.generation, None, says=True)

    def leave(self, at):
        request = kafka.member_heartbeat(GROUP, self.member, -1, None, {})
        self.ask(at, "normal", kafka.MEMBER_HEARTBEAT, request, kafka.member_heartbeat_answer(self.member, -1, None))
        self.finish(at + 0.002)


@scenario
def kafka_franz_kip848(scene):
    """A broker of 4.4. A second member is given one of the first one's three partitions, of which two records were polled
    and are committed on the way out, and two were only fetched; it leaves, and the first has all three again."""
    scene.versions[kafka.API_VERSIONS] = 5
    publisher, first, second = Publisher(scene, 0), Member848(scene, 0.1), None
    for k in range(60):
        at = scene.START_S + k
        members = [member for member in (first, second) if member]
        everywhere(publisher, at, 2)
        for member in members:
            member.answered(at + 0.01)
            member.poll(at + 0.012)
        if k == 20:
            publisher.publish(at + 0.1, 2, 2)
            first.answered(at + 0.11)
            second = Member848(scene, at + 0.2, partitions=[], member="kgo-2", host="10.0.0.9")
            scene.count(rebalances=1)
            first.give_back(at + 0.4, [2])
            second.take(at + 0.5, 2, [2], is_rebalance=False)
            second.answered(at + 0.53)
            second.poll(at + 0.532)
        if k == 40:
            second.commit_polled(at + 0.3, second.head)
            second.leave(at + 0.31)
            second = None
            first.take(at + 0.4, 3, [2], is_rebalance=True)
        for member in (first, second):
            if member and k % 5 == 4:
                member.commit_polled(at + 0.9)
                member.heartbeat(at + 0.95)
    first.commit_polled(scene.START_S + 60, first.head)
    first.leave(scene.START_S + 60.01)


@scenario
def kafka_franz_pause(scene):
    """Every fifth second one of three partitions is paused for two, with a record of it fetched and not polled, which comes
    again; every twentieth all three are."""
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(100):
        at = scene.START_S + k
        everywhere(publisher, at, 2)
        consumer.answered(at + 0.01)
        consumer.poll(at + 0.012)
        # What was resumed is asked for as soon as the request under way is answered.
        consumer.answered(at + 0.02)
        consumer.poll(at + 0.022)
        if k % 5 == 0:
            paused = range(3) if k % 20 == 0 else [k // 5 % 3]
            for partition in paused: publisher.publish(at + 0.1 + partition * 0.002, partition, 1)
            consumer.answered(at + 0.11)
            consumer.paused.update(paused)
            consumer.poll(at + 0.2)
        if k % 5 == 1:
            consumer.paused.clear()
            consumer.request(at + 0.8)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
        if k % 5 == 4: consumer.commit_polled(at + 0.95)
    consumer.answered(scene.START_S + 100)
    consumer.poll(scene.START_S + 100.002)
    consumer.commit_polled(scene.START_S + 100.01, consumer.head)
    consumer.leave(scene.START_S + 100.02)


@scenario
def kafka_franz_pause_again(scene):
    """One of three partitions is paused for a second again and again, each time with the same record fetched and not
    polled; the others go on."""
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    everywhere(publisher, scene.START_S, 2)
    consumer.answered(scene.START_S + 0.01)
    consumer.poll(scene.START_S + 0.012)
    publisher.publish(scene.START_S + 0.1, 1, 1)
    for k in range(40):
        at = scene.START_S + 0.5 + k
        consumer.answered(at)
        consumer.paused.add(1)
        consumer.poll(at + 0.01)
        publisher.publish(at + 0.1, 0, 1)
        publisher.publish(at + 0.102, 2, 1)
        consumer.answered(at + 0.11)
        consumer.paused.clear()
        consumer.poll(at + 0.2)
        if k % 3 == 0: consumer.heartbeat(at + 0.3)
        if k % 5 == 4: consumer.commit_polled(at + 0.4)
    consumer.answered(scene.START_S + 50)
    consumer.poll(scene.START_S + 50.002)
    consumer.commit_polled(scene.START_S + 50.01, consumer.head)
    consumer.leave(scene.START_S + 50.02)


def recreated(scene, publisher, consumer):
    """The topic is deleted and made anew while it is consumed: another id, and offsets begin at 0 again. Everything of both
    lives is new. The Fetch under way is answered UNKNOWN_TOPIC_ID."""
    for k in range(60):
        at = scene.START_S + k
        if k == 30:
            scene.make_anew()
            consumer.sources[1].answer(at - 0.2, {p: dict(error=kafka.UNKNOWN_TOPIC_ID) for p in consumer.assigned})
            consumer.begin_anew(at - 0.19)
            publisher.begin_anew(at - 0.1)
        everywhere(publisher, at, 2)
        consumer.answered(at + 0.01)
        consumer.poll(at + 0.012)
        if k % 3 == 0: consumer.heartbeat(at + 0.3)
        if k % 5 == 4: consumer.commit_polled(at + 0.4, consumer.head)
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_franz_recreated(scene):
    recreated(scene, Publisher(scene, 0), Consumer(scene, 0.1))


@scenario
def kafka_franz_recreated_kip848(scene):
    """The coordinator assigns the new topic, by its id alone, before Metadata is asked what it is called."""
    scene.versions[kafka.API_VERSIONS] = 5
    recreated(scene, Publisher(scene, 0), Member848(scene, 0.1))


@scenario
def kafka_franz_follows(scene):
    """A partition's leader moves to another broker, as the answer itself tells (KIP-951); another partition is to be read
    from a nearer replica there (KIP-392)."""
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1, rack="eu-1b")
    consumer.sources[2] = Source(consumer, 2)
    for k in range(60):
        at = scene.START_S + k
        everywhere(publisher, at, 2)
        if k == 20:
            scene.leaders[1] = (2, 1)
            consumer.sources[1].answer(at + 0.01, {1: dict(error=kafka.NOT_LEADER, leader=(2, 1))})
            consumer.reads[1] = 2
        if k == 40:
            consumer.sources[1].answer(at + 0.01, {0: dict(preferred=2)})
            consumer.reads[0] = 2
        consumer.answered(at + 0.011)
        consumer.poll(at + 0.012)
        consumer.answered(at + 0.02)
        consumer.poll(at + 0.022)
        if k % 3 == 0: consumer.heartbeat(at + 0.3)
        if k % 5 == 4: consumer.commit_polled(at + 0.4, consumer.head)
    consumer.leave(scene.START_S + 60)


def transactions(scene, names_topic):
    """Each second what was polled is turned into one transaction. Every fifth is aborted: nothing is said of offsets then,
    the client seeks back to what is committed, and the second try is fine, which looks like a pause."""
    publisher, consumer, name = Publisher(scene, 0), Consumer(scene, 0.1), "invoicing"
    scene.ids["invoices"] = topic_id("invoices")
    topic = TOPIC if names_topic else consumer.topic
    consumer.ask(0.5, "normal", kafka.METADATA, kafka.metadata(["invoices"]), scene.metadata("invoices"))
    for k in range(60):
        at = scene.START_S + k
        everywhere(publisher, at, 2)
        consumer.answered(at + 0.01)
        before = dict(consumer.cursors)
        consumer.poll(at + 0.012)
        if k % 5 == 4:
            transact(consumer, at + 0.1, name, topic, commits=False)
            back_to(consumer, at + 0.13, before)
        transact(consumer, at + 0.4, name, topic)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
    consumer.leave(scene.START_S + 60)


def transact(consumer, at, name, topic, commits=True):
    """`topic`: its name, or its id as of version 6."""
    stamp, offsets = int((EPOCH_S + at) * 1000), dict(consumer.head)
    consumer.produce(at, "invoices", 0, [classic.record(0, b"invoice")], stamp, transactional=name)
    if commits:
        version, answer = 5 if topic == TOPIC else 6, kafka.txn_commit_answer(topic, offsets)
        request = kafka.txn_commit(name, GROUP, consumer.producer, consumer.generation, consumer.member, topic, offsets)
        consumer.ask(at + 0.01, "normal", kafka.TXN_OFFSET_COMMIT, request, answer, version)
        consumer.committed(offsets)
    after = (consumer.producer[0], consumer.producer[1] + 1)
    request = kafka.end_txn(name, consumer.producer, commits)
    consumer.ask(at + 0.02, "normal", kafka.END_TXN, request, kafka.end_txn_answer(after))
    # The broker has told the next epoch (KIP-890), with which sequences begin again.
    consumer.producer = after
    consumer.sequences.clear()


def back_to(consumer, at, cursors):
    for source in consumer.sources.values(): source.stop(at)
    consumer.cursors.update(cursors)
    consumer.request(at + 0.002)
    consumer.answered(at + 0.01)
    consumer.poll(at + 0.012)


@scenario
def kafka_franz_transactions(scene):
    transactions(scene, names_topic=True)


@scenario
def kafka_franz_transactions_ids(scene):
    """With a broker of 4.4, where TxnOffsetCommit speaks of topic ids."""
    scene.versions.update({kafka.API_VERSIONS: 5, kafka.TXN_OFFSET_COMMIT: 6})
    transactions(scene, names_topic=False)


@scenario
def kafka_franz_midway(scene):
    """The capture begins half a minute after the client: names and ids stand together nowhere in it until Metadata is asked
    for again, and only a commit tells whose the partitions are. What came before it belongs to no group."""
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    begins_s = scene.START_S + 30.5
    scene.rearrange = lambda packets: [packet for packet in packets if packet[0] >= begins_s * 1e9]
    scene.is_counted = False
    for k in range(90):
        at = scene.START_S + k
        everywhere(publisher, at, 2)
        consumer.answered(at + 0.01)
        consumer.poll(at + 0.012)
        if k % 3 == 0: consumer.heartbeat(at + 0.3)
        if k % 5 == 4: consumer.commit_polled(at + 0.4, consumer.head)
        if k == 34: scene.is_counted = True
        if k == 60: consumer.ask(at + 0.5, "normal", kafka.METADATA, kafka.metadata([TOPIC]), scene.metadata(TOPIC))
    consumer.leave(scene.START_S + 90)


if __name__ == "__main__":
    sys.exit(generate.main(scenarios, Scene, __doc__))
