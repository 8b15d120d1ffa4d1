#!/usr/bin/env python3
"""Writes further Kafka scenarios in the dialect of the Node client kafkajs (kafka_js_client.py): what else happens to a
group.

    generate_kafka_js_more.py DIR [NAME…]       as generate_kafka.py; scenarios.json has what each must lead to

"""

import sys

import generate
import kafka_messages as kafka
import kafka_old_messages as old
from franz_client import Publisher, value
from generate import EPOCH_S
from generate_kafka_js import everywhere, storm
from generate_kafka import DEAD, TOPIC, array, data, record, string
from kafka_js_client import Consumer
from kafka_old_client import Link, Scene

OUT_OF_RANGE, NOT_ENOUGH_REPLICAS, UNKNOWN_MEMBER = 1, 19, 25
scenarios = {}


def scenario(function):
    scenarios[function.__name__] = function
    return function


@scenario
def kafka_js_deploy(scene):
    """Six consumers one after another, each stopped with most of sixty records yet to be worked on: what was done is
    committed, then it leaves."""
    publisher = Publisher(scene, 0)
    for life in range(6):
        start = scene.START_S + life * 20
        consumer = Consumer(scene, start, member=f"kafkajs-{life}", generation=1 + 2 * life)
        if life: scene.count(rebalances=1)
        for k in range(10):
            everywhere(publisher, start + 1 + k, 4)
            consumer.poll(start + 1.01 + k)
            if k % 3 == 0: consumer.heartbeat(start + 1.5 + k)
        everywhere(publisher, start + 12, 20)
        found = consumer.answered(start + 12.01)
        consumer.work(start + 12.1, {p: offsets[:3] for p, offsets in found.items()})
        consumer.leave(start + 13)


class Joiner(Consumer):
    """Asks to join, and has to wait until the others have done so, too."""

    def enter(self, at, generation):
        self.ask_coordinator(at, self.main)
        self.join(at + 0.002, self.main, "", -1, old.MEMBER_ID_REQUIRED)


@scenario
def kafka_js_rebalance(scene):
    """In the middle of a storm of old records another consumer joins: one record has failed three times then, and fails
    three times more behind the rebalance. What had come and was not done is given back, and comes again."""
    scene.stands_at(5000)
    publisher, first = Publisher(scene, 0), Consumer(scene, 0.1)
    second = None
    for k in range(60):
        at, failing = scene.START_S + k, scene.ends[1]
        if second:
            publisher.publish(at, 2, 2, 90)
            second.poll(at + 0.01)
            if k % 3 == 0: second.heartbeat(at + 0.03)
        publisher.publish(at + 0.001, 1, 2, 90)
        first.poll(at + 0.01, {(1, failing)})
        if k == 20:
            first.retry(at + 0.1, 1, failing, 2)
            first.failed(1, failing)
            first.request(at + 0.23)
            everywhere(publisher, at + 0.24, 3, 90)
            second = Joiner(scene, at + 0.2, member="kafkajs-2", host="10.0.0.9")
            first.answer_on(at + 0.25, first.nodes[1][1])
            first.rebalance(at + 0.26, 2, [0, 1])
            second.rejoin(at + 0.271, 2, [2])
            scene.count(rebalances=1)
            first.work(at + 0.302, first.answered(at + 0.3), {(1, failing)})
            second.poll(at + 0.303)
            first.retry(at + 0.35, 1, failing, 3, every=0.05)
            first.dead_letter(at + 0.62, 1, failing)
            first.work(at + 0.7, {1: range(failing, scene.ends[1])})
        else:
            first.retry(at + 0.1, 1, failing, 5)
            first.dead_letter(at + 0.62, 1, failing)
            first.work(at + 0.7, {1: [failing, failing + 1]})
        if k % 3 == 0: first.heartbeat(at + 0.71)
        first.request(at + 0.72)
    first.leave(scene.START_S + 60)
    second.leave(scene.START_S + 60.1)


