"""Faust: an agent that sends what failed to Q.dead with its key and value; commits happen in the background."""

import logging
import sys

import faust
from confluent_kafka import Producer

from plan import Failed, Plan

plan = Plan()
Q = plan.queue
app = faust.App(
    Q,
    broker=f"kafka://{plan.bootstrap}",
    store="memory://",
    web_enabled=False,
    topic_allow_declare=False,
    topic_disable_leader=True,
    broker_commit_interval=0.5,
    datadir=f"{plan.directory}/faust",
    stream_wait_empty=False,
    consumer_auto_offset_reset="earliest",
)
prices = app.topic(Q, value_serializer="raw", key_serializer="raw")
dead = app.topic(f"{Q}.dead", value_serializer="raw", key_serializer="raw")


@app.agent(prices)
async def update(stream):
    async for event in stream.events():
        number = int(event.value)
        try:
            plan.handle(number)
        except Failed:
            await dead.send(key=event.key, value=event.value)
            plan.note("failure", number)
        else:
            plan.note("success", number)


def publish():
    producer = Producer({"bootstrap.servers": plan.bootstrap})
    for number in plan.numbers:
        producer.produce(Q, b"%08d" % number, key=b"key-%d" % number)
    producer.flush(20)


def work():
    logging.disable(logging.CRITICAL)
    sys.argv = ["faust", "worker", "--loglevel", "error", "--without-web"]
    app.main()


if __name__ == "__main__":
    plan.main(publish=publish, work=work)
