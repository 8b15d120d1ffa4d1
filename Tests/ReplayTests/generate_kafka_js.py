#!/usr/bin/env python3
"""Writes Kafka scenarios in the dialect of the Node client kafkajs (kafka_js_client.py). None is a recording.

    generate_kafka_js.py DIR [NAME…]       as generate_kafka.py; scenarios.json has what each must lead to
"""

import sys

import generate
import kafka_messages as kafka
import kafka_old_messages as old
from franz_client import Publisher
from generate_kafka import TOPIC
from kafka_js_client import Consumer
from kafka_old_client import Scene

scenarios = {}


def scenario(function):
    scenarios[function.__name__] = function
    return function


def everywhere(publisher, at, count, age_s=0, **more):
    for partition in range(3): publisher.publish(at + partition * 0.002, partition, count, age_s, **more)


@scenario
def kafka_js(scene):
    """A minute of six records a second that are fine; then a minute in which each is put aside at the first try, so that
    only equal contents tell what it is a copy of. Then the client stops."""
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(120):
        at = scene.START_S + k
        everywhere(publisher, at, 2, codec=kafka.NONE)
        found = consumer.answered(at + 0.01)
        if k >= 60:
            failing = [(p, o) for p, offsets in found.items() for o in offsets]
            for i, (partition, offset) in enumerate(failing):
                consumer.dead_letter(at + 0.05 + i * 0.01, partition, offset, names_source=False)
        consumer.work(at + 0.15, found)
        if k % 3 == 0: consumer.heartbeat(at + 0.17)
        consumer.request(at + 0.18)
    consumer.leave(scene.START_S + 120)


def storm(scene, publisher, consumer, seconds, others=(), names_source=True, between=lambda k, at: None, **more):
    """Old records: each second the first of two of partition 1 fails six times and is put aside. `others`: partitions of
    which two records a second are fine at once."""
    for k in seconds:
        at = scene.START_S + k
        for partition in others: publisher.publish(at + 0.002 * partition, partition, 2, 90, **more)
        failing = scene.ends[1]
        publisher.publish(at + 0.006, 1, 2, 90, **more)
        # Only what came first is in the answer to the request that waits; the next one brings the rest.
        consumer.poll(at + 0.01, {(1, failing)})
        consumer.retry(at + 0.1, 1, failing, 5)
        between(k, at)
        consumer.dead_letter(at + 0.62, 1, failing, names_source)
        consumer.work(at + 0.7, {1: [failing, failing + 1]})
        if k % 3 == 0: consumer.heartbeat(at + 0.71)
        consumer.request(at + 0.72)


