#!/usr/bin/env python3
"""Writes further Kafka scenarios in the dialect of the Go client franz-go (franz_client.py): storms through whatever else the
client and the broker do meanwhile. None is a recording.

    generate_franz_more.py DIR [NAME…]       as generate_kafka.py; scenarios.json has what each must lead to
"""

import sys

import generate
import generate_kafka as classic
import kafka_messages as kafka
from franz_client import Consumer, Publisher, Scene
from franz_link import topic_id
from generate import EPOCH_S
from generate_franz import back_to, everywhere, seeks
from generate_kafka import DEAD, GROUP, TOPIC

scenarios = {}


def scenario(function):
    scenarios[function.__name__] = function
    return function


def storm(scene, publisher, consumer, seconds, others=(), between=lambda k, at: None, **more):
    """Old records: each second one of two of partition 1 is sought back to five times and put aside. `others`: partitions
    of which two records a second are fine; what is fetched of them when the failing one is sought back comes again."""
    for k in seconds:
        at = scene.START_S + k
        publisher.publish(at, 1, 2, age_s=90)
        for partition in others: publisher.publish(at + 0.002 * (1 + partition), partition, 2, age_s=90)
        consumer.answered(at + 0.01)
        failing = consumer.poll(at + 0.012)[1][0]
        if others: polled_late(publisher, consumer, at, others)
        seeks(scene, consumer, at + 0.1, 1, failing, 5)
        between(k, at)
        consumer.dead_letter(at + 0.62, 1, failing, names_source=True, **more)
        consumer.commit_polled(at + 0.7, consumer.head)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)


def polled_late(publisher, consumer, at, others):
    """They are fetched before the failing one is sought back, and polled only with it."""
    consumer.answered(at + 0.02)
    consumer.poll(at + 0.022)
    for partition in others: publisher.publish(at + 0.03 + 0.002 * partition, partition, 1, age_s=90)
    consumer.answered(at + 0.05)


@scenario
def kafka_franz_storm_others(scene):
    """While one partition's record is sought back to, records of the others are fetched, dropped and fetched again."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    storm(scene, publisher, consumer, range(60), others=(0, 2))
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_franz_storm_two(scene):
    """Each second two old records of three fail, of two partitions: each is sought back to five times, in turns, and put
    aside. Every seek ends the connection on which a Fetch was under way."""
    scene.stands_at(5000)
    for places in (scene.committed, scene.ends, scene.reached): places[0] += 10_000
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(60):
        at = scene.START_S + k
        publisher.publish(at, 1, 2, age_s=90)
        publisher.publish(at + 0.002, 0, 1, age_s=90)
        consumer.answered(at + 0.01)
        polled = consumer.poll(at + 0.012)
        for i in range(5):
            for turn, partition in enumerate((1, 0)):
                seeks(scene, consumer, at + 0.1 + i * 0.1 + turn * 0.05, partition, polled[partition][0], 1)
        for turn, partition in enumerate((1, 0)):
            consumer.dead_letter(at + 0.62 + turn * 0.01, partition, polled[partition][0], names_source=True)
        consumer.commit_polled(at + 0.7, consumer.head)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_franz_storm_midway(scene):
    """The same, seen from its middle on: no ApiVersions, no assignment, and names only 30 s later, with Metadata. Until then
    nothing tells that what is published are dead letters; the consumer's group is told by its first commit. The connection
    that publishes shows with an invoice: what is seen first of one is held back for a moment, as earlier bytes may come."""
    scene.stands_at(5000)
    scene.ids["invoices"] = topic_id("invoices")
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    begins_s = scene.START_S + 29.95
    scene.rearrange = lambda packets: [packet for packet in packets if packet[0] >= begins_s * 1e9]
    scene.is_counted = False

    storm(scene, publisher, consumer, range(30), (0, 2))
    at = scene.START_S + 30
    everywhere(publisher, at, 2, age_s=90)
    consumer.answered(at + 0.01)
    consumer.poll(at + 0.012)
    topics = [TOPIC, DEAD]
    answer = kafka.metadata_answer([(1, "10.0.0.2")], [(t, scene.ids[t]) for t in topics], [(p, 1, 0) for p in range(3)])
    consumer.produce(at + 0.5, "invoices", 0, [classic.record(0, b"invoice")], int((EPOCH_S + at) * 1000))
    consumer.ask(at + 0.6, "normal", kafka.METADATA, kafka.metadata(topics), answer)
    consumer.commit_polled(at + 0.7, consumer.head)
    scene.is_counted = True
    storm(scene, publisher, consumer, range(31, 90), (0, 2))
    consumer.leave(scene.START_S + 90)


@scenario
def kafka_franz_pause_midway(scene):
    """One partition is paused for a second again and again, each time with the same record fetched and not polled. The client
    was connected before the capture began, so that nothing tells that it is franz-go's."""
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    begins_s = scene.START_S + 0.05
    scene.rearrange = lambda packets: [packet for packet in packets if packet[0] >= begins_s * 1e9]
    scene.is_counted = False
    # A session's requests list only positions that changed: each partition is known with the second answer.
    for at in (scene.START_S, scene.START_S + 0.06):
        everywhere(publisher, at, 2)
        consumer.answered(at + 0.01)
        consumer.poll(at + 0.012)
    consumer.ask(scene.START_S + 0.1, "normal", kafka.METADATA, kafka.metadata([TOPIC]), scene.metadata(TOPIC))
    consumer.commit_polled(scene.START_S + 0.2, consumer.head)
    consumer.answered(scene.START_S + 0.3)
    scene.is_counted = True
    publisher.publish(scene.START_S + 0.4, 1, 1)
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


