#!/usr/bin/env python3
"""Writes further Kafka scenarios in the dialect of the Go client franz-go (franz_client.py): storms through whatever else the
client and the broker do meanwhile. None is a recording.

    generate_franz_more.py DIR [NAME…]       as generate_kafka.py; scenarios.json has what each must lead to
"""

import sys

import generate
import generate_kafka as classic
import kafka_messages as kafka
import kafka_share_messages as share
from franz_client import Consumer, Publisher, Scene
from franz_link import INSTANCE, VERSIONS, Link, topic_id
from generate import EPOCH_S
from generate_franz import Member848, back_to, everywhere, seeks
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
def kafka_franz_storm_midway(scene):
    """The same, seen from its middle on: no ApiVersions, no assignment, and names only 30 s later, with Metadata. Until then
    nothing tells that what is published are dead letters; the consumer's group is told by its first commit."""
    scene.stands_at(5000)
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
    everywhere(publisher, scene.START_S, 2)
    consumer.answered(scene.START_S + 0.01)
    consumer.poll(scene.START_S + 0.012)
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


# --- SASL ---------------------------------------------------------------------------------------------------------


class SaslLink(Link):
    """Logs in, and again when the session's lifetime is nearly over, right before the next request; what was asked before
    is answered meanwhile."""

    LIFETIME_S = 10

    def __init__(self, client, at, node, asks):
        super().__init__(client, at, node, asks)
        self.login(at + 0.0007, client.scene.cut)

    def login(self, at, _):
        super().request(at, share.SASL_HANDSHAKE, 1, share.sasl_handshake("OAUTHBEARER"), flexible=False)
        while len(self.waiting) > 1: self.answer(at + 0.00001, *self.due.pop(0))
        self.answer(at + 0.00002, share.sasl_handshake_answer("OAUTHBEARER"), plain=True)
        token = share.sasl_authenticate(b"n,,\x01auth=Bearer " + b"x" * 700 + b"\x01\x01")
        super().request(at + 0.00003, share.SASL_AUTHENTICATE, 2, token)
        self.answer(at + 0.00004, share.sasl_authenticate_answer(b"", self.LIFETIME_S * 1000))
        self.until = at + self.LIFETIME_S * 0.96
        self.due = []

    def request(self, at, key, version, body, flexible=True):
        if self.is_open and hasattr(self, "until") and at > self.until: self.login(at - 0.0002, None)
        super().request(at, key, version, body, flexible)


class SaslConsumer(Consumer):
    LINK = SaslLink

    def pipelined(self, at):
        """A heartbeat is not answered yet when the session's lifetime is over, and a commit is to be sent."""
        link, body = self.link(at, "normal"), kafka.heartbeat(GROUP, self.generation, self.member)
        link.until = at + 1
        link.request(at, kafka.HEARTBEAT, VERSIONS[kafka.HEARTBEAT], body)
        link.until = at
        link.due = [(kafka.row(kafka.i32(0), kafka.i16(0)),)]