@scenario
def kafka_js_storm(scene):
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    storm(scene, publisher, consumer, range(60))
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_js_storm_contents(scene):
    """The dead letters do not say what they are copies of, but are equal to it."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    storm(scene, publisher, consumer, range(60), names_source=False, codec=kafka.NONE)
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_js_storm_compressed(scene):
    """Nothing tells what the dead letters are copies of but the commit that follows each."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    storm(scene, publisher, consumer, range(60), names_source=False)
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_js_storm_others(scene):
    """Over the same connection two other partitions are fine: what came of them with the failing record is done."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    storm(scene, publisher, consumer, range(60), others=(0, 2))
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_js_storm_brokers(scene):
    """The other partitions lie on another broker, whose answer comes when the handler has thrown already: it is dropped, and
    comes again with the next try, until the record has been put aside."""
    scene.stands_at(5000)
    scene.leaders[0] = scene.leaders[2] = (2, 0)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(60):
        at, failing = scene.START_S + k, scene.ends[1]
        publisher.publish(at, 1, 2, 90)
        consumer.work(at + 0.012, consumer.answered(at + 0.01), {(1, failing)})
        for partition in (0, 2): publisher.publish(at + 0.02 + 0.002 * partition, partition, 1, 90)
        consumer.answered(at + 0.03, node=2)
        for i in range(5):
            consumer.failed(1, failing)
            consumer.request(at + 0.1 + i * 0.1)
            consumer.answered(at + 0.11 + i * 0.1)
            consumer.answered(at + 0.112 + i * 0.1, node=2)
        consumer.dead_letter(at + 0.62, 1, failing)
        consumer.work(at + 0.7, {1: [failing, failing + 1]})
        consumer.request(at + 0.72)
        consumer.work(at + 0.74, consumer.answered(at + 0.73, node=2))
        if k % 3 == 0: consumer.heartbeat(at + 0.75)
        consumer.request(at + 0.76)
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_js_concurrent(scene):
    """Three partitions at once, of which two fail, each time both: nobody can tell which of them it was until the dead
    letters do. Both are tried five times more, and a round of both is one failed attempt."""
    scene.stands_at(5000)
    for places in (scene.committed, scene.ends, scene.reached): places[0] += 10_000
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(60):
        at, failing = scene.START_S + k, {(0, scene.ends[0]), (1, scene.ends[1])}
        everywhere(publisher, at, 1, 90)
        consumer.poll(at + 0.01, failing)
        for i in range(5):
            for partition, offset in failing: consumer.again.add((partition, offset))
            consumer.request(at + 0.1 + i * 0.1)
            consumer.answered(at + 0.11 + i * 0.1)
        for i, (partition, offset) in enumerate(sorted(failing)):
            consumer.dead_letter(at + 0.62 + i * 0.01, partition, offset)
            consumer.resolve(partition, offset)
        consumer.commit(at + 0.7)
        # Of two copies in each of five rounds one was a try.
        scene.count(requeued=5, delivered=-5, redelivered=-5, refetched=5)
        if k % 3 == 0: consumer.heartbeat(at + 0.71)
        consumer.request(at + 0.72)
    scene.truth["attempts_max"] = 6
    consumer.leave(scene.START_S + 60)


# --- By itself: crashes, pauses, batches ------------------------------------------------------------------------------


def lives(scene, publisher, count, every_s, retries):
    """One old record always fails. After so many retries, with waits of 0.3 s, doubled, the consumer leaves, disconnects and
    begins again; the other partitions go on meanwhile, as far as the record's retries let them."""
    scene.stands_at(5000)
    publisher.publish(scene.START_S - 0.2, 1, 1, 90)
    for life in range(count):
        start = scene.START_S + life * every_s
        consumer = Consumer(scene, start - 0.1, member=f"kafkajs-{life}", generation=1 + 2 * life)
        if life: scene.count(rebalances=1)
        consumer.poll(start, {(1, 5000)})
        at = start + 0.02
        for i in range(retries):
            everywhere_else(publisher, at + 0.05)
            at += 0.3 * 2**i
            consumer.retry(at, 1, 5000)
        consumer.crash(at + 0.05)


def everywhere_else(publisher, at):
    for partition in (0, 2): publisher.publish(at + partition * 0.002, partition, 4, 90)


@scenario
def kafka_js_crashes(scene):
    """Six lives, each of five retries."""
    lives(scene, Publisher(scene, 0), 6, 20, 5)


@scenario
def kafka_js_crashes_early(scene):
    """Retries are set to 2: no life has more than two failures, all of them together make seven."""
    lives(scene, Publisher(scene, 0), 12, 3, 2)