# --- Transactions ---------------------------------------------------------------------------------------------------


@scenario
def kafka_franz_transactions_storm(scene):
    """Each second one of two old records fails four times, each time with the transaction that had begun to write what came
    of it, which is aborted, and the client goes back to what is committed; with the fifth transaction its dead letter and the
    offsets are committed."""
    scene.stands_at(5000)
    publisher, consumer, name = Publisher(scene, 0), Consumer(scene, 0.1), "invoicing"
    scene.ids["invoices"] = topic_id("invoices")
    consumer.ask(0.5, "normal", kafka.METADATA, kafka.metadata(["invoices"]), scene.metadata("invoices"))
    consumer.ask(0.6, "normal", kafka.METADATA, kafka.metadata([DEAD]), scene.metadata(DEAD))
    for k in range(60):
        at = scene.START_S + k
        publisher.publish(at, 1, 2, age_s=90)
        consumer.answered(at + 0.01)
        before = dict(consumer.cursors)
        failing = consumer.poll(at + 0.012)[1][0]
        for i in range(4):
            ended(consumer, at + 0.1 + i * 0.1, name, commits=False)
            consumer.failed(1, failing)
            back_to(consumer, at + 0.13 + i * 0.1, before)
        ended(consumer, at + 0.6, name, commits=True, dead=failing)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
    consumer.leave(scene.START_S + 60)


def ended(consumer, at, name, commits, dead=None):
    stamp, offsets = int((EPOCH_S + at) * 1000), dict(consumer.head)
    consumer.produce(at, "invoices", 0, [classic.record(0, b"invoice")], stamp, transactional=name)
    if dead is not None:
        consumer.dead_letter(at + 0.004, 1, dead, names_source=True, transactional=name)
    if commits:
        request = kafka.txn_commit(name, GROUP, consumer.producer, consumer.generation, consumer.member, TOPIC, offsets)
        consumer.ask(at + 0.01, "normal", kafka.TXN_OFFSET_COMMIT, request, kafka.txn_commit_answer(TOPIC, offsets), 5)
        # Before a transaction is ended, a heartbeat tells that the member is still in the group.
        consumer.heartbeat(at + 0.012)
        consumer.committed(offsets)
    after = (consumer.producer[0], consumer.producer[1] + 1)
    request = kafka.end_txn(name, consumer.producer, commits)
    consumer.ask(at + 0.02, "normal", kafka.END_TXN, request, kafka.end_txn_answer(after))
    consumer.producer = after
    consumer.sequences.clear()


# --- Rebalances ---------------------------------------------------------------------------------------------------


REBALANCE_IN_PROGRESS = 27


class Cooperative(Consumer):
    """A member by cooperative-sticky: it keeps what it has, and gives back what another is to have, with a second round."""

    def hears(self, at):
        request = kafka.heartbeat(GROUP, self.generation, self.member)
        answer = kafka.row(kafka.i32(0), kafka.i16(REBALANCE_IN_PROGRESS))
        self.ask(at, "normal", kafka.HEARTBEAT, request, answer)

    def gives(self, at, generation, partitions, commits):
        """The round after which it lacks some: it commits what it has polled, if it does so by itself, drops what it has
        not, and joins anew."""
        kept = [p for p in self.assigned if p not in partitions]
        self.rejoin(at, generation, kept)
        for source in self.sources.values(): source.stop(at + 0.004)
        if commits: self.commit_polled(at + 0.005, self.head)
        for partition in partitions:
            self.scene.count(abandoned=len(self.open[partition]))
            self.open[partition].clear()
            self.head.pop(partition, None)
        self.assigned = kept
        self.request(at + 0.006)
        self.rejoin(at + 0.01, generation + 1, kept)
        self.scene.count(rebalances=2)


