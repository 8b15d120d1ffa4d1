#!/usr/bin/env python3
"""A consumer on kafka-python that behaves as told and says what it did; see kafka_behaviour.py."""

import os
import time

import kafka
from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from kafka_behaviour import Behaviour, consumer_arguments, python_settings, source_headers

# Version 3 has another coordinator inside than those before.
IS_VERSION_3 = int(kafka.__version__.split(".")[0]) >= 3
MODES = ("each", "batch", "auto", "none", "transaction")


class Listener(ConsumerRebalanceListener):
    def __init__(self, client):
        self.client = client

    def on_partitions_revoked(self, revoked):
        if self.client.options.commit == "batch":
            self.client.commit()
        if revoked:
            self.client.behaviour.revoked([tuple(p) for p in revoked])

    def on_partitions_assigned(self, assigned):
        self.client.behaviour.assigned([tuple(p) for p in assigned])


def with_metadata(offsets):
    """As a commit takes them; from kafka-python 2.1 on a leader's epoch (-1: unknown) belongs to them."""
    more = [-1] if "leader_epoch" in OffsetAndMetadata._fields else []
    return {partition: OffsetAndMetadata(offset, "", *more) for partition, offset in offsets.items()}


class Client:
    def __init__(self, options):
        self.options = options
        self.behaviour = Behaviour(options, "kafka-python")
        self.transactions = 0
        common = {"bootstrap_servers": options.bootstrap.split(","), "client_id": options.client_id or "kafka-python"}
        common.update(python_settings(options))
        self.consumer = KafkaConsumer(
            **common, group_id=options.group, auto_offset_reset="earliest", fetch_max_wait_ms=options.fetch_wait_ms,
            enable_auto_commit=options.commit == "auto", auto_commit_interval_ms=200,
            session_timeout_ms=options.session_ms, heartbeat_interval_ms=options.session_ms // 4,
        )
        produced = {**common, "compression_type": None if options.codec == "none" else options.codec}
        if options.commit == "transaction":
            produced["transactional_id"] = f"{options.group}-{os.getpid()}"
        self.producer = KafkaProducer(**produced)

    def wait_for_followers(self):
        """The mock broker refuses a follower's SyncGroup that comes after the leader's, which is fatal to this library."""
        coordinator = self.consumer._coordinator
        # What a leader does before it sends its SyncGroup.
        name = "_perform_assignment" if IS_VERSION_3 else "_on_join_leader"
        lead = getattr(coordinator, name)

        def later(*arguments):
            time.sleep(0.2)
            return lead(*arguments)

        setattr(coordinator, name, later)

    def follow_auto_commits(self):
        """The library tells nobody of every commit that it makes by itself, so its own step is asked."""
        coordinator = self.consumer._coordinator
        handle = coordinator._handle_offset_commit_response

        def succeeded(offsets):
            self.behaviour.committed({tuple(p): meta.offset for p, meta in offsets.items()})

        def observed(offsets, future, *rest):
            handle(offsets, future, *rest)
            if future.succeeded():
                succeeded(offsets)
            else:
                self.behaviour.commit_failed()

        def observed_in_version_3(offsets, *rest):
            """It has no future there: a failure is an exception."""
            try:
                handle(offsets, *rest)
            except KafkaError:
                self.behaviour.commit_failed()
                raise
            succeeded(offsets)

        coordinator._handle_offset_commit_response = observed_in_version_3 if IS_VERSION_3 else observed

    def commit(self):
        behaviour = self.behaviour
        if not behaviour.uncommitted:
            return
        offsets = {TopicPartition(*where): max(given) + 1 for where, given in behaviour.given.items() if given}
        if self.options.commit == "transaction":
            self.end_transaction(offsets)
            return
        try:
            self.consumer.commit(with_metadata(offsets))
            behaviour.committed({tuple(p): offset for p, offset in offsets.items()})
        except KafkaError:
            behaviour.commit_failed()
        if self.options.ask_committed:
            for partition in self.consumer.assignment():
                self.consumer.committed(partition)

    def end_transaction(self, offsets):
        """Its --abort'th is aborted after its offsets were sent; the consumer begins again where it was."""
        self.transactions += 1
        # Version 3 wants more of the group than its name.
        group = self.consumer.group_metadata() if IS_VERSION_3 else self.options.group
        self.producer.send_offsets_to_transaction(with_metadata(offsets), group)
        if self.transactions == self.options.abort:
            self.producer.abort_transaction()
            for where, offset in self.behaviour.aborted().items():
                self.behaviour.inbox.drop([where])
                self.consumer.seek(TopicPartition(*where), offset)
        else:
            self.producer.commit_transaction()
            self.behaviour.committed({tuple(p): offset for p, offset in offsets.items()})
        self.producer.begin_transaction()

    def handle(self, record):
        options, behaviour = self.options, self.behaviour
        if options.delay_ms:
            time.sleep(options.delay_ms / 1000)
        where = record.topic, record.partition, record.offset
        what = behaviour.received(*where, record.value)
        if what == "seek":
            self.consumer.seek(TopicPartition(record.topic, record.partition), record.offset)
            time.sleep(options.backoff_ms / 1000)
            return
        if what.startswith("dead"):
            # The oldest, 1.4.3 among them, know no headers, and have another argument in their place.
            more = {"headers": source_headers(*where, options.group)} if what == "dead" else {}
            self.producer.send(options.dead_letters, record.value, record.key, **more).get(10)
        elif options.commit == "transaction":
            self.producer.send(f"{options.topic[0]}.out", record.value)
        if behaviour.commit_is_due:
            self.commit()

    def pause(self):
        partitions = self.consumer.assignment()
        self.consumer.pause(*partitions)
        until = time.monotonic() + self.options.pause_ms / 10_000
        while time.monotonic() < until:
            self.poll(20)
        self.consumer.resume(*[p for p in partitions if p in self.consumer.assignment()])

    def poll(self, milliseconds):
        inbox = self.behaviour.inbox
        message = inbox.take()
        if message is None:
            # All that there is: what pause() finds half handed out, this library skips.
            for partition, records in self.consumer.poll(milliseconds).items():
                for record in records:
                    inbox.put(*partition, record)
            message = inbox.take()
        if message is not None:
            self.handle(message)

    def run(self):
        behaviour = self.behaviour
        if self.options.commit == "transaction":
            self.producer.init_transactions()
            self.producer.begin_transaction()
        self.consumer.subscribe(self.options.topic, listener=Listener(self))
        self.wait_for_followers()
        if self.options.commit == "auto":
            self.follow_auto_commits()
        while not behaviour.done:
            self.poll(50)
            if behaviour.pause_is_due:
                self.pause()
        if self.options.commit in ("batch", "transaction"):
            self.commit()
        if self.options.commit == "transaction":
            self.producer.abort_transaction()
        self.consumer.close()
        self.producer.close(5)
        behaviour.end()


if __name__ == "__main__":
    Client(consumer_arguments(__doc__, MODES)).run()
