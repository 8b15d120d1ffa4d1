#!/usr/bin/env python3
"""A consumer of Kafka that fails records fast, with confluent-kafka, until SIGTERM.

    failing_kafka_client.py --bootstrap B --topic T --group G [--retries N] [--outage-from EPOCH_S] [--noise SHARE]

From the moment --outage-from on every record fails; before it, and without it, that share of them (at every try). It seeks
back to a record that failed, and after N of that writes it to T.DLT, named as Spring does. It commits each record that is
done. On its end it prints one JSON line: what it did.
"""

import argparse
import json
import random
import signal
import struct
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition


def arguments():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--bootstrap", required=True)
    options.add_argument("--topic", required=True)
    options.add_argument("--group", required=True)
    options.add_argument("--retries", type=int, default=0)
    options.add_argument("--outage-from", type=float, default=float("inf"))
    options.add_argument("--noise", type=float, default=0)
    return options.parse_args()


def source(message):
    return [
        ("kafka_dlt-original-topic", message.topic().encode()),
        ("kafka_dlt-original-partition", struct.pack(">i", message.partition())),
        ("kafka_dlt-original-offset", struct.pack(">q", message.offset())),
    ]


def main():
    options = arguments()
    stopped, tries, did = [], {}, {"acked": 0, "requeued": 0, "dead_lettered": 0}
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    consumer = Consumer({
        "bootstrap.servers": options.bootstrap, "group.id": options.group, "auto.offset.reset": "earliest",
        # A seek waits for the fetch that is out. With 100 ms ten seeks take half a second, and at 50 records a second of
        # which 2 % fail the consumer falls behind by itself, until `dead-letter-storm` rightly sees 60 s of delay.
        "enable.auto.commit": False, "fetch.wait.max.ms": 10,
    })
    producer = Producer({"bootstrap.servers": options.bootstrap, "linger.ms": 0})
    consumer.subscribe([options.topic])
    while not stopped:
        message = consumer.poll(0.1)
        if message is None or message.error():
            continue
        where = message.partition(), message.offset()
        is_bad = time.time() >= options.outage_from or random.Random(message.offset()).random() < options.noise
        if is_bad or where in tries:
            tries[where] = tries.get(where, 0) + 1
            if tries[where] <= options.retries:
                did["requeued"] += 1
                consumer.seek(TopicPartition(message.topic(), *where))
                continue
            del tries[where]
            producer.produce(f"{options.topic}.DLT", message.value(), headers=source(message))
            producer.flush(10)
            did["dead_lettered"] += 1
        else:
            did["acked"] += 1
        consumer.commit(message, asynchronous=False)
    consumer.close()
    print(json.dumps(did), flush=True)


if __name__ == "__main__":
    sys.exit(main())
