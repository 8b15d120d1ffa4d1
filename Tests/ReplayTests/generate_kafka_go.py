#!/usr/bin/env python3
"""Writes Kafka scenarios in the dialect of the Go client kafka-go (kafka_go_client.py). None is a recording.

    generate_kafka_go.py DIR [NAME…]       as generate_kafka.py; scenarios.json has what each must lead to
"""

import sys

import generate
import kafka_messages as kafka
import kafka_old_messages as old
from franz_client import Publisher
from generate_kafka import DEAD, TOPIC
from generate_kafka_js import everywhere
from kafka_go_client import Reader
from kafka_old_client import Scene

scenarios = {}


def scenario(function):
    scenarios[function.__name__] = function
    return function


def behind(found):
    return {p: offsets[-1] + 1 for p, offsets in found.items() if offsets}


@scenario
def kafka_go(scene):
    """A minute of six records a second that are fine, each committed for itself; then a minute in which each is put aside at
    the first try. Then the reader is closed."""
    publisher, reader = Publisher(scene, 0), Reader(scene, 0.1)
    for k in range(120):
        at = scene.START_S + k
        everywhere(publisher, at, 2)
        found = reader.poll(at + 0.01)
        for i, (partition, offset) in enumerate((p, o) for p, offsets in found.items() for o in offsets):
            if k >= 60: reader.dead_letter(at + 0.05 + i * 0.01, partition, offset)
            reader.commit(at + 0.055 + i * 0.01, {partition: offset + 1})
        if k % 3 == 0: reader.heartbeat(at + 0.9)
    reader.leave(scene.START_S + 120)


@scenario
def kafka_go_interval(scene):
    """Commits go out once a second; every third record is put aside after retries that nothing shows. What was read and not
    committed when the reader is closed is committed then."""
    publisher, reader = Publisher(scene, 0), Reader(scene, 0.1)
    done = {}
    for k in range(60):
        at = scene.START_S + k
        everywhere(publisher, at, 3, codec=kafka.NONE)
        found = reader.poll(at + 0.01)
        for i, (partition, offsets) in enumerate(found.items()):
            reader.dead_letter(at + 0.5 + i * 0.01, partition, offsets[0], names_source=False)
        reader.commit(at + 0.45, done)
        done = behind(found)
        if k % 3 == 0: reader.heartbeat(at + 0.9)
    reader.commit(scene.START_S + 60, done)
    reader.leave(scene.START_S + 60.01)


@scenario
def kafka_go_deploy(scene):
    """Six readers one after another, each closed with a hundred records read ahead: it leaves over a new connection,
    when the one that it had is closed."""
    publisher = Publisher(scene, 0)
    for life in range(6):
        start = scene.START_S + life * 20
        reader = Reader(scene, start, member=f"reader-{life}", generation=1 + 2 * life)
        if life: scene.count(rebalances=1)
        for k in range(10):
            at = start + 1 + k
            everywhere(publisher, at, 4)
            reader.commit(at + 0.5, behind(reader.poll(at + 0.01)))
            if k % 3 == 0: reader.heartbeat(at + 0.9)
        for i in range(10): publisher.publish(start + 12 + i * 0.01, i % 3, 10)
        reader.poll(start + 12.5)
        reader.leave(start + 13)


@scenario
def kafka_go_rebalance(scene):
    """Another reader joins and leaves, every ten seconds: each time all connections end and are made anew; what was read
    ahead comes again, to one or the other. Nobody has crashed."""
    publisher, first, generation = Publisher(scene, 0), Reader(scene, 0.1), 1
    for k in range(6):
        at = scene.START_S + k * 10
        one(publisher, first, at)
        everywhere(publisher, at + 1, 3)
        first.poll(at + 1.1)
        generation += 1
        second = Joiner(scene, at + 2, member=f"reader-{k}", host="10.0.0.9")
        first.rebalance(at + 2.5, generation, [0, 1], answered=at + 3)
        second.told(at + 3.002, generation, [2])
        scene.count(rebalances=1)
        for i in range(2): one(publisher, first, at + 4 + i, second)
        second.leave(at + 6.5)
        generation += 1
        first.rebalance(at + 7, generation, [0, 1, 2], answered=at + 7.1)
        scene.count(rebalances=1)
        one(publisher, first, at + 8)
    first.leave(scene.START_S + 60)


