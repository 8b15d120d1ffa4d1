#!/usr/bin/env python3
"""Writes scenarios of share groups in the dialect of the Go client franz-go (franz_share.py). None is a recording.

    generate_franz_share.py DIR [NAME…]       as generate_kafka.py; scenarios.json has what each must lead to
"""

import sys

import generate
import kafka_messages as kafka
import kafka_share_messages as share
from franz_client import Publisher
from generate_kafka import GROUP
from franz_share import MOST_DELIVERIES, ShareConsumer, ShareScene

scenarios = {}


def scenario(function):
    scenarios[function.__name__] = function
    return function


def everywhere(publisher, at, count, age_s=0):
    for partition in range(3): publisher.publish(at + partition * 0.002, partition, count, age_s)


def leave_done(scene, consumer, seconds):
    """At its end the consumer has acknowledged everything."""
    at = scene.START_S + seconds
    consumer.answered(at)
    consumer.poll(at + 0.01)
    consumer.answered(at + 0.02)
    consumer.leave(at + 0.03)


class OneConnection(ShareConsumer):
    """Where only the keys 0, 1, 11 and 14 have connections of their own, what is fetched waits on the heartbeats'."""

    FETCHES = "normal"

    def heartbeat(self, at, topics=None, assigned=None):
        if not self.waits: return super().heartbeat(at, topics, assigned)
        request = share.share_heartbeat(GROUP, self.member, self.generation, topics)
        link = self.link(at, "normal")
        link.request(at, share.SHARE_HEARTBEAT, 1, request)
        # In their order: what is fetched comes first, and the next request is written meanwhile.
        self.answered(at + 0.002)
        link.answer(at + 0.005, share.share_heartbeat_answer(self.member, self.generation, None))


def worked(scene, member):
    """Each second six records; one of them is released, comes again with the next ShareFetch and is accepted; the others are
    accepted as the next poll does it. Every fifth second what is to be told is flushed by itself."""
    publisher, consumer = Publisher(scene, 0), member(scene, 0.1)
    for k in range(60):
        at = scene.START_S + k
        everywhere(publisher, at, 2)
        consumer.answered(at + 0.01)
        consumer.poll(at + 0.012)
        consumer.answered(at + 0.3)
        if k % 5 == 4 and k < 59:
            consumer.mark(share.RELEASE, consumer.polled[k % 3])
        if k % 5 == 2:
            # The Fetch is answered with nothing, as nothing is there; the next one takes along what was accepted meanwhile.
            consumer.mark(share.ACCEPT, *consumer.polled[:2])
            consumer.answered(at + 0.5)
        if k % 5 == 3:
            # While some are fetched and not polled yet, nothing is asked for.
            everywhere(publisher, at + 0.32, 1)
            consumer.answered(at + 0.33)
            consumer.mark(share.ACCEPT, *consumer.polled)
            consumer.acknowledge_alone(at + 0.5)
            consumer.poll(at + 0.6)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
    leave_done(scene, consumer, 60)


@scenario
def kafka_franz_share(scene):
    worked(scene, ShareConsumer)


@scenario
def kafka_franz_share_one_connection(scene):
    worked(scene, OneConnection)


def storm(scene, give_up, codec=kafka.SNAPPY):
    """Records are 90 s old. Each second two: one is accepted, the other released again and again until `give_up` is asked."""
    publisher, consumer = Publisher(scene, 0), ShareConsumer(scene, 0.1)
    for k in range(60):
        at = scene.START_S + k
        publisher.publish(at, 1, 2, 90, codec)
        consumer.answered(at + 0.01)
        failing = consumer.poll(at + 0.012)[0]
        assert failing == (1, 2 * k)
        for i in range(MOST_DELIVERIES - 1):
            consumer.mark(share.RELEASE, failing)
            # The request under way is answered with nothing; the next one takes the release along, and brings it back.
            consumer.answered(at + 0.05 + i * 0.1)
            consumer.answered(at + 0.06 + i * 0.1)
            consumer.poll(at + 0.07 + i * 0.1)
        give_up(consumer, at + 0.6, failing)
        consumer.answered(at + 0.7)
        consumer.answered(at + 0.72)
        consumer.poll(at + 0.73)
        consumer.answered(at + 0.74)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
    consumer.leave(scene.START_S + 60)


@scenario
def kafka_franz_share_storm(scene):
    """At its fifth delivery the record is rejected."""
    storm(scene, lambda consumer, at, place: consumer.mark(share.REJECT, place))


def set_aside(codec, name):
    def give_up(consumer, at, place):
        headers = [("source-partition", b"%d" % place[0]), ("source-offset", b"%d" % place[1])] if name else ()
        consumer.dead_letter(at, place, codec, headers)
        consumer.mark(share.ACCEPT, place)

    return give_up