@scenario
def kafka_js_midway(scene):
    """A storm, seen from its middle on: no assignment; each partition's first commit tells whose it is."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    begins_s = scene.START_S + 29.95
    scene.rearrange = lambda packets: [packet for packet in packets if packet[0] >= begins_s * 1e9]
    scene.is_counted = False
    storm(scene, publisher, consumer, range(30), (0, 2))
    everywhere(publisher, scene.START_S + 30, 2, 90)
    for i in range(3): consumer.poll(scene.START_S + 30.01 + i * 0.03)
    # What a connection that was there before sends first is held back for a moment.
    consumer.ask_metadata(scene.START_S + 30.5, consumer.producer[0], [DEAD])
    scene.is_counted = True
    storm(scene, publisher, consumer, range(31, 90), (0, 2))
    consumer.leave(scene.START_S + 90)


@scenario
def kafka_js_groups(scene):
    """Two groups in one process, of the same topic and with the same client id: the storm is one's alone. Where they
    stand at the beginning tells them apart."""
    scene.stands_at(5000)
    other = scene.beside("audit")
    other.committed, other.reached = {p: 4990 for p in range(3)}, {p: 4990 for p in range(3)}
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    audit = Consumer(other, 0.15, member="kafkajs-audit")

    def between(k, at):
        audit.poll(at + 0.6)
        if k % 3 == 0: audit.heartbeat(at + 0.615)

    storm(scene, publisher, consumer, range(60), (0, 2), between=between)
    consumer.leave(scene.START_S + 60)
    audit.leave(scene.START_S + 60.1)


@scenario
def kafka_js_groups_alike(scene):
    """Both begin where the log begins. The first is alone when it asks for its records; of what the other asks for
    nothing tells whose it is, and nothing is guessed."""
    other = scene.beside("audit")
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    audit = Consumer(other, 0.15, member="kafkajs-audit")
    other.is_counted = False
    for k in range(20):
        at = scene.START_S + k
        everywhere(publisher, at, 2)
        for i in range(3):
            consumer.poll(at + 0.01 + i * 0.02)
            audit.poll(at + 0.1 + i * 0.02)
    consumer.leave(scene.START_S + 20)
    audit.leave(scene.START_S + 20.1)


@scenario
def kafka_js_compressed(scene):
    """As kafka_js_storm over gzip's like: records of one batch, of which the second fails; the batch comes again as a whole
    from the broker, its first record before the position."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(60):
        at, first = scene.START_S + k, scene.ends[1]
        publisher.publish(at, 1, 3, 90, codec=kafka.SNAPPY)
        consumer.poll(at + 0.01, {(1, first + 1)})
        consumer.retry(at + 0.1, 1, first + 1, 5)
        consumer.dead_letter(at + 0.62, 1, first + 1)
        consumer.work(at + 0.7, {1: [first + 1, first + 2]})
        if k % 3 == 0: consumer.heartbeat(at + 0.71)
        consumer.request(at + 0.72)
    consumer.leave(scene.START_S + 60)


# --- What goes wrong between client and broker ------------------------------------------------------------------------


@scenario
def kafka_js_expelled(scene):
    """A handler that takes 40 s for six records and sends no heartbeat meanwhile is put out of the group each time: its
    commits are refused, it joins anew under another id, and gets the same records again."""
    publisher = Publisher(scene, 0)
    consumer = Consumer(scene, 0.1)
    everywhere(publisher, scene.START_S, 2)
    for k in range(5):
        at = scene.START_S + k * 41
        work_in_vain(consumer, at + 0.01, k)
    consumer.answered(at + 40.9)
    for partition in range(3): consumer.resolve(partition, 1)
    consumer.commit(at + 41)
    consumer.leave(at + 42)


def work_in_vain(consumer, at, k):
    consumer.answered(at)
    consumer.heartbeat(at + 40, UNKNOWN_MEMBER)
    version = consumer.VERSIONS[old.OFFSET_COMMIT]
    offsets = {p: 2 for p in range(3)}
    request = old.commit(version, consumer.scene.group, consumer.generation, consumer.member, TOPIC, offsets)
    answer = old.commit_answer(version, TOPIC, offsets, UNKNOWN_MEMBER)
    consumer.ask(at + 40.01, consumer.main, old.OFFSET_COMMIT, request, answer)
    consumer.scene.count(commit_failures=1, rebalances=1, duplicates=6)
    consumer.given_back()
    consumer.member = f"kafkajs-again-{k}"
    consumer.enter(at + 40.02, consumer.generation + 2)


@scenario
def kafka_js_sasl(scene):
    """A storm over connections that begin with a login: the one that fetches says nothing else before its first Fetch."""
    scene.stands_at(5000)
    publisher = Publisher(scene, 0)
    consumer = Secured(scene, 0.1)
    storm(scene, publisher, consumer, range(60), (0, 2))
    consumer.leave(scene.START_S + 60)


class Apart(Consumer):
    """Where several topics are fetched, partitions are listed in any order, and a topic again for each run of its own."""

    APART = True


