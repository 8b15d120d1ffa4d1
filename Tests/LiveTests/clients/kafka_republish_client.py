#!/usr/bin/env python3
"""A consumer on confluent-kafka that tries failed records again by publishing them to their own topic, and says what it did.

    kafka_republish_client.py --bootstrap ADDRESS --topic NAME --group NAME [--publish N | --count N]

With --publish it publishes N records and ends: record K is of kind K mod 5. Without, it consumes until it has handled --count
records. A record of kind 0 succeeds at once; the others fail a few times, and each failure publishes an equal record, with a mark:

    1  twice; header x-retry-count, the number of retries     2  three times; header x-exception
    3  three times; header tour, which the first record has as 0     4  twice; no mark at all

Then the failed record is committed. It prints one JSON line: delivered, acked, requeued, acked_paired, returned, attempts_max.
"""

import argparse
import json

from confluent_kafka import Consumer, Producer

FAILURES = {0: 0, 1: 2, 2: 3, 3: 3, 4: 2}
MARK = {1: "x-retry-count", 2: "x-exception", 3: "tour"}


def publish(producer, topic, count):
    for k in range(count):
        headers = [("source", b"test")] + ([("tour", b"0")] if k % 5 == 3 else [])
        producer.produce(topic, f"order {k}", f"k{k}", headers=headers)
    producer.flush(10)


def consume(options, producer):
    consumer = Consumer({
        "bootstrap.servers": options.bootstrap, "group.id": options.group, "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "client.id": "republish", "session.timeout.ms": 10_000, "fetch.wait.max.ms": 100,
    })
    consumer.subscribe([options.topic])
    tries, did = {}, dict.fromkeys(("delivered", "acked", "requeued", "acked_paired", "returned"), 0)
    while did["delivered"] < options.count:
        message = consumer.poll(0.1)
        if message is None:
            continue
        if message.error():
            raise SystemExit(f"kafka_republish_client: {message.error()}")
        kind = int(message.value().split()[1]) % 5
        tries[message.value()] = tries.get(message.value(), 0) + 1
        did["delivered"] += 1
        if tries[message.value()] <= FAILURES[kind]:
            retries = tries[message.value()]
            value = b"ValueError: no such order" if kind == 2 else str(retries).encode()
            headers = [(name, old) for name, old in message.headers() or [] if name != MARK.get(kind)]
            headers += [(MARK[kind], value)] if kind in MARK else []
            producer.produce(options.topic, message.value(), message.key(), headers=headers)
            producer.flush(10)
            for term in ("requeued", "acked_paired") if kind in MARK else ("acked", "returned"):
                did[term] += 1
        else:
            did["acked"] += 1
        consumer.commit(message=message, asynchronous=False)
    consumer.close()
    print(json.dumps({**did, "attempts_max": max(tries.values())}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("bootstrap", "topic", "group"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--publish", type=int)
    parser.add_argument("--count", type=int)
    options = parser.parse_args()
    producer = Producer({"bootstrap.servers": options.bootstrap, "client.id": "republish", "linger.ms": 0})
    if options.publish:
        publish(producer, options.topic, options.publish)
    else:
        consume(options, producer)


if __name__ == "__main__":
    main()
