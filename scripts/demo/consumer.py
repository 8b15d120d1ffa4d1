#!/usr/bin/env python3
"""An ordinary consumer: it prices orders, acks what worked and gives back what did not. It knows nothing of stormfuse.

    consumer.py PORT QUEUE PREFETCH

Between the moments OUTAGE_FROM and OUTAGE_TO (seconds since the epoch) the service that it asks for prices times out.
When it ends, and whenever its connection fails, it prints what it did as a line of JSON.
"""

import json
import os
import signal
import sys
import time

import pika

WORKING_S, TIMING_OUT_S = 0.004, 0.025
OUTAGE = float(os.environ.get("OUTAGE_FROM", "inf")), float(os.environ.get("OUTAGE_TO", "inf"))


def price(order):
    if OUTAGE[0] <= time.time() < OUTAGE[1]:
        time.sleep(TIMING_OUT_S)
        raise TimeoutError("the price service did not answer")
    time.sleep(WORKING_S)
    return len(order)


counts = {"acked": 0, "given_back": 0, "connections_lost": 0}


def received(channel, method, properties, body):
    try:
        price(body)
    except TimeoutError:
        channel.basic_nack(method.delivery_tag, requeue=True)
        counts["given_back"] += 1
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
