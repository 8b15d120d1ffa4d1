#!/usr/bin/env python3
"""A consumer on confluent-kafka (librdkafka) that behaves as told and says what it did; see kafka_behaviour.py."""

import os
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition, libversion

from kafka_behaviour import MODES, TEST_USER, Behaviour, consumer_arguments, source_headers


def place(partition):
    return partition.topic, partition.partition


class Client:
    def __init__(self, options):
        self.options = options
        self.behaviour = Behaviour(options, "confluent")
        self.unanswered = 0
        self.transactions = 0
        common = {"bootstrap.servers": options.bootstrap, "client.id": options.client_id or "rdkafka"}
        if options.sasl:
            common.update({
                "security.protocol": "SASL_PLAINTEXT", "sasl.mechanisms": options.sasl, "sasl.username": TEST_USER,
                "sasl.password": options.password,
            })
        common.update(options.settings)
        settings = {
            **common, "group.id": options.group, "auto.offset.reset": "earliest", "fetch.wait.max.ms": options.fetch_wait_ms,
            "enable.auto.commit": options.commit == "auto", "auto.commit.interval.ms": 200, "on_commit": self.on_commit,
        }
        if options.protocol == "classic":
            settings["session.timeout.ms"] = options.session_ms
            settings["heartbeat.interval.ms"] = options.session_ms // 4
            if options.assignor:
                settings["partition.assignment.strategy"] = options.assignor
        else:
            # librdkafka before 2.4 does not know this setting, and refuses it.
            settings["group.protocol"] = options.protocol
        self.consumer = Consumer(settings)
        produced = {**common, "compression.type": options.codec, "linger.ms": 0}
        if options.commit == "transaction":
            produced["transactional.id"] = f"{options.group}-{os.getpid()}"
        self.producer = Producer(produced)

    # --- callbacks

    def on_commit(self, error, partitions):
        """Of commits that nobody waits for, and of those that the library makes by itself."""
        self.unanswered = max(0, self.unanswered - 1)
        answered = {place(p): p.offset for p in partitions or [] if not p.error and p.offset >= 0}
        # There was nothing to commit: that's an "error" of the library's, with nothing on the wire.
        if error is not None and error.name() == "_NO_OFFSET":
            return
        if error is not None:
            self.behaviour.commit_failed()
        elif answered:
            self.behaviour.committed(answered)

    def on_assign(self, _, partitions):
        self.behaviour.assigned([place(p) for p in partitions])

    def on_revoke(self, _, partitions):
        if self.options.commit == "batch":
            self.commit()
        self.behaviour.revoked([place(p) for p in partitions])

    def on_lost(self, _, partitions):
        self.behaviour.revoked([place(p) for p in partitions], lost=True)

    # --- doing

    def commit(self):
        behaviour = self.behaviour
        if not behaviour.uncommitted:
            return
        offsets = [TopicPartition(*where, max(given) + 1) for where, given in behaviour.given.items() if given]
        if self.options.commit == "async":
            self.consumer.commit(offsets=offsets, asynchronous=True)
            self.unanswered += 1
            behaviour.uncommitted = 0
        elif self.options.commit == "transaction":
            self.transactions += 1
            if self.transactions == self.options.abort:
                return self.abort(offsets)
            self.producer.send_offsets_to_transaction(offsets, self.consumer.consumer_group_metadata())
            self.producer.commit_transaction()
            behaviour.committed({place(p): p.offset for p in offsets})
            self.producer.begin_transaction()
        else:
            try:
                answered = self.consumer.commit(offsets=offsets, asynchronous=False)
                behaviour.committed({place(p): p.offset for p in answered if not p.error})
            except KafkaException:
                behaviour.commit_failed()
        if self.options.ask_committed:
            self.consumer.committed(self.consumer.assignment(), timeout=5)

    def abort(self, offsets):
        """After its offsets were sent: the broker forgets them, and the consumer begins again where it was."""
        self.producer.send_offsets_to_transaction(offsets, self.consumer.consumer_group_metadata())
        self.producer.abort_transaction(10)
        for where, offset in self.behaviour.aborted().items():
            self.behaviour.inbox.drop([where])
            self.consumer.seek(TopicPartition(*where, offset))
        self.producer.begin_transaction()

    def produced(self, error, _):
        # What an aborted transaction had not yet sent is given up with it.
        if error is not None and error.code() != KafkaError._PURGE_QUEUE:
            raise SystemExit(f"confluent_client: a dead letter was refused: {error}")

    def handle(self, message):
        options, behaviour = self.options, self.behaviour
        if options.delay_ms:
            time.sleep(options.delay_ms / 1000)
        where = message.topic(), message.partition(), message.offset()
        what = behaviour.received(*where, message.value())
        if what == "seek":
            self.consumer.seek(TopicPartition(*where))
            time.sleep(options.backoff_ms / 1000)
            return
        if what.startswith("dead"):
            # confluent-kafka 0.11 refuses None.
            more = {"headers": source_headers(*where, options.group)} if what == "dead" else {}
            self.producer.produce(options.dead_letters, message.value(), message.key(), callback=self.produced, **more)
            if options.commit != "transaction":
                self.producer.flush(10)
        elif options.commit == "transaction":
            self.producer.produce(f"{options.topic[0]}.out", message.value(), callback=self.produced)
        if behaviour.commit_is_due:
            self.commit()

    def pause(self):
        """Everything that is assigned, for a tenth of the interval; what comes on pausing is handled as ever."""
        partitions = self.consumer.assignment()
        self.consumer.pause(partitions)
        until = time.monotonic() + self.options.pause_ms / 10_000
        while time.monotonic() < until:
            self.poll(0.02)
        self.consumer.resume(partitions)

    def poll(self, seconds):
        inbox = self.behaviour.inbox
        message = inbox.take()
        if message is None:
            arrived = self.consumer.poll(seconds)
            if arrived is not None:
                if arrived.error():
                    raise SystemExit(f"confluent_client: {arrived.error()}")
                inbox.put(arrived.topic(), arrived.partition(), arrived)
            message = inbox.take()
        if message is not None:
            self.handle(message)

    def subscribe(self):
        callbacks = {"on_assign": self.on_assign, "on_revoke": self.on_revoke}
        # confluent-kafka before 1.6 does not know this callback, and refuses it. Its version is librdkafka's.
        if libversion()[1] >= 0x01060000:
            callbacks["on_lost"] = self.on_lost
        self.consumer.subscribe(self.options.topic, **callbacks)

    def run(self, is_told=True):
        behaviour = self.behaviour
        if self.options.commit == "transaction":
            self.producer.init_transactions(10)
            self.producer.begin_transaction()
        self.subscribe()
        while not behaviour.done:
            self.poll(0.05)
            if behaviour.pause_is_due:
                self.pause()
        if self.options.commit in ("batch", "transaction"):
            self.commit()
        deadline = time.monotonic() + 5
        while self.unanswered and time.monotonic() < deadline:
            self.consumer.poll(0.05)
        if self.options.commit == "transaction":
            self.producer.abort_transaction(5)
        self.consumer.close()
        self.producer.flush(5)
        if is_told:
            behaviour.end()


if __name__ == "__main__":
    Client(consumer_arguments(__doc__, MODES)).run()