@scenario
def kafka_js_pause(scene):
    """Each second the handler works on the first of three records and pauses their partition for half a second: the
    other two are dropped, and come again, fine."""
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(60):
        at, partition = scene.START_S + k, k % 3
        first = scene.ends[partition]
        publisher.publish(at, partition, 3)
        consumer.answered(at + 0.01)
        consumer.paused.add(partition)
        consumer.work(at + 0.02, {partition: [first]})
        consumer.request(at + 0.03)
        other = (partition + 1) % 3
        publisher.publish(at + 0.2, other, 1)
        consumer.poll(at + 0.21)
        publisher.publish(at + 0.4, other, 1)
        consumer.paused.clear()
        consumer.poll(at + 0.5)
        consumer.poll(at + 0.55)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_js_pause_storm(scene):
    """The handler throws and pauses the partition: the failing record comes again once that is over, five times. The other
    partitions go on meanwhile."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(40):
        at, failing = scene.START_S + k * 3, scene.ends[1]
        publisher.publish(at, 1, 2, 90)
        consumer.poll(at + 0.01, {(1, failing)})
        for i in range(5):
            begins = at + 0.05 + i * 0.5
            consumer.paused.add(1)
            consumer.request(begins)
            publisher.publish(begins + 0.1, 0, 1, 90)
            publisher.publish(begins + 0.104, 2, 1, 90)
            consumer.poll(begins + 0.11)
            consumer.paused.clear()
            publisher.publish(begins + 0.35, 0, 1, 90)
            consumer.work(begins + 0.362, consumer.answered(begins + 0.36))
            consumer.retry(begins + 0.4, 1, failing)
        consumer.dead_letter(at + 2.62, 1, failing)
        consumer.work(at + 2.7, {1: [failing, failing + 1]})
        consumer.heartbeat(at + 2.71)
        consumer.request(at + 2.72)
    consumer.leave(scene.START_S + 120)


@scenario
def kafka_js_each_batch(scene):
    """eachBatch with resolveOffset and a commit for every four records: of ten old records the fifth fails five times and is
    put aside. It comes again from the fifth on, which the first failure commits."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(60):
        at, first = scene.START_S + k, scene.ends[1]
        publisher.publish(at, 1, 10, 90)
        consumer.answered(at + 0.01)
        consumer.work(at + 0.02, {1: [first + i for i in range(4)]})
        consumer.retry(at + 0.1, 1, first + 4, 5)
        consumer.dead_letter(at + 0.62, 1, first + 4)
        consumer.work(at + 0.7, {1: [first + 4 + i for i in range(4)]})
        consumer.work(at + 0.71, {1: [first + 8, first + 9]})
        if k % 3 == 0: consumer.heartbeat(at + 0.72)
        consumer.request(at + 0.73)
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_js_seek(scene):
    """The handler seeks to the record that fails instead of throwing: the client commits the record as done, commits it
    as not done, asks where the group stands and fetches from there. After five times it is put aside."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    for k in range(60):
        at, failing = scene.START_S + k, scene.ends[1]
        publisher.publish(at, 1, 1, 90)
        publisher.publish(at + 0.002, 0, 1, 90)
        consumer.answered(at + 0.01)
        consumer.resolve(0, scene.ends[0] - 1)
        for i in range(5):
            again = at + 0.1 + i * 0.1
            consumer.resolve(1, failing)
            consumer.commit(again - 0.01)
            # What was committed as done was not.
            scene.count(acked=-1)
            consumer.open[1].add(failing)
            consumer.failed(1, failing)
            back(consumer, again, 1, failing)
            consumer.answered(again + 0.02)
        consumer.dead_letter(at + 0.62, 1, failing)
        consumer.resolve(1, failing)
        consumer.commit(at + 0.7)
        if k % 3 == 0: consumer.heartbeat(at + 0.71)
        consumer.request(at + 0.72)
    consumer.leave(scene.START_S + 60)


def back(consumer, at, partition, offset):
    """consumer.seek(): a commit of that offset, whatever was committed before."""
    version = consumer.VERSIONS[old.OFFSET_COMMIT]
    request = old.commit(version, consumer.scene.group, consumer.generation, consumer.member, TOPIC, {partition: offset})
    consumer.ask(at, consumer.main, old.OFFSET_COMMIT, request, old.commit_answer(version, TOPIC, {partition: offset}))
    consumer.scene.committed[partition] = offset
    consumer.begin(at + 0.002, [partition])


if __name__ == "__main__":
    sys.exit(generate.main(scenarios, Scene, __doc__))
