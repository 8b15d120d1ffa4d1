#!/usr/bin/env python3
"""consumer.py PORT QUEUE COUNT FILE [RATE]: a pika consumer that does nothing but ack, prefetch 100, at most RATE messages/s.

Writes to FILE {"messages":…, "cpu_s":…, "wall_s":…}: its own user and system time (getrusage(2)) and the time passed from
its first message to its last ack, without the interpreter's start and the login.
"""

import json
import resource
import sys
import time

import pika


def now():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, time.monotonic()


def main():
    port, queue, count, path = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    rate = int(sys.argv[5]) if len(sys.argv) > 5 else None
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=100)
    acked = 0
    began = ended = None

    def received(channel, method, properties, body):
        nonlocal acked, began, ended
        if acked == 0:
            began = now()
        if rate and acked % 8 == 0:
            time.sleep(max(0, began[1] + acked / rate - time.monotonic()))
        if acked < count:
            channel.basic_ack(method.delivery_tag)
            acked += 1
            if acked == count:
                ended = now()
                channel.stop_consuming()

    channel.basic_consume(queue, received)
    channel.start_consuming()
    connection.close()
    result = {"messages": count, "cpu_s": ended[0] - began[0], "wall_s": ended[1] - began[1]}
    with open(path, "w") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
