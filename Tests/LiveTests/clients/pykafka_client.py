#!/usr/bin/env python3
"""A consumer on pykafka (ManagedBalancedConsumer), the only member of its group, that behaves as told and says what it did;
see kafka_behaviour.py. No headers and no seeks are provided for, so of --plan it knows `a` and `D`.

--settings: of KafkaClient; `broker_version` is one of them
"""

from pykafka import KafkaClient
from pykafka.common import OffsetType

from kafka_behaviour import SIMPLE, Behaviour, consumer_arguments

MODES = ("each", "batch", "none")
# It ends its iteration when nothing has come for so long; without this it would never look at --idle-ms.
QUIET_MS = 500


class Client:
    def __init__(self, options):
        self.options = options
        self.behaviour = Behaviour(options, "pykafka")
        # It has no client ids of the user's.
        self.client = KafkaClient(hosts=options.bootstrap, **options.settings)
        topic, = options.topic
        self.consumer = self.client.topics[topic].get_balanced_consumer(
            options.group, managed=True, auto_offset_reset=OffsetType.EARLIEST, fetch_wait_max_ms=options.fetch_wait_ms,
            consumer_timeout_ms=QUIET_MS, post_rebalance_callback=self.on_rebalance,
        )
        self.dead_letters = None
        if "D" in options.plan:
            self.dead_letters = self.client.topics[options.dead_letters].get_sync_producer()

    def on_rebalance(self, _, before, after):
        """`before` and `after`: offsets, by the number of the partition."""
        topic, = self.options.topic
        if before:
            self.behaviour.revoked([(topic, partition) for partition in before])
        self.behaviour.assigned([(topic, partition) for partition in after])

    def commit(self):
        behaviour = self.behaviour
        if not behaviour.uncommitted:
            return
        # Of all that the iteration has given out.
        self.consumer.commit_offsets()
        behaviour.committed({place: max(given) + 1 for place, given in behaviour.given.items() if given})

    def handle(self, message):
        topic, = self.options.topic
        what = self.behaviour.received(topic, message.partition_id, message.offset, message.value)
        if what == "dead-bare":
            self.dead_letters.produce(message.value)
        if self.behaviour.commit_is_due:
            self.commit()

    def run(self):
        behaviour = self.behaviour
        while not behaviour.done:
            for message in self.consumer:
                self.handle(message)
                if behaviour.done:
                    break
        if self.options.commit == "batch":
            self.commit()
        self.consumer.stop()
        if self.dead_letters is not None:
            self.dead_letters.stop()
        behaviour.end()


if __name__ == "__main__":
    Client(consumer_arguments(__doc__, MODES, SIMPLE)).run()