class Newcomer(Cooperative):
    def enter(self, at, partitions):
        request = kafka.join(GROUP, "", [TOPIC], {}, -1, "joining")
        self.ask(at, "group", kafka.JOIN, request, kafka.join_answer(kafka.MEMBER_ID_REQUIRED, -1, "", self.member))

    def takes(self, at, generation, partitions):
        self.rejoin(at, generation, [])
        self.rejoin(at + 0.01, generation + 1, partitions)
        self.begin(at + 0.014, partitions)


def rebalanced(scene, commits):
    """In the middle of a storm on partition 1, with a record sought back to twice and what followed it polled and not
    committed, partition 2 goes to another member: its two records, fetched and not polled, come to that one. What is in
    work of the others stays in work."""
    scene.stands_at(5000)
    publisher, first = Publisher(scene, 0), Cooperative(scene, 0.1)
    second = None

    def between(k, at):
        nonlocal second
        if k != 20: return
        for partition in range(3): publisher.publish(at + 0.605 + partition * 0.001, partition, 2, age_s=90)
        first.answered(at + 0.61)
        second = Newcomer(scene, at + 0.612 - 0.02, partitions=[], member="kgo-2", host="10.0.0.9")
        first.hears(at + 0.613)
        first.gives(at + 0.614, 2, [2], commits)
        second.takes(at + 0.62, 2, [2])

    storm(scene, publisher, first, range(20), between=between)
    for k in range(20, 60):
        at = scene.START_S + k
        publisher.publish(at, 1, 2, age_s=90)
        publisher.publish(at + 0.002, 0, 1, age_s=90)
        first.answered(at + 0.01)
        failing = first.poll(at + 0.012)[1][0]
        seeks(scene, first, at + 0.1, 1, failing, 5)
        between(k, at)
        if second and k > 20:
            second.answered(at + 0.61)
            second.poll(at + 0.612)
            publisher.publish(at + 0.614, 2, 1, age_s=90)
        if k == 20:
            first.answered(at + 0.66)
            first.poll(at + 0.662)
            first.dead_letter(at + 0.67, 1, failing, names_source=True)
        else:
            first.dead_letter(at + 0.62, 1, failing, names_source=True)
        first.commit_polled(at + 0.7, first.head)
        if second and k > 20: second.commit_polled(at + 0.71, second.head)
        if k % 3 == 0: first.heartbeat(at + 0.9)
    first.leave(scene.START_S + 60)
    second.leave(scene.START_S + 60.1)


@scenario
def kafka_franz_rebalanced(scene):
    rebalanced(scene, commits=False)


class Static(Consumer):
    """A static member: it stops without leaving its group, and is the same one when it is back, under another id."""

    def leave(self, at):
        self.finish(at)

    def enter(self, at, partitions):
        self.rejoin(at, 1, partitions)
        self.begin(at + 0.01, partitions)


@scenario
def kafka_franz_static(scene):
    """Restarted four times, each time with six records polled and not committed, and six that were only fetched: nobody can
    tell that any had failed."""
    publisher = Publisher(scene, 0)
    for life in range(5):
        start = life * 20
        consumer = Static(scene, scene.START_S + start, member=f"kgo-{life}", instance="shop-1")
        for k in range(12):
            at = scene.START_S + start + 1 + k
            everywhere(publisher, at, 2)
            consumer.answered(at + 0.01)
            consumer.poll(at + 0.012)
            if k % 5 == 4: consumer.commit_polled(at + 0.5, consumer.head)
            if k % 3 == 0: consumer.heartbeat(at + 0.6)
        if life == 4: break
        everywhere(publisher, at + 0.7, 2)
        consumer.answered(at + 0.71)
        consumer.leave(at + 1)
    consumer.commit_polled(at + 0.8, consumer.head)
    consumer.leave(at + 0.9)


if __name__ == "__main__":
    sys.exit(generate.main(scenarios, Scene, __doc__))
