#!/usr/bin/env python3
"""Writes Kafka scenarios in the dialect of the Go client sarama (a ConsumerGroup), of which an old version was recorded:
what the newest does as its source tells. None is a recording.

    generate_sarama.py DIR [NAME…]       as generate_kafka.py; scenarios.json has what each must lead to

- One connection to each broker for everything, also a consumer's Fetch and its heartbeats and commits, which are answered
  behind the Fetch that waits. A producer has a client of its own.
- A session: Metadata, JoinGroup (twice the first time), SyncGroup, a heartbeat at once, OffsetFetch for each partition,
  then for each the log's end and beginning and Metadata. What is marked is committed once a second and when the session
  ends.
- A handler that returns an error ends the session; the application begins another one as the same member. There is no seek.
- Paused partitions, and those whose handler is slow (MaxProcessingTime), are not asked for, and go on where they stood.
- Cooperative rebalancing: kept partitions are read all the while; what is revoked is committed under the new generation
  between the two rounds.
"""

import struct
import sys

import generate
import generate_kafka as classic
import kafka_messages as kafka
import kafka_old_messages as old
from franz_client import Publisher
from generate_kafka import DEAD, TOPIC
from generate_kafka_js import everywhere
from kafka_old_client import Link, Member, Scene

scenarios = {}


def scenario(function):
    scenarios[function.__name__] = function
    return function


class Shared(Link):
    """What is asked while a Fetch waits is answered behind it."""

    def __init__(self, client, at):
        super().__init__(client, at)
        self.due = []
        # ApiVersions 3, the one message here that is flexible.
        self.correlation += 1
        head = struct.pack(">hhi", old.API_VERSIONS, 3, self.correlation) + classic.string(client.client_id) + kafka.tags()
        self.to_server(at + 0.0003, classic.data(head + kafka.api_versions(3, "sarama", "1.60.1")))
        self.waiting.append(self.correlation)
        self.answer(at + 0.0006, kafka.api_versions_answer({key: 12 for key in range(29)}))

    def ask(self, at, key, version, body, answer):
        self.request(at, key, version, body)
        if len(self.waiting) > 1: self.due.append(answer)
        else: self.answer(at + 0.0005, answer)

    def answer(self, at, body):
        super().answer(at, body)
        due, self.due = self.due, []
        for i, more in enumerate(due): super().answer(at + 0.0001 * (1 + i), more)


class Group(Member):
    VERSIONS = {
        old.PRODUCE: 7, old.FETCH: 11, old.LIST_OFFSETS: 5, old.METADATA: 7, old.OFFSET_COMMIT: 7, old.OFFSET_FETCH: 5,
        old.FIND_COORDINATOR: 2, old.JOIN: 5, old.HEARTBEAT: 3, old.LEAVE: 2, old.SYNC: 3,
    }
    PROTOCOL, CLIENT_ID, SESSION_MS, WAIT_MS = "range", "sarama", 10_000, 500

    def connect(self, at):
        self.link, self.producer, self.slow = Shared(self, at), None, set()
        self.ask_metadata(at + 0.003, self.link)

    def enter(self, at, generation):
        self.ask_coordinator(at, self.link)
        self.join(at + 0.002, self.link, "", -1, old.MEMBER_ID_REQUIRED)
        self.session(at + 0.004, generation)

    def session(self, at, generation):
        self.join(at, self.link, self.member, generation)
        self.sync(at + 0.002, self.link, generation)
        self.heartbeat(at + 0.003)
        self.claims(at + 0.004, self.assigned)
        self.request(at + 0.03)

    def claims(self, at, partitions):
        for i, partition in enumerate(partitions):
            begins = at + i * 0.005
            self.ask_offsets(begins, self.link, [partition])
            self.list_offsets(begins + 0.001, self.link, [partition], -1)
            self.list_offsets(begins + 0.002, self.link, [partition])
            self.ask_metadata(begins + 0.003, self.link)

    def heartbeat(self, at, error=0):
        self.heartbeat_on(at, self.link, error)

    def ends(self, at):
        """The session does: the Fetch that waits is answered before anything else, and what was marked is committed."""
        if self.link in self.asked: self.answer_on(at, self.link)
        self.commit(at + 0.002)

    def rejoins(self, at, generation):
        """Consume once more, as the same member. What it had and not marked comes again."""
        self.given_back()
        self.ask_metadata(at, self.link)
        self.session(at + 0.002, generation)
        self.scene.count(rebalances=1)

    def leave(self, at):
        self.ends(at)
        self.leave_on(at + 0.004, self.link)
        self.given_back()
        for link in (self.link, self.producer):
            if link: link.end(at + 0.006)

    # Records.

    def request(self, at):
        """Of all that are not paused nor slow, in no order."""
        wanted = [p for p in sorted(self.assigned, key=lambda p: (p * 7 + int(at * 10)) % 5)]
        wanted = [p for p in wanted if p not in self.paused | self.slow]
        if wanted and self.link not in self.asked: self.request_on(at, self.link, wanted)

    def fetched(self, at):
        """It goes on to the handlers, and the next request follows at once."""
        found = self.answer_on(at, self.link)
        for partition, offsets in found.items(): self.cursors[partition] = offsets[-1] + 1
        self.request(at + 0.002)
        return found

    def mark(self, found):
        self.head.update({p: offsets[-1] + 1 for p, offsets in found.items() if offsets})

    def commit(self, at):
        self.commit_on(at, self.link, self.head)

    def dead_letter(self, at, partition, offset):
        if self.producer is None:
            self.producer = Shared(self, at - 0.008)
            self.ask_metadata(at - 0.004, self.producer, [DEAD])
        self.publish_on(at, self.producer, partition, offset)


