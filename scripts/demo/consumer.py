#!/usr/bin/env python3
"""An ordinary consumer: it prices orders, acks what worked and gives back what did not. It knows nothing of stormfuse.

Between the moments OUTAGE_FROM and OUTAGE_TO (seconds since the epoch) the service that it asks for prices times out.
"""

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


def received(channel, method, properties, body):
    try:
        price(body)
    except TimeoutError:
        channel.basic_nack(method.delivery_tag, requeue=True)
    else:
        channel.basic_ack(method.delivery_tag)


def main():
    port, queue = int(sys.argv[1]), sys.argv[2]
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=20)
    channel.basic_consume(queue, received)
    signal.signal(signal.SIGTERM, lambda *_: connection.add_callback_threadsafe(channel.stop_consuming))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel.start_consuming()
    connection.close()


if __name__ == "__main__":
    main()