@scenario
def kafka_franz_share_dlt(scene):
    """It is put aside with headers that name it, and accepted."""
    storm(scene, set_aside(kafka.NONE, True))


@scenario
def kafka_franz_share_dlt_contents(scene):
    """It is put aside without headers, uncompressed as its source was: its contents tell what it is a copy of."""
    storm(scene, set_aside(kafka.NONE, False), kafka.NONE)


@scenario
def kafka_franz_share_dlt_compressed(scene):
    """It is put aside without headers, compressed: the record that is accepted next was its source."""
    storm(scene, set_aside(kafka.SNAPPY, False))


@scenario
def kafka_franz_share_dlt_late(scene):
    """It is accepted, and put aside, with headers that name it, only when that has been answered: the client produces in the
    background."""
    def give_up(consumer, at, place):
        consumer.mark(share.ACCEPT, place)
        consumer.answered(at + 0.001)
        consumer.answered(at + 0.005)
        headers = [("source-partition", b"%d" % place[0]), ("source-offset", b"%d" % place[1])]
        consumer.dead_letter(at + 0.02, place, kafka.NONE, headers)
        consumer.dead.remove(place)
        scene.count(acked=-1, acked_paired=1)

    storm(scene, give_up)


@scenario
def kafka_franz_share_deploy(scene):
    """Four members, one after another, each with records that it has polled and not acknowledged, and some that were only
    fetched, when it leaves; the next one gets them. Nobody has tried them: nothing failed."""
    publisher = Publisher(scene, 0)
    for round in range(4):
        at = scene.START_S + round * 20
        consumer = ShareConsumer(scene, at, member=f"kgo-{round}")
        for k in range(10):
            everywhere(publisher, at + 1 + k, 2)
            consumer.answered(at + 1.01 + k)
            consumer.poll(at + 1.012 + k)
        everywhere(publisher, at + 12, 10)
        consumer.answered(at + 12.01)
        consumer.poll(at + 12.02)
        everywhere(publisher, at + 13, 20)
        consumer.answered(at + 13.01)
        consumer.answered(at + 13.02)
        consumer.leave(at + 15)


@scenario
def kafka_franz_share_lost(scene):
    """Every ten seconds the broker ends the connection that fetches, with six records polled and as many only fetched: its
    session is over, and the next one gets them again. The heartbeats' connection stays."""
    publisher, consumer = Publisher(scene, 0), ShareConsumer(scene, 0.1)
    for k in range(60):
        at = scene.START_S + k
        everywhere(publisher, at, 2)
        consumer.answered(at + 0.01)
        consumer.poll(at + 0.012)
        if k % 10 == 9:
            everywhere(publisher, at + 0.1, 2)
            consumer.answered(at + 0.11)
            consumer.lose(at + 0.3)
            consumer.request(at + 0.5)
            consumer.answered(at + 0.51)
            consumer.poll(at + 0.52)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
    leave_done(scene, consumer, 60)


@scenario
def kafka_franz_share_session(scene):
    """Every ten seconds the broker knows the share session no more (its cache was full): the request is refused, and what had
    been acquired, acknowledged with that very request or not, comes again with the next session."""
    publisher, consumer = Publisher(scene, 0), ShareConsumer(scene, 0.1)
    for k in range(60):
        at = scene.START_S + k
        everywhere(publisher, at, 2)
        consumer.answered(at + 0.01)
        consumer.poll(at + 0.012)
        if k % 10 == 9:
            consumer.answered(at + 0.2, error=share.INVALID_SESSION_EPOCH)
            scene.give_back(consumer.member)
            consumer.forget()
            consumer.request(at + 0.5)
            consumer.answered(at + 0.51)
            consumer.poll(at + 0.52)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
    leave_done(scene, consumer, 60)


@scenario
def kafka_franz_share_renew(scene):
    """Locks of ten seconds, and records that take 35: renewed every eight seconds, each by itself, then accepted. Between
    them others are released once."""
    scene.lock_s = 10
    publisher, consumer = Publisher(scene, 0), ShareConsumer(scene, 0.1)
    for k in range(3):
        at = scene.START_S + k * 40
        everywhere(publisher, at, 2)
        consumer.answered(at + 0.01)
        places = consumer.poll(at + 0.012)
        for i in range(1, 5):
            consumer.mark(share.RENEW, *places)
            consumer.answered(at + i * 8)
            consumer.answered(at + i * 8 + 4)
            consumer.heartbeat(at + i * 8 + 4.1)
        consumer.mark(share.RELEASE, places[0])
        consumer.answered(at + 37)
        consumer.answered(at + 37.01)
        consumer.poll(at + 37.02)
        consumer.answered(at + 37.03)
        consumer.poll(at + 37.5)
        consumer.answered(at + 39)
        consumer.answered(at + 39.1)
    leave_done(scene, consumer, 120)