def second(consumer, at, found=None, heartbeat=True):
    """What is left of a second: what was found is marked and committed, a heartbeat; Fetches that bring nothing."""
    if found: consumer.mark(found)
    consumer.fetched(at + 0.5)
    if heartbeat: consumer.heartbeat(at + 0.6)
    consumer.commit(at + 0.7)
    consumer.fetched(at + 0.95)


@scenario
def kafka_sarama_newest(scene):
    """A minute of six records a second that are fine; then a minute in which each is put aside at the first try."""
    for partition in range(3):
        for places in (scene.committed, scene.ends, scene.reached): places[partition] = partition * 10_000
    publisher, consumer = Publisher(scene, 0), Group(scene, 0.1)
    for k in range(120):
        at = scene.START_S + k
        everywhere(publisher, at, 2)
        found = consumer.fetched(at + 0.01)
        for i, (partition, offset) in enumerate((p, o) for p, offsets in found.items() for o in offsets):
            if k >= 60: consumer.dead_letter(at + 0.05 + i * 0.01, partition, offset)
        second(consumer, at, found, k % 3 == 0)
    consumer.leave(scene.START_S + 120)


@scenario
def kafka_sarama_sessions(scene):
    """Each two seconds one of seven old records fails: its handler returns an error, all handlers are ended, and the same
    member joins anew, with another generation; five times, then it is put aside. Who looks from outside sees rebalances."""
    scene.stands_at(5000)
    publisher, consumer, generation = Publisher(scene, 0), Group(scene, 0.1), 1
    for k in range(30):
        at = scene.START_S + k * 2
        failing = scene.ends[1]
        publisher.publish(at, 1, 1, 90)
        for partition in (0, 2): publisher.publish(at + 0.002 + partition * 0.001, partition, 3, 90)
        for i in range(5):
            found = consumer.fetched(at + 0.02 + i * 0.3)
            found.pop(1)
            consumer.mark(found)
            consumer.ends(at + 0.1 + i * 0.3)
            generation += 1
            consumer.rejoins(at + 0.11 + i * 0.3, generation)
        found = consumer.fetched(at + 0.02 + 5 * 0.3)
        consumer.dead_letter(at + 1.62, 1, failing)
        consumer.mark(found)
        consumer.heartbeat(at + 1.7)
        consumer.commit(at + 1.8)
        consumer.fetched(at + 1.9)
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_sarama_pause(scene):
    """Each second a partition is paused for half a second, and another one's handler is slow: neither is asked for
    meanwhile, and both go on where they stood."""
    publisher, consumer = Publisher(scene, 0), Group(scene, 0.1)
    for k in range(60):
        at = scene.START_S + k
        everywhere(publisher, at, 2)
        consumer.paused, consumer.slow = {k % 3}, {(k + 1) % 3}
        found = consumer.fetched(at + 0.01)
        everywhere(publisher, at + 0.2, 2)
        for partition, offsets in consumer.fetched(at + 0.21).items(): found[partition] = found.get(partition, []) + offsets
        consumer.paused, consumer.slow = set(), set()
        for i in range(2):
            for partition, offsets in consumer.fetched(at + 0.5 + i * 0.1).items():
                found[partition] = found.get(partition, []) + offsets
        consumer.mark(found)
        if k % 3 == 0: consumer.heartbeat(at + 0.65)
        consumer.commit(at + 0.7)
        consumer.fetched(at + 0.95)
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_sarama_deploy(scene):
    """Six members one after another, each closed with thirty records in its handlers' channels."""
    publisher = Publisher(scene, 0)
    for life in range(6):
        start = scene.START_S + life * 20
        consumer = Group(scene, start, member=f"sarama-{life}", generation=1 + 2 * life)
        if life: scene.count(rebalances=1)
        for k in range(10):
            everywhere(publisher, start + 1 + k, 4)
            second(consumer, start + 1 + k, consumer.fetched(start + 1.01 + k), k % 3 == 0)
        everywhere(publisher, start + 12, 10)
        consumer.fetched(start + 12.01)
        consumer.leave(start + 12.4)


