#!/usr/bin/env python3
"""An ordinary publisher: orders at a steady rate into a durable queue with a dead-letter queue.

On SIGTERM it ends and prints how many the broker has confirmed.
"""

import signal
import sys
import time

import pika

PER_SECOND = 60


def main():
    port, queue = int(sys.argv[1]), sys.argv[2]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))
    channel = connection.channel()
    channel.exchange_declare(f"{queue}.dlx", "fanout", durable=True)
    channel.queue_declare(f"{queue}.dlq", durable=True)
    channel.queue_bind(f"{queue}.dlq", f"{queue}.dlx")
    channel.queue_declare(queue, durable=True, arguments={"x-dead-letter-exchange": f"{queue}.dlx"})
    channel.confirm_delivery()
    print("declared", flush=True)
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    began, sent = time.monotonic(), 0
    while not stopped:
        properties = pika.BasicProperties(timestamp=int(time.time()), message_id=f"order-{sent}", delivery_mode=2)
        channel.basic_publish("", queue, b'{"order": %d, "items": ["fuse", "storm lamp"]}' % sent, properties)
        sent += 1
        connection.sleep(max(0, began + sent / PER_SECOND - time.monotonic()))
    connection.close()
    print(sent, flush=True)


if __name__ == "__main__":
    main()
