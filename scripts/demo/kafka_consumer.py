#!/usr/bin/env python3
"""An ordinary Kafka consumer: it prices orders and commits each; what fails six times goes to the dead-letter topic. It
knows nothing of stormfuse.

    kafka_consumer.py BOOTSTRAP TOPIC GROUP

Between the moments OUTAGE_FROM and OUTAGE_TO (seconds since the epoch) the service that it asks for prices times out. When it
ends, it prints what it did as a line of JSON.
"""

import json
import os
import signal
import struct
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition

WORKING_S, TIMING_OUT_S = 0.004, 0.025
ATTEMPTS = 6
OUTAGE = float(os.environ.get("OUTAGE_FROM", "inf")), float(os.environ.get("OUTAGE_TO", "inf"))
counts = {"acked": 0, "given_back": 0, "dead_lettered": 0, "rebalances": 0, "members_lost": 0}


def price(order):
    if OUTAGE[0] <= time.time() < OUTAGE[1]:
        time.sleep(TIMING_OUT_S)
        raise TimeoutError("the price service did not answer")
    time.sleep(WORKING_S)
    return len(order)


def source(message):
    """As Spring and others mark a dead letter."""
    return [
        ("kafka_dlt-original-topic", message.topic().encode()),
        ("kafka_dlt-original-partition", struct.pack(">i", message.partition())),
        ("kafka_dlt-original-offset", struct.pack(">q", message.offset())),
    ]


def handle(consumer, producer, message, failed):
    where = message.topic(), message.partition(), message.offset()
    try:
        price(message.value())
    except TimeoutError:
        failed[where] = failed.get(where, 0) + 1
        if failed[where] < ATTEMPTS:
            counts["given_back"] += 1
            consumer.seek(TopicPartition(*where))
            return
        producer.produce(f"{message.topic()}.DLT", message.value(), headers=source(message))
        producer.flush(10)
        counts["dead_lettered"] += 1
    else:
        counts["acked"] += 1
    failed.pop(where, None)
    consumer.commit(message, asynchronous=False)


def main():
    bootstrap, topic, group = sys.argv[1:4]
    stopped, failed, assignments = [], {}, []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def lost(*_):
        counts["members_lost"] += 1

    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False,
        "session.timeout.ms": 6000, "heartbeat.interval.ms": 2000,
    })
    producer = Producer({"bootstrap.servers": bootstrap})
    consumer.subscribe([topic], on_assign=lambda *_: assignments.append(True), on_lost=lost)
    while not stopped:
        message = consumer.poll(0.1)
        if message is not None and not message.error():
            handle(consumer, producer, message, failed)
    counts["rebalances"] = max(0, len(assignments) - 1)
    consumer.close()
    print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()