class Cooperative(Group):
    PROTOCOL = "cooperative-sticky"

    def round(self, at, generation, partitions):
        """JoinGroup and SyncGroup, with the kept partitions' Fetch on its way all the while."""
        owned, before = {TOPIC: self.assigned}, list(self.assigned)
        self.assigned = list(partitions)
        self.join(at, self.link, self.member, generation, owned=owned)
        self.fetched_of(at + 0.002, before)
        self.sync(at + 0.006, self.link, generation)
        self.fetched_of(at + 0.008, before)

    def fetched_of(self, at, partitions):
        """The next request is of what was had before the round."""
        assigned, self.assigned = self.assigned, partitions
        self.fetched(at)
        self.assigned = assigned

    def gives(self, at, generation, partitions):
        """Loses some: their handlers end, what was marked is committed under the new generation, and it joins once more."""
        kept = [p for p in self.assigned if p not in partitions]
        self.round(at, generation, kept)
        had, self.assigned = self.assigned, sorted({*kept, *partitions})
        self.commit(at + 0.012)
        self.assigned = had
        self.given_back(partitions)
        self.fetched(at + 0.016)
        self.round(at + 0.02, generation + 1, kept)
        self.scene.count(rebalances=2)


class Newcomer(Cooperative):
    def enter(self, at, generation):
        self.ask_coordinator(at, self.link)
        self.join(at + 0.002, self.link, "", -1, old.MEMBER_ID_REQUIRED)

    def takes(self, at, generation, partitions):
        self.assigned = []
        for i, given in enumerate(([], partitions)):
            self.join(at + i * 0.02, self.link, self.member, generation + i, owned={TOPIC: []})
            self.assigned = list(given)
            self.sync(at + 0.002 + i * 0.02, self.link, generation + i)
        self.heartbeat(at + 0.03)
        self.claims(at + 0.035, partitions)
        self.request(at + 0.045)


@scenario
def kafka_sarama_cooperative(scene):
    """Every ten seconds another member is given partition 2, and leaves again. Records of it that were marked are
    committed on the way out, one that was not is given back and comes to the other; what is in work of the others
    stays in work."""
    publisher, first, generation = Publisher(scene, 0), Cooperative(scene, 0.1), 1
    for k in range(6):
        at = scene.START_S + k * 10
        for i in range(2):
            everywhere(publisher, at + i, 2)
            second(first, at + i, first.fetched(at + i + 0.01))
        everywhere(publisher, at + 2, 3)
        found = first.fetched(at + 2.01)
        first.mark({2: found[2][:2]})
        other = Newcomer(scene, at + 2.2, member=f"sarama-{k + 2}", host="10.0.0.9")
        first.heartbeat(at + 2.3, old.REBALANCE_IN_PROGRESS)
        first.fetched(at + 2.4)
        first.gives(at + 2.41, generation + 1, [2])
        other.takes(at + 2.45, generation + 1, [2])
        generation += 2
        found.pop(2)
        first.mark(found)
        late = other.fetched(at + 2.6)
        first.commit(at + 2.7)
        first.fetched(at + 2.8)
        other.mark(late)
        for i in range(3, 5):
            everywhere(publisher, at + i, 2)
            for member in (first, other): second(member, at + i, member.fetched(at + i + 0.01))
        other.leave(at + 6)
        first.heartbeat(at + 6.3, old.REBALANCE_IN_PROGRESS)
        first.fetched(at + 6.4)
        generation += 1
        first.round(at + 6.41, generation, [0, 1, 2])
        first.claims(at + 6.43, [2])
        first.fetched(at + 6.5)
        scene.count(rebalances=1)
    first.leave(scene.START_S + 60)


if __name__ == "__main__":
    sys.exit(generate.main(scenarios, Scene, __doc__))
