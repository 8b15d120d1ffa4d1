#!/usr/bin/env python3
"""Writes scenarios of storms in the dialect of the Go client franz-go, through what else passes on its connections and how it
is cut: logins in between (KIP-368), telemetry and requests that nobody reads, pieces of one byte. None is a recording.

    generate_franz_wire.py DIR [NAME…]       as generate_kafka.py; scenarios.json has what each must lead to
"""

import sys

import generate
import generate_kafka as classic
import kafka_messages as kafka
import kafka_share_messages as share
from franz_client import Consumer, Publisher, Scene
from franz_link import INSTANCE, VERSIONS, Link
from generate_franz_more import storm
from generate_kafka import GROUP, TOPIC

scenarios = {}


def scenario(function):
    scenarios[function.__name__] = function
    return function


# --- SASL ---------------------------------------------------------------------------------------------------------


class SaslLink(Link):
    """Logs in, and again when the session's lifetime is nearly over, right before the next request; what was asked before
    is answered meanwhile."""

    LIFETIME_S = 10

    def __init__(self, client, at, node, asks):
        super().__init__(client, at, node, asks)
        self.login(at + 0.0007)

    def login(self, at):
        super().request(at, share.SASL_HANDSHAKE, 1, share.sasl_handshake("OAUTHBEARER"), flexible=False)
        while len(self.waiting) > 1: self.answer(at + 0.00001, *self.due.pop(0))
        self.answer(at + 0.00002, share.sasl_handshake_answer("OAUTHBEARER"), plain=True)
        token = share.sasl_authenticate(b"n,,\x01auth=Bearer " + b"x" * 700 + b"\x01\x01")
        super().request(at + 0.00003, share.SASL_AUTHENTICATE, 2, token)
        self.answer(at + 0.00004, share.sasl_authenticate_answer(b"", self.LIFETIME_S * 1000))
        self.until = at + self.LIFETIME_S * 0.96
        self.due = []

    def request(self, at, key, version, body, flexible=True):
        if self.is_open and hasattr(self, "until") and at > self.until: self.login(at - 0.0002)
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
    storm(scene, publisher, consumer, range(60), between=chatter(consumer))
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


@scenario
def kafka_franz_acks_0(scene):
    """A storm whose dead letters are sent without waiting for an answer (acks 0)."""
    scene.stands_at(5000)
    publisher, consumer = Publisher(scene, 0), Consumer(scene, 0.1)
    storm(scene, publisher, consumer, range(60), acks=0)
    consumer.leave(scene.START_S + 60)


if __name__ == "__main__":
    sys.exit(generate.main(scenarios, Scene, __doc__))
