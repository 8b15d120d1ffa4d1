#!/usr/bin/env python3
"""A member of a Kafka share group (KIP-932) on confluent-kafka, and what it did.

    share_client.py --bootstrap B TOPIC GROUP COUNT

Of the messages numbered 0 to COUNT − 1 it releases every n % 5 = 3 once and rejects it when it comes again, rejects n % 5 = 4
at once and accepts the others.
"""

import argparse
import json
import sys
import time

from confluent_kafka import AcknowledgeType, ShareConsumer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("topic")
    parser.add_argument("group")
    parser.add_argument("count", type=int)
    options = parser.parse_args()
    did = dict.fromkeys(("delivered", "redelivered", "acked", "requeued", "rejected"), 0)
    consumer = ShareConsumer({
        "bootstrap.servers": options.bootstrap, "group.id": options.group, "share.acknowledgement.mode": "explicit",
    })
    consumer.subscribe([options.topic])
    released, left, deadline = set(), 0, time.monotonic() + 60
    while left < options.count:
        if time.monotonic() > deadline:
            sys.exit(f"share_client: only {left} of {options.count} came to an end: {did}")
        for message in consumer.poll(0.2):
            if message.error():
                sys.exit(f"share_client: {message.error()}")
            number = int(message.value()[:9])
            did["delivered"] += 1
            did["redelivered"] += number in released
            if number % 5 == 3 and number not in released:
                released.add(number)
                did["requeued"] += 1
                consumer.acknowledge(message, AcknowledgeType.RELEASE)
                continue
            left += 1
            refused = number % 5 in (3, 4)
            did["rejected" if refused else "acked"] += 1
            consumer.acknowledge(message, AcknowledgeType.REJECT if refused else AcknowledgeType.ACCEPT)
        consumer.commit_sync(10)
    consumer.close()
    sys.stdout.write(json.dumps(did) + "\n")


if __name__ == "__main__":
    main()
