#!/usr/bin/env python3
"""A consumer of RabbitMQ that fails messages fast, with pika, until SIGTERM.

    failing_client.py --port P --queue Q --declare classic|quorum [--retries N] [--wait-s S]
                      [--outage-from EPOCH_S] [--noise SHARE] [--only-declare]

From the moment --outage-from on every message fails; before it, and without it, that share of them (at every try). At once:
nack with requeue, and after N of them reject, into Q.dlq. With --wait-s: reject into Q.wait, which returns it after S
seconds, and after N of them a copy onto Q.dlq and an ack. On its end it prints one JSON line: what it did.
"""

import json
import random
import signal
import sys
import time

import pika

from behaviour import parser


def arguments():
    options = parser(__doc__)
    options.add_argument("--retries", type=int, default=0)
    options.add_argument("--wait-s", type=float, default=0)
    options.add_argument("--outage-from", type=float, default=float("inf"))
    options.add_argument("--noise", type=float, default=0)
    options.add_argument("--only-declare", action="store_true")
    return options.parse_args()


def declare(channel, options):
    queue, kind = options.queue, {"x-queue-type": options.declare or "classic"}
    channel.queue_declare(f"{queue}.dlq", durable=True)
    after = f"{queue}.wait" if options.wait_s else f"{queue}.dlq"
    dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": after}
    channel.queue_declare(queue, durable=True, arguments={**kind, **dead})
    if options.wait_s:
        back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue}
        channel.queue_declare(after, durable=True, arguments={"x-message-ttl": round(options.wait_s * 1000), **back})


def is_bad(number, options):
    return time.time() >= options.outage_from or random.Random(number).random() < options.noise


class Consumer:
    def __init__(self, options):
        self.options = options
        self.tries = {}  # of what has failed, by number
        self.did = {"acked": 0, "requeued": 0, "dead_lettered": 0}

    def received(self, channel, method, properties, data):
        number = int(data[:9])
        if number not in self.tries and not is_bad(number, self.options):
            channel.basic_ack(method.delivery_tag)
            self.did["acked"] += 1
            return
        self.tries[number] = self.tries.get(number, 0) + 1
        again = self.tries[number] <= self.options.retries
        if not again:
            del self.tries[number]
        self.did["requeued" if again else "dead_lettered"] += 1
        if self.options.wait_s and not again:
            kept = pika.BasicProperties(message_id=properties.message_id)
            channel.basic_publish("", f"{self.options.queue}.dlq", data, kept)
            channel.basic_ack(method.delivery_tag)
        else:
            channel.basic_nack(method.delivery_tag, requeue=again and not self.options.wait_s)


def main():
    options = arguments()
    connection = pika.BlockingConnection(pika.ConnectionParameters(options.host, options.port, heartbeat=60))
    channel = connection.channel()
    declare(channel, options)
    if options.only_declare:
        connection.close()
        return
    consumer = Consumer(options)
    signal.signal(signal.SIGTERM, lambda *_: connection.add_callback_threadsafe(channel.stop_consuming))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel.basic_qos(prefetch_count=20)
    channel.basic_consume(options.queue, consumer.received)
    channel.start_consuming()
    connection.close()
    print(json.dumps(consumer.did), flush=True)


if __name__ == "__main__":
    sys.exit(main())
