#!/usr/bin/env python3
"""Publishes numbered messages to a Kafka topic with confluent-kafka, and says how many.

--bootstrap B --topic T --count N, --first N (number of the first), --size BYTES, --partitions P (taken in turn; without it
the library chooses), --codec C, --rate PER_SECOND, --batch-messages N, --seconds S (until then, at --rate, or SIGTERM),
--acks 0|1|all, --header (one on every message)
"""

import argparse
import json
import signal
import sys
import time

from confluent_kafka import Producer

from kafka_behaviour import body


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--partitions", type=int)
    parser.add_argument("--codec", default="none")
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--batch-messages", type=int, default=10_000)
    parser.add_argument("--acks", default="all")
    parser.add_argument("--header", action="store_true")
    options = parser.parse_args()
    producer = Producer({
        "bootstrap.servers": options.bootstrap, "compression.type": options.codec, "client.id": "publisher",
        "batch.num.messages": options.batch_messages, "acks": options.acks, "linger.ms": 0 if options.rate else 5,
    })
    failed, stopped = [], []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))

    def done(error, _):
        if error is not None:
            failed.append(error)

    began, index = time.monotonic(), 0
    while not stopped and (index < options.count or time.monotonic() - began < options.seconds):
        number = options.first + index
        where = {} if options.partitions is None else {"partition": index % options.partitions}
        headers = {"headers": [("kind", b"order")]} if options.header else {}
        while True:
            try:
                producer.produce(options.topic, body(number, options.size), callback=done, **where, **headers)
                break
            except BufferError:
                producer.poll(0.05)
        index += 1
        producer.poll(0)
        if options.rate:
            time.sleep(max(0, began + index / options.rate - time.monotonic()))
    if producer.flush(30) or failed:
        sys.exit(f"kafka_publisher: not everything was published: {failed[:1]}")
    sys.stdout.write(json.dumps({"client": "publisher", "topic": options.topic, "published": index}) + "\n")


if __name__ == "__main__":
    main()