@scenario
def kafka_js_apart(scene):
    """A storm, as kafka_js_storm_others, whose requests and answers name the topic once for each partition."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Apart(scene, 0.1)
    storm(scene, publisher, consumer, range(60), (0, 2))
    consumer.leave(scene.START_S + 60)


class Secured(Consumer):
    def pair(self, at, node=1):
        links = Link(self, at, node), Link(self, at + 0.0001, node)
        answer = old.api_versions_answer(2, {key: 12 for key in range(37)})
        self.ask(at + 0.0008, links[0], old.API_VERSIONS, b"", answer)
        for i, link in enumerate(links):
            link.ask(at + 0.0016 + i * 0.0001, 17, 1, string("PLAIN"), old.i16(0) + array([string("PLAIN")]))
            answer = old.i16(0) + string(None) + data(b"") + old.i64(0)
            link.ask(at + 0.0022 + i * 0.0001, 36, 1, data(b"\x00orders\x00secret"), answer)
        return links


@scenario
def kafka_js_refused(scene):
    """Each second one of six records is put aside; its dead letter is refused twice for want of replicas, and taken the
    third time. The producer is not idempotent: nothing but its contents tells that it is the same one."""
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(60):
        at, failing = scene.START_S + k, scene.ends[1]
        everywhere(publisher, at, 2, codec=kafka.NONE)
        found = consumer.answered(at + 0.01)
        for i in range(2): refused(consumer, at + 0.1 + i * 0.1, 1, failing)
        consumer.dead_letter(at + 0.3, 1, failing, names_source=k % 2 == 0)
        consumer.work(at + 0.4, found)
        if k % 3 == 0: consumer.heartbeat(at + 0.5)
        consumer.request(at + 0.51)
    consumer.leave(scene.START_S + 60)


def refused(consumer, at, partition, offset):
    """A dead letter that the broker does not take."""
    if consumer.producer is None:
        consumer.producer = consumer.pair(at - 0.008)
        consumer.ask_metadata(at - 0.004, consumer.producer[0], [DEAD])
    content = kafka.batch([record(0, value(partition, offset))], int((EPOCH_S + at) * 1000), codec=kafka.NONE)
    answer = old.produce_answer(DEAD, 0, -1, NOT_ENOUGH_REPLICAS)
    consumer.ask(at, consumer.producer[0], old.PRODUCE, old.produce(DEAD, 0, content), answer)


@scenario
def kafka_js_resent(scene):
    """Each second one of six records is put aside. The first time its dead letter goes out, the connection ends before an
    answer has come; it is sent again over another one."""
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(60):
        at, failing = scene.START_S + k, scene.ends[1]
        everywhere(publisher, at, 2, codec=kafka.NONE)
        found = consumer.answered(at + 0.01)
        consumer.dead_letter(at + 0.1, 1, failing, names_source=k % 2 == 0, answers=False)
        for link in consumer.producer: link.end(at + 0.15)
        consumer.producer = None
        consumer.dead_letter(at + 0.3, 1, failing, names_source=k % 2 == 0)
        scene.count(dead_lettered=-1)
        consumer.work(at + 0.4, found)
        if k % 3 == 0: consumer.heartbeat(at + 0.5)
        consumer.request(at + 0.51)
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_js_out_of_range(scene):
    """What the group was to read next has been deleted: the client commits an offset of -2 for it, asks where the group
    stands and where the log begins, and goes on there."""
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(40):
        at = scene.START_S + k
        if k == 20:
            everywhere(publisher, at - 0.5, 50)
            for partition in range(3): scene.log[partition] = []
            lost_place(consumer, at - 0.4)
        everywhere(publisher, at, 2)
        consumer.poll(at + 0.01)
        if k % 3 == 0: consumer.heartbeat(at + 0.5)
    consumer.leave(scene.START_S + 40)


def lost_place(consumer, at):
    """The Fetch that waits is answered OFFSET_OUT_OF_RANGE, of each partition."""
    link, version = consumer.nodes[1][1], consumer.VERSIONS[old.FETCH]
    rows = [old.fetched(version, p, -1, b"", OUT_OF_RANGE) for p, _ in consumer.asked.pop(link)]
    link.answer(at, old.fetch_answer(TOPIC, rows))
    for partition in range(3):
        commits = consumer.VERSIONS[old.OFFSET_COMMIT]
        request = old.commit(commits, consumer.scene.group, consumer.generation, consumer.member, TOPIC, {partition: -2})
        answer = old.commit_answer(commits, TOPIC, [partition])
        consumer.ask(at + 0.002 + partition * 0.002, consumer.main, old.OFFSET_COMMIT, request, answer)
    consumer.scene.committed = {p: -1 for p in range(3)}
    consumer.ask_offsets(at + 0.01, consumer.main, [0, 1, 2])
    begins = {p: consumer.scene.log[p][0][0] if consumer.scene.log[p] else consumer.scene.ends[p] for p in range(3)}
    version = consumer.VERSIONS[old.LIST_OFFSETS]
    request = old.list_offsets(version, TOPIC, begins)
    consumer.ask(at + 0.012, consumer.main, old.LIST_OFFSETS, request, old.list_offsets_answer(version, TOPIC, begins))
    consumer.cursors.update(begins)
    consumer.head.update(begins)
    consumer.request(at + 0.014)


@scenario
def kafka_js_recreated(scene):
    """The topic is deleted and made anew while it is consumed: offsets begin at 0 again, and no id tells. Everything is
    new."""
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(40):
        at = scene.START_S + k
        if k == 20:
            scene.make_anew()
            lost_place(consumer, at - 0.4)
            publisher.begin_anew(at - 0.1)
        everywhere(publisher, at, 2)
        consumer.poll(at + 0.01)
        if k % 3 == 0: consumer.heartbeat(at + 0.5)
    consumer.leave(scene.START_S + 40)


if __name__ == "__main__":
    sys.exit(generate.main(scenarios, Scene, __doc__))
