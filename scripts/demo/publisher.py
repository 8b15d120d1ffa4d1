#!/usr/bin/env python3
"""An ordinary publisher: orders at a steady rate into a quorum queue with a delivery limit and a dead-letter queue."""

import signal
import sys
import time

import pika

PER_SECOND = 40
DELIVERY_LIMIT = 6


def main():
    port, queue = int(sys.argv[1]), sys.argv[2]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))
    channel = connection.channel()
    channel.exchange_declare(f"{queue}.dlx", "fanout", durable=True)
    channel.queue_declare(f"{queue}.dlq", durable=True)
    channel.queue_bind(f"{queue}.dlq", f"{queue}.dlx")
    limits = {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT, "x-dead-letter-exchange": f"{queue}.dlx"}
    channel.queue_declare(queue, durable=True, arguments=limits)
    print("declared", flush=True)
    began, sent = time.monotonic(), 0
    while True:
        properties = pika.BasicProperties(timestamp=int(time.time()), message_id=f"order-{sent}", delivery_mode=2)
        channel.basic_publish("", queue, b'{"order": %d, "items": ["fuse", "storm lamp"]}' % sent, properties)
        sent += 1
        connection.sleep(max(0, began + sent / PER_SECOND - time.monotonic()))


if __name__ == "__main__":
    main()
