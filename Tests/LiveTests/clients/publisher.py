#!/usr/bin/env python3
"""Publishes numbered messages whose bodies the clients can check, and says how many.

Besides what behaviour.py lists: --sizes LIST (bytes, SIZE or SIZExTIMES, taken in turn), --timestamp, --message-id,
--confirm, --exchange X, --rate PER_SECOND, --first N (number of the first message), --count 0 only declares.
"""

import json
import sys
import time

import pika

from behaviour import body, parser, queue_arguments


def sizes(text):
    result = []
    for item in text.split(","):
        size, _, times = item.partition("x")
        result += [int(size)] * int(times or 1)
    return result


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--sizes", type=sizes, default=[100])
    arguments.add_argument("--timestamp", action="store_true")
    arguments.add_argument("--message-id", action="store_true")
    arguments.add_argument("--confirm", action="store_true")
    arguments.add_argument("--exchange", default="")
    arguments.add_argument("--rate", type=float, default=0)
    arguments.add_argument("--first", type=int, default=0)
    options = arguments.parse_args()
    connection = pika.BlockingConnection(
        pika.ConnectionParameters(options.host, options.port, options.vhost, heartbeat=options.heartbeat)
    )
    channel = connection.channel()
    if options.dead_letter_exchange:
        channel.exchange_declare(options.dead_letter_exchange, "fanout", durable=True)
        dead = f"{options.queue}.dlq"
        channel.queue_declare(dead, durable=True)
        channel.queue_bind(dead, options.dead_letter_exchange)
    if options.declare:
        channel.queue_declare(options.queue, durable=True, arguments=queue_arguments(options))
    if options.confirm:
        channel.confirm_delivery()
    began = time.monotonic()
    for index in range(options.count):
        number = options.first + index
        properties = pika.BasicProperties(
            delivery_mode=2 if options.declare in ("quorum", "stream") else 1,
            timestamp=int(time.time()) if options.timestamp else None,
            message_id=f"{options.queue}-{number}" if options.message_id else None,
        )
        data = body(number, options.sizes[index % len(options.sizes)])
        channel.basic_publish(options.exchange, options.queue, data, properties)
        if options.rate:
            due = began + (index + 1) / options.rate
            connection.sleep(max(0, due - time.monotonic()))
    connection.close()
    sys.stdout.write(json.dumps({"client": "publisher", "queue": options.queue, "published": options.count}) + "\n")


if __name__ == "__main__":
    main()
