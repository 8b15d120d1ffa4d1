#!/usr/bin/env python3
"""A consumer on pika that publishes on the connection on which it consumes, and times each publish.

    sharing_client.py HOST PORT QUEUE OTHER_QUEUE LOG

It publishes to OTHER_QUEUE every 50 ms on a channel with confirms, beside consuming QUEUE with prefetch 20 and acks.
LOG gets the lines of behaviour.py's Journal and, for each publish, `published NANOSECONDS` from its call to its confirm.
Ends with SIGTERM.
"""

import signal
import sys
import time

import pika

from behaviour import Journal

EVERY_S = 0.05


def main():
    host, port, queue, other, log = sys.argv[1:]
    journal, stopping = Journal(log), []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    connection = pika.BlockingConnection(pika.ConnectionParameters(host, int(port), heartbeat=10))
    consuming, publishing = connection.channel(), connection.channel()
    publishing.queue_declare(other, durable=True)
    publishing.confirm_delivery()
    consuming.basic_qos(prefetch_count=20)

    def received(channel, method, _, data):
        journal.got(data, method.redelivered)
        channel.basic_ack(method.delivery_tag)

    consuming.basic_consume(queue, received)
    journal.connected()
    while not stopping:
        began = time.monotonic_ns()
        publishing.basic_publish("", other, b"made from what was consumed")
        journal.write(f"published {time.monotonic_ns() - began}")
        connection.process_data_events(time_limit=EVERY_S)
    journal.write("closing")
    connection.close()
    journal.write("closed")


if __name__ == "__main__":
    main()
