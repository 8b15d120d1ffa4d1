#!/usr/bin/env python3
"""kafka_consumer.py BOOTSTRAP TOPIC COUNT FILE [PASSES]: a confluent-kafka consumer that polls message by message and
commits, in the background, every hundredth.

Reads the topic's COUNT messages from their beginning, PASSES times, each time in a new group. Writes to FILE what
consumer.py does: its own user and system time, librdkafka's threads among it, and the time passed, from the first message
of a pass to its last commit.
"""

import json
import sys
import uuid

from confluent_kafka import Consumer, KafkaError, KafkaException
from consumer import now

COMMIT_EVERY = 100


def read(bootstrap, topic, count):
    """One pass; gives what consumer.now does, at its first message and after its last commit."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": f"bench-{uuid.uuid4()}", "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
    })  # fmt: skip
    consumer.subscribe([topic])
    received, began = 0, None
    while received < count:
        message = consumer.poll(10)
        if message is None:
            sys.exit(f"no message for 10 s after {received} of {count}")
        if message.error():
            sys.exit(str(message.error()))
        began = began or now()
        received += 1
        if received % COMMIT_EVERY == 0:
            consumer.commit(asynchronous=True)
    try:
        consumer.commit(asynchronous=False)
    except KafkaException as problem:
        if problem.args[0].code() != KafkaError._NO_OFFSET:  # everything was committed already
            raise
    ended = now()
    consumer.close()
    return began, ended


def main():
    bootstrap, topic, count, path = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    passes = int(sys.argv[5]) if len(sys.argv) > 5 else 1
    took = [read(bootstrap, topic, count) for _ in range(passes)]
    cpu_s, wall_s = (sum(ended[i] - began[i] for began, ended in took) for i in (0, 1))
    with open(path, "w") as file:
        json.dump({"messages": count * passes, "cpu_s": cpu_s, "wall_s": wall_s}, file)


if __name__ == "__main__":
    main()