def one(publisher, first, at, second=None):
    everywhere(publisher, at, 2)
    for reader in (first, second):
        if reader is None: continue
        reader.commit(at + 0.5, behind(reader.poll(at + 0.01)))
        reader.heartbeat(at + 0.6)


class Joiner(Reader):
    """Asks to join, and has to wait until the others have done so, too."""

    def enter(self, at, generation):
        self.asks(at)

    def told(self, at, generation, partitions):
        self.assigned = list(partitions)
        self.joined(at, generation)


@scenario
def kafka_go_broken(scene):
    """Every other second a partition's read runs out of time in the middle of six records: its connection is made anew, and
    the rest comes again."""
    publisher, reader = Publisher(scene, 0), Reader(scene, 0.1)
    for k in range(60):
        at, partition = scene.START_S + k, k % 3
        everywhere(publisher, at, 2)
        found = reader.poll(at + 0.01)
        if k % 2 == 0:
            first = scene.ends[partition]
            for i in range(3): publisher.publish(at + 0.1 + i * 0.01, partition, 2)
            reader.fetched(at + 0.2, partition)
            reader.broken(at + 0.3, partition, first + 2)
            found[partition] = reader.fetched(at + 0.5, partition)
        reader.commit(at + 0.7, behind(found))
        if k % 3 == 0: reader.heartbeat(at + 0.9)
    reader.leave(scene.START_S + 60)


@scenario
def kafka_go_fatal(scene):
    """One record kills the process each time that it is read, half a second after ten others are done; it is back a second
    later and waits for its former self's session to run out. The oldest of what it had has crashed with it."""
    scene.stands_at(5000)
    publisher = Publisher(scene, 0)
    publisher.publish(0.5, 1, 5, 90)
    for life in range(4):
        start = scene.START_S + life * 40
        reader = Reader(scene, start - 0.1, member=f"reader-{life}", generation=1 + life) if life == 0 else reborn
        for partition in (0, 2): publisher.publish(start + partition * 0.002, partition, 5, 90)
        found = reader.poll(start + 0.5)
        for i in range(5):
            for partition in (0, 2): reader.commit(start + 0.6 + i * 0.01, {partition: found[partition][i] + 1})
        reader.heartbeat(start + 0.7)
        reader.die(start + 1)
        if life == 3: break
        reborn = Joiner(scene, start + 2, member=f"reader-{life + 1}")
        reborn.told(start + 31, 2 + life, [0, 1, 2])
        scene.count(rebalances=1)


def streams(reader, at, partition, every_s):
    """The answer comes as fast as the application takes it: a piece for each of its batches."""
    link, to_client = reader.readers[partition], reader.readers[partition].to_client
    ((_, cursor),) = reader.asked[link]
    sizes = [len(raw) for _, _, raw in reader.scene.batches(partition, cursor)]

    def slowly(at, payload):
        starts = [0, *(len(payload) - sum(sizes[i:]) for i in range(1, len(sizes))), len(payload)]
        for i in range(len(sizes)): to_client(at + i * every_s, payload[starts[i] : starts[i + 1]])

    link.to_client = slowly
    found = reader.answer_on(at, link)[partition]
    link.to_client = to_client
    reader.cursors[partition] = found[-1] + 1
    return found


@scenario
def kafka_go_streams(scene):
    """Each three seconds an answer of twenty batches, a tenth of a second apart; each record is committed, or put aside
    if it is the tenth, before the next one has come, over another connection."""
    publisher, reader = Publisher(scene, 0), Reader(scene, 0.1)
    for k in range(20):
        at = scene.START_S + k * 3
        for i in range(20): publisher.publish(at + i * 0.001, 1, 1)
        # What is waited for on the other connections comes in between.
        found = streams(reader, at + 0.1, 1, 0.1)
        for i, offset in enumerate(found):
            if i == 9: reader.dead_letter(at + 0.12 + i * 0.1, 1, offset)
            reader.commit(at + 0.14 + i * 0.1, {1: offset + 1})
            if i % 9 == 8: reader.heartbeat(at + 0.16 + i * 0.1)
        reader.request(at + 2.2, 1)
    reader.leave(scene.START_S + 60)


