#!/usr/bin/env python3
"""An ordinary publisher: orders at a steady rate into a Kafka topic.

On SIGTERM it ends and prints how many the broker has confirmed.
"""

import signal
import sys
import time

from confluent_kafka import Producer

PER_SECOND = 40


def main():
    bootstrap, topic = sys.argv[1], sys.argv[2]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
    print("declared", flush=True)
    stopped, confirmed = [], []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    began, sent = time.monotonic(), 0
    while not stopped:
        order = b'{"order": %d, "items": ["fuse", "storm lamp"]}' % sent
        producer.produce(topic, order, callback=lambda error, _: error or confirmed.append(True))
        sent += 1
        producer.poll(0)
        time.sleep(max(0, began + sent / PER_SECOND - time.monotonic()))
    producer.flush(10)
    print(len(confirmed), flush=True)


if __name__ == "__main__":
    main()
