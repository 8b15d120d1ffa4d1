#!/usr/bin/env python3
"""An ordinary consumer: it prices orders, acks what worked, gives back what did not, and rejects an order that did not
work for the seventh time. It knows nothing of stormfuse.

    consumer.py PORT QUEUE PREFETCH

Between the moments OUTAGE_FROM and OUTAGE_TO (seconds since the epoch) the service that it asks for prices is down.
When it ends, and whenever its connection fails, it prints what it did as a line of JSON.
"""

import collections
import json
import os
import signal
import sys
import time

import pika

WORKING_S, FAILING_S = 0.003, 0.004
TRIES = 7
OUTAGE = float(os.environ.get("OUTAGE_FROM", "inf")), float(os.environ.get("OUTAGE_TO", "inf"))


def price(order):
    if OUTAGE[0] <= time.time() < OUTAGE[1]:
        time.sleep(FAILING_S)
        raise ConnectionError("the price service is down")
    time.sleep(WORKING_S)
    return len(order)


counts = {"acked": 0, "given_back": 0, "rejected": 0, "connections_lost": 0}
failed = collections.Counter()  # tries, by message id


def received(channel, method, properties, body):
    try:
        price(body)
    except ConnectionError:
        failed[properties.message_id] += 1
        again = failed[properties.message_id] < TRIES
        channel.basic_nack(method.delivery_tag, requeue=again)
        counts["given_back" if again else "rejected"] += 1
    else:
        channel.basic_ack(method.delivery_tag)
        counts["acked"] += 1


def consume(port, queue, prefetch):
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=prefetch)
    channel.basic_consume(queue, received)
    signal.signal(signal.SIGTERM, lambda *_: connection.add_callback_threadsafe(channel.stop_consuming))
    channel.start_consuming()
    connection.close()


def main():
    port, queue, prefetch = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            consume(port, queue, prefetch)
            break
        except pika.exceptions.AMQPConnectionError:
            counts["connections_lost"] += 1
            print(json.dumps(counts), flush=True)
            time.sleep(1)
    print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()