@scenario
def kafka_go_truncated(scene):
    """Answers end in the middle of a batch, where the most bytes are reached that were asked for: that batch delivers
    nothing, and is asked for again."""
    publisher, reader = Publisher(scene, 0), Reader(scene, 0.1)
    for k in range(60):
        at = scene.START_S + k
        for i in range(3): publisher.publish(at + i * 0.001, 1, 4)
        link, version = reader.readers[1], reader.VERSIONS[old.FETCH]
        ((_, cursor),) = reader.asked.pop(link)
        whole = scene.batches(1, cursor)
        content = b"".join(raw for _, _, raw in whole)[:-30]
        found = [o for base, count, _ in whole[:-1] for o in range(max(base, cursor), base + count)]
        for offset in found: reader.arrived(1, offset)
        link.answer(at + 0.1, old.fetch_answer(TOPIC, [old.fetched(version, 1, scene.ends[1], content)]))
        reader.cursors[1] = found[-1] + 1
        reader.request(at + 0.11, 1)
        found += reader.fetched(at + 0.12, 1)
        reader.commit(at + 0.3, {1: found[-1] + 1})
        if k % 3 == 0: reader.heartbeat(at + 0.9)
    reader.leave(scene.START_S + 60)


@scenario
def kafka_go_two_readers(scene):
    """Two readers of one group in one process: the second joins later, and is closed with records read ahead, which the
    first gets; then the process dies with six."""
    publisher, first = Publisher(scene, 0), Reader(scene, 0.1, member="reader-a")
    for k in range(10): one(publisher, first, scene.START_S + k)
    at = scene.START_S + 10
    second = Joiner(scene, at, member="reader-b")
    first.rebalance(at + 0.5, 2, [0, 1], answered=at + 1)
    second.told(at + 1.002, 2, [2])
    scene.count(rebalances=1)
    for k in range(10): one(publisher, first, at + 2 + k, second)
    everywhere(publisher, at + 13, 5)
    second.poll(at + 13.1)
    first.commit(at + 13.5, behind(first.poll(at + 13.1)))
    second.leave(at + 14)
    first.rebalance(at + 14.5, 3, [0, 1, 2], answered=at + 14.6)
    scene.count(rebalances=1)
    for k in range(10): one(publisher, first, at + 16 + k)
    everywhere(publisher, at + 27, 2)
    first.poll(at + 27.1)
    first.die(at + 28)


@scenario
def kafka_go_async(scene):
    """Each second three of nine records are put aside by a writer that does not wait: it publishes three dead letters at
    once, most of a second later, when all nine are committed."""
    for partition in range(3):
        for places in (scene.committed, scene.ends, scene.reached): places[partition] = partition * 10_000
    publisher, reader = Publisher(scene, 0), Reader(scene, 0.1)
    # The writer has published before.
    reader.dial_writer(0.5)
    reader.publish_all(0.6, [])
    for k in range(60):
        at = scene.START_S + k
        everywhere(publisher, at, 3)
        found = reader.poll(at + 0.01)
        failing = [(p, offsets[1]) for p, offsets in found.items()]
        reader.commit(at + 0.1, behind(found))
        reader.publish_all(at + 0.8, failing)
        scene.count(acked=-3, acked_paired=3)
        reader.dead.clear()
        if k % 3 == 0: reader.heartbeat(at + 0.9)
    reader.leave(scene.START_S + 60)


@scenario
def kafka_go_midway(scene):
    """Seen from its middle on, each partition over a connection of its own: what is committed tells whose it is. Then every
    record is put aside."""
    publisher, reader = Publisher(scene, 0), Reader(scene, 0.1)
    begins_s = scene.START_S + 29.95
    scene.rearrange = lambda packets: [packet for packet in packets if packet[0] >= begins_s * 1e9]
    scene.is_counted = False
    reader.dial_writer(0.5)
    for k in range(60):
        at = scene.START_S + k
        if k == 31: scene.is_counted = True
        if k == 30: reader.ask_metadata(at + 0.5, reader.writer, [DEAD])
        everywhere(publisher, at, 2)
        found = reader.poll(at + 0.01)
        for i, (partition, offset) in enumerate((p, o) for p, offsets in found.items() for o in offsets):
            if k >= 40: reader.dead_letter(at + 0.05 + i * 0.01, partition, offset)
            reader.commit(at + 0.055 + i * 0.01, {partition: offset + 1})
        if k % 3 == 0: reader.heartbeat(at + 0.9)
    reader.leave(scene.START_S + 60)


if __name__ == "__main__":
    sys.exit(generate.main(scenarios, Scene, __doc__))
