#!/usr/bin/env python3
"""A consumer on aiokafka that behaves as told and says what it did; see kafka_behaviour.py."""

import asyncio
import os
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance
from aiokafka.errors import KafkaError

from kafka_behaviour import Behaviour, consumer_arguments, python_settings, source_headers

MODES = ("each", "batch", "auto", "none", "transaction")


class Listener(ConsumerRebalanceListener):
    def __init__(self, client):
        self.client = client

    async def on_partitions_revoked(self, revoked):
        if self.client.options.commit == "batch":
            await self.client.commit()
        if revoked:
            self.client.behaviour.revoked([tuple(p) for p in revoked])

    async def on_partitions_assigned(self, assigned):
        self.client.behaviour.assigned([tuple(p) for p in assigned])


def wait_for_followers():
    """The mock broker refuses a follower's SyncGroup that comes after the leader's, which is fatal to this library."""
    lead = CoordinatorGroupRebalance._on_join_leader

    async def later(self, response):
        await asyncio.sleep(0.2)
        return await lead(self, response)

    CoordinatorGroupRebalance._on_join_leader = later


class Client:
    def __init__(self, options):
        self.options = options
        self.behaviour = Behaviour(options, "aiokafka")
        self.transactions = 0
        common = {"bootstrap_servers": options.bootstrap, "client_id": options.client_id or "aiokafka"}
        common.update(python_settings(options))
        self.consumer = AIOKafkaConsumer(
            **common, group_id=options.group, auto_offset_reset="earliest", fetch_max_wait_ms=options.fetch_wait_ms,
            enable_auto_commit=options.commit == "auto", auto_commit_interval_ms=200,
            session_timeout_ms=options.session_ms, heartbeat_interval_ms=options.session_ms // 4,
        )
        produced = {**common, "compression_type": None if options.codec == "none" else options.codec}
        if options.commit == "transaction":
            produced["transactional_id"] = f"{options.group}-{os.getpid()}"
        self.producer = AIOKafkaProducer(**produced)

    def follow_auto_commits(self):
        """The library tells nobody what it committed by itself, so its own step is asked."""
        coordinator = self.consumer._coordinator
        commit = coordinator._do_commit_offsets

        async def observed(assignment, offsets):
            try:
                answer = await commit(assignment, offsets)
            except KafkaError:
                self.behaviour.commit_failed()
                raise
            self.behaviour.committed({tuple(p): meta.offset for p, meta in offsets.items()})
            return answer

        coordinator._do_commit_offsets = observed

    async def commit(self):
        behaviour = self.behaviour
        if not behaviour.uncommitted:
            return
        offsets = {TopicPartition(*where): max(given) + 1 for where, given in behaviour.given.items() if given}
        if self.options.commit == "transaction":
            await self.end_transaction(offsets)
            return
        try:
            await self.consumer.commit(offsets)
            behaviour.committed({tuple(p): offset for p, offset in offsets.items()})
        except KafkaError:
            behaviour.commit_failed()
        if self.options.ask_committed:
            for partition in self.consumer.assignment():
                await self.consumer.committed(partition)

    async def end_transaction(self, offsets):
        """Its --abort'th is aborted after its offsets were sent; the consumer begins again where it was."""
        self.transactions += 1
        await self.producer.send_offsets_to_transaction(offsets, self.options.group)
        if self.transactions == self.options.abort:
            await self.producer.abort_transaction()
            for where, offset in self.behaviour.aborted().items():
                self.behaviour.inbox.drop([where])
                self.consumer.seek(TopicPartition(*where), offset)
        else:
            await self.producer.commit_transaction()
            self.behaviour.committed({tuple(p): offset for p, offset in offsets.items()})
        await self.producer.begin_transaction()

    async def handle(self, record):
        options, behaviour = self.options, self.behaviour
        if options.delay_ms:
            await asyncio.sleep(options.delay_ms / 1000)
        where = record.topic, record.partition, record.offset
        what = behaviour.received(*where, record.value)
        if what == "seek":
            self.consumer.seek(TopicPartition(record.topic, record.partition), record.offset)
            await asyncio.sleep(options.backoff_ms / 1000)
            return
        if what.startswith("dead"):
            headers = source_headers(*where, options.group) if what == "dead" else None
            await self.producer.send_and_wait(options.dead_letters, record.value, key=record.key, headers=headers)
        elif options.commit == "transaction":
            await self.producer.send(f"{options.topic[0]}.out", record.value)
        if behaviour.commit_is_due:
            await self.commit()

    async def pause(self):
        partitions = self.consumer.assignment()
        self.consumer.pause(*partitions)
        until = time.monotonic() + self.options.pause_ms / 10_000
        while time.monotonic() < until:
            await self.poll(0.02)
        self.consumer.resume(*[p for p in partitions if p in self.consumer.assignment()])

    async def poll(self, seconds):
        inbox = self.behaviour.inbox
        message = inbox.take()
        if message is None:
            for partition, records in (await self.consumer.getmany(timeout_ms=int(seconds * 1000), max_records=1)).items():
                for record in records:
                    inbox.put(*partition, record)
            message = inbox.take()
        if message is not None:
            await self.handle(message)

    async def run(self):
        behaviour = self.behaviour
        await self.producer.start()
        if self.options.commit == "transaction":
            await self.producer.begin_transaction()
        self.consumer.subscribe(self.options.topic, listener=Listener(self))
        await self.consumer.start()
        if self.options.commit == "auto":
            self.follow_auto_commits()
        while not behaviour.done:
            await self.poll(0.05)
            if behaviour.pause_is_due:
                await self.pause()
        if self.options.commit in ("batch", "transaction"):
            await self.commit()
        if self.options.commit == "transaction":
            await self.producer.abort_transaction()
        await self.consumer.stop()
        await self.producer.stop()
        behaviour.end()


async def main(options):
    wait_for_followers()
    await Client(options).run()


if __name__ == "__main__":
    asyncio.run(main(consumer_arguments(__doc__, MODES)))