@scenario
def kafka_franz_share_lapses(scene):
    """Locks of ten seconds. Of six records one takes twelve: it comes again, to the same consumer, which then accepts it twice,
    of which the second time is refused."""
    scene.lock_s = 10
    publisher, consumer = Publisher(scene, 0), ShareConsumer(scene, 0.1)
    for k in range(6):
        at = scene.START_S + k * 20
        everywhere(publisher, at, 2)
        consumer.answered(at + 0.01)
        slow = consumer.poll(at + 0.012)[0]
        consumer.mark(share.ACCEPT, *[place for place in consumer.polled if place != slow])
        consumer.answered(at + 5)
        consumer.answered(at + 5.5)
        consumer.answered(at + 10.5)
        consumer.poll(at + 12)
        consumer.answered(at + 12.01)
        consumer.heartbeat(at + 13)
        consumer.poll(at + 13.1)
        consumer.answered(at + 14)
        consumer.answered(at + 14.01)
    consumer.leave(scene.START_S + 120.03)


@scenario
def kafka_franz_share_moves(scene):
    """A partition's leader moves to another broker and back, with records of it acquired, of which the new leader knows
    nothing: they come again from there, as if for the first time."""
    publisher, consumer = Publisher(scene, 0), ShareConsumer(scene, 0.1)
    for k in range(60):
        at = scene.START_S + k
        everywhere(publisher, at, 20 if k % 10 == 9 else 2)
        consumer.answered(at + 0.01)
        consumer.poll(at + 0.012)
        if k % 10 == 9:
            # All partitions move, which keeps it short: a client fetches from each broker by itself.
            node = 3 - consumer.node
            hint = {p: dict(error=kafka.NOT_LEADER, leader=(node, k)) for p in range(3)}
            consumer.answered(at + 0.2, odd=hint)
            scene.give_back(consumer.member)
            consumer.forget()
            consumer.node = node
            consumer.request(at + 0.3)
            consumer.answered(at + 0.31)
            consumer.poll(at + 0.32)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
    leave_done(scene, consumer, 60)


@scenario
def kafka_franz_share_pause(scene):
    """Every fifth second a partition is paused for two, with a record of it fetched and not polled: it is released with the
    request that forgets the partition, and comes again. Nobody has tried it."""
    publisher, consumer = Publisher(scene, 0), ShareConsumer(scene, 0.1)
    for k in range(60):
        at = scene.START_S + k
        everywhere(publisher, at, 2)
        consumer.answered(at + 0.01)
        consumer.poll(at + 0.012)
        if k % 5 == 0:
            paused = k // 5 % 3
            publisher.publish(at + 0.1, paused, 1)
            consumer.answered(at + 0.11)
            consumer.paused = {paused}
            released = sum(place[0] == paused for place in consumer.buffered)
            consumer.poll(at + 0.2)
            scene.count(requeued=-released, abandoned=released)
        if k % 5 == 1: consumer.paused = set()
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
    leave_done(scene, consumer, 60)


@scenario
def kafka_franz_share_compacted(scene):
    """Of each batch of six, compressed, two records were compacted away: they are acquired with the others, and the client
    says at once that nothing was there (type 0)."""
    publisher, consumer = Publisher(scene, 0), ShareConsumer(scene, 0.1)
    for k in range(30):
        at = scene.START_S + k
        publisher.publish(at, 0, 6)
        scene.compact(0, [6 * k + 2, 6 * k + 4])
        consumer.answered(at + 0.01)
        consumer.poll(at + 0.012)
        if k % 3 == 0: consumer.heartbeat(at + 0.9)
    leave_done(scene, consumer, 30)


@scenario
def kafka_franz_share_midway(scene):
    """The capture begins half a minute after the client, in the middle of its connections: nothing tells the share session's
    partitions, nor the topic's name, until Metadata is asked for again."""
    begins_s = scene.START_S + 30.5
    scene.rearrange = lambda packets: [packet for packet in packets if packet[0] >= begins_s * 1e9]
    scene.is_counted = False
    publisher, consumer = Publisher(scene, 0), ShareConsumer(scene, 0.1)
    for k in range(90):
        at = scene.START_S + k
        # The first answer that is understood is that to the first request that was seen.
        if k == 32: scene.is_counted = True
        everywhere(publisher, at, 2)
        consumer.answered(at + 0.01)
        places = consumer.poll(at + 0.012)
        if k % 5 == 4 and k < 89: consumer.mark(share.RELEASE, places[0])
        consumer.answered(at + 0.3)
        if k % 3 == 0: consumer.heartbeat(at + 0.4)
        if k == 60: consumer.ask(at + 0.5, "normal", kafka.METADATA, kafka.metadata(["orders"]), scene.metadata("orders"))
    leave_done(scene, consumer, 90)


if __name__ == "__main__":
    sys.exit(generate.main(scenarios, ShareScene, __doc__))