@scenario
def kafka_franz_reauth(scene):
    """A storm over connections that log in again every ten seconds (KIP-368), on the group's with a heartbeat that is still
    to be answered."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), SaslConsumer(scene, 0.1)

    def between(k, at):
        if k % 7 == 3: consumer.pipelined(at + 0.695)

    storm(scene, publisher, consumer, range(60), between=between)
    consumer.leave(scene.START_S + 60)


class KerberosLink(Link):
    """Kerberos without a handshake: tokens as they are, right behind ApiVersions."""

    def __init__(self, client, at, node, asks):
        super().__init__(client, at, node, asks)
        for i, (ours, theirs) in enumerate([(1900, 160), (0, 32), (32, None)]):
            when = at + 0.0007 + i * 0.00002
            self.to_server(when, classic.data((b"\x60\x82" + bytes([7]) * 1900)[:ours]))
            if theirs: self.to_client(when + 0.00001, classic.data((b"\x60\x81" + bytes([9]) * 1900)[:theirs]))


class KerberosConsumer(Consumer):
    LINK = KerberosLink


@scenario
def kafka_franz_kerberos(scene):
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), KerberosConsumer(scene, 0.1)
    storm(scene, publisher, consumer, range(60))
    consumer.leave(scene.START_S + 60)


# --- Other traffic, and how it is cut -----------------------------------------------------------------------------


def chatter(consumer):
    """Telemetry, and what an administrator's client asks, on the connection of the heartbeats: two requests before the first
    is answered."""
    asked = [
        (kafka.TELEMETRY, 0, kafka.telemetry(INSTANCE, False, b"m" * 9000), kafka.row(kafka.i32(0), kafka.i16(0))),
        (60, 2, kafka.row(b"\x00", b"\x01", b"\x00"), kafka.row(kafka.i32(0), kafka.i16(0), b"c" * 60)),
        (69, 1, kafka.row(kafka.rows([kafka.text(GROUP)]), b"\x00"), bytes(400)),
        (75, 0, kafka.row(kafka.rows([kafka.row(kafka.text(TOPIC))]), kafka.i32(2000), b"\xff"), bytes(3000)),
        (kafka.SUBSCRIPTIONS, 0, kafka.row(INSTANCE), kafka.subscriptions_answer(INSTANCE, ["org.apache.kafka."])),
        (93, 3, bytes(77), bytes(2222)),
    ]

    def between(k, at):
        link = consumer.link(at, "normal")
        for i in range(2): link.request(at + 0.602 + i * 0.001, *asked[(2 * k + i) % 6][:3])
        for i in range(2): link.answer(at + 0.605 + i * 0.001, asked[(2 * k + i) % 6][3])

    return between


@scenario
def kafka_franz_chatter(scene):
    scene.stands_at(5000)
    scene.versions.update({60: 2, 69: 1, 75: 0, 93: 3})
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    storm(scene, publisher, consumer, range(60), between=chatter(consumer))
    consumer.leave(scene.START_S + 60)


def pieces(sizes):
    """Cuts each message into segments of these sizes, one after another."""
    state = [0]

    def cut(payload):
        found, start = [], 0
        while start < len(payload):
            size = sizes[state[0] % len(sizes)]
            state[0] += 1
            found.append(payload[start : start + size])
            start += size
        return found

    return cut


@scenario
def kafka_franz_pieces(scene):
    """A storm, with that chatter, in segments of one byte to some hundred."""
    scene.cut = pieces([1, 3, 2, 130, 7, 61, 4, 250, 5, 33, 8, 500])
    scene.stands_at(5000)
    scene.versions.update({60: 2, 69: 1, 75: 0, 93: 3})
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    storm(scene, publisher, consumer, range(60), others=(0, 2), between=chatter(consumer))
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_franz_large(scene):
    """Answers of a quarter of a megabyte, in full segments, of which the next request's follows without a break."""
    scene.cut = pieces([1448])
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(20):
        at = scene.START_S + k
        for i in range(4):
            for partition in range(3): publisher.publish(at + i * 0.02 + partition * 0.005, partition, 150)
        consumer.answered(at + 0.1)
        consumer.poll(at + 0.12)
        consumer.commit_polled(at + 0.2)
        if k % 3 == 0: consumer.heartbeat(at + 0.3)
    consumer.answered(scene.START_S + 20)
    consumer.poll(scene.START_S + 20.02)
    consumer.commit_polled(scene.START_S + 20.1, consumer.head)
    consumer.leave(scene.START_S + 20.2)


# --- Producing ----------------------------------------------------------------------------------------------------


@scenario
def kafka_franz_acks_0(scene):
    """A storm whose dead letters are sent without waiting for an answer (acks 0)."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    storm(scene, publisher, consumer, range(60), acks=0)
    consumer.leave(scene.START_S + 60)


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
            scene.count(requeued=1)
            consumer.tries[1, failing] += 1
            scene.truth["attempts_max"] = max(scene.truth["attempts_max"], 1 + consumer.tries[1, failing])
            consumer.again.add((1, failing))
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
