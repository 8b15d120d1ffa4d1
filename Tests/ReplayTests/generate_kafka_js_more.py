#!/usr/bin/env python3
"""Writes further Kafka scenarios in the dialect of the Node client kafkajs (kafka_js_client.py): what else happens to a group.

    generate_kafka_js_more.py DIR [NAME…]       as generate_kafka.py; scenarios.json has what each must lead to
"""

import sys

import generate
import kafka_messages as kafka
import kafka_old_messages as old
from franz_client import Publisher
from generate_kafka_js import everywhere, storm
from generate_kafka import DEAD
from kafka_js_client import Consumer
from kafka_old_client import Scene

scenarios = {}


def scenario(function):
    scenarios[function.__name__] = function
    return function


@scenario
def kafka_js_deploy(scene):
    """Six consumers one after another, each stopped with most of sixty records yet to be worked on: what was done is committed,
    then it leaves."""
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
    """In the middle of a storm of old records another consumer joins: one record has failed three times then, and fails three
    times more behind the rebalance. What had come and was not done is given back, and comes again."""
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
    """Two groups in one process, of the same topic and with the same client id: the storm is one's alone. Where they stand at
    the beginning tells them apart."""
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
    """Both begin where the log begins. The first is alone when it asks for its records; of what the other asks for nothing tells
    whose it is, and nothing is guessed."""
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


if __name__ == "__main__":
    sys.exit(generate.main(scenarios, Scene, __doc__))
