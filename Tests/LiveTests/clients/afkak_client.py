#!/usr/bin/env python3
"""A consumer on afkak (Twisted), the only member of its group, that behaves as told and says what it did; see
kafka_behaviour.py.

The library commits by itself, after --batch messages of a partition and every 300 ms. It commits the offset of the last
message that it has worked on, not the next one's as others do, so this message stays unsettled. It knows neither headers nor
seeks, so of --plan it knows `a` and `D`.
"""

from afkak import ConsumerGroup, KafkaClient, Producer
from twisted.internet import defer, task

from kafka_behaviour import SIMPLE, Behaviour, consumer_arguments

MODES = ("auto",)
COMMIT_EVERY_MS = 300
LOOK_EVERY_S = 0.05


class Group(ConsumerGroup):
    """Tells what it is assigned, and stops in peace."""

    def __init__(self, behaviour, *arguments, **options):
        self.behaviour = behaviour
        super().__init__(*arguments, **options)

    def on_join_complete(self, assignments):
        self.behaviour.assigned([(topic, partition) for topic, owned in assignments.items() for partition in owned])
        super().on_join_complete(assignments)

    def on_consumer_error(self, result):
        # The library ends its Fetches when it stops, and takes that for an error after which it must join again.
        if self.consumers:
            super().on_consumer_error(result)


class Client:
    def __init__(self, options, reactor):
        self.options, self.reactor = options, reactor
        self.behaviour = Behaviour(options, "afkak")
        self.failure = None
        self.client = KafkaClient(options.bootstrap, clientId=options.client_id or "afkak", **options.settings)
        self.producer = Producer(self.client)
        consumers = {
            "auto_commit_every_n": options.batch, "auto_commit_every_ms": COMMIT_EVERY_MS,
            "fetch_max_wait_time": options.fetch_wait_ms,
        }
        self.group = Group(
            self.behaviour, self.client, options.group, options.topic, self.handle, consumer_kwargs=consumers)

    @defer.inlineCallbacks
    def handle(self, _, messages):
        """What the library calls with some messages of one partition; they count as processed when this ends."""
        for one in messages:
            data = one.message.value
            what = self.behaviour.received(one.topic, one.partition, one.offset, data)
            if what == "dead-bare":
                yield self.producer.send_messages(self.options.dead_letters, msgs=[data])

    def failed(self, failure):
        """What the library does not get over by itself."""
        self.failure = failure

    @defer.inlineCallbacks
    def wait_for(self, condition):
        while not condition():
            yield task.deferLater(self.reactor, LOOK_EVERY_S, lambda: None)

    @defer.inlineCallbacks
    def run(self):
        behaviour = self.behaviour
        self.group.start().addErrback(self.failed)
        yield self.wait_for(lambda: behaviour.done or self.failure)
        # Of each partition one, by topic.
        consumers = [consumer for consumers in self.group.consumers.values() for consumer in consumers]
        yield self.group.stop()
        behaviour.committed({
            (consumer.topic, consumer.partition): consumer.last_committed_offset
            for consumer in consumers
            if consumer.last_committed_offset is not None
        })
        yield self.producer.stop()
        yield self.client.close()
        if self.failure is not None:
            raise SystemExit(f"afkak_client: {self.failure}")
        behaviour.end()


if __name__ == "__main__":
    options = consumer_arguments(__doc__, MODES, SIMPLE)
    task.react(lambda reactor: Client(options, reactor).run())
