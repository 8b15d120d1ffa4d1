#!/usr/bin/env python3
"""A consumer on pika that behaves as told and says what it did; see behaviour.py."""

import os
import signal
import time

import pika

from behaviour import Behaviour, consumer_arguments, queue_arguments


def consume(options, behaviour):
    """One connection from its beginning to its end in good order; whatever else ends it is an exception."""
    connection = pika.BlockingConnection(
        pika.ConnectionParameters(options.host, options.port, options.vhost, heartbeat=options.heartbeat)
    )
    channel = connection.channel()
    if options.declare:
        channel.queue_declare(options.queue, durable=True, arguments=queue_arguments(options))
    if options.prefetch:
        channel.basic_qos(prefetch_count=options.prefetch)
    last = time.monotonic()

    def carry_out(decisions):
        for decision in decisions:
            if decision.kind == "ack":
                channel.basic_ack(decision.tag, multiple=decision.multiple)
            elif decision.kind == "nack":
                channel.basic_nack(decision.tag, requeue=decision.requeue)
            else:
                channel.basic_reject(decision.tag, requeue=decision.requeue)

    def received(_, method, properties, data):
        nonlocal last
        last = time.monotonic()
        if behaviour.done:
            return
        if options.delay_ms:
            connection.sleep(options.delay_ms / 1000)
        count = (properties.headers or {}).get("x-delivery-count", 0)
        carry_out(behaviour.received(method.delivery_tag, method.redelivered, count, data))
        if behaviour.dead:
            behaviour.end(crashed=True)
            os.kill(os.getpid(), signal.SIGKILL)

    if not options.get:
        channel.basic_consume(options.queue, received, auto_ack=options.no_ack)
    behaviour.connected()
    while not behaviour.done:
        if options.get:
            method, properties, data = channel.basic_get(options.queue, auto_ack=options.no_ack)
            if method:
                received(channel, method, properties, data)
                continue
            time.sleep(0.01)
        else:
            connection.process_data_events(time_limit=0.05)
        if time.monotonic() - last > 0.1:
            carry_out(behaviour.flush(final=True))
        if options.idle_ms and time.monotonic() - last > options.idle_ms / 1000 and not behaviour.outstanding:
            break
    connection.process_data_events(time_limit=0)
    connection.close()
    behaviour.journal.write("closed")


def main():
    options = consumer_arguments(__doc__)
    behaviour = Behaviour(options, "pika")
    if options.log:
        signal.signal(signal.SIGTERM, lambda *_: behaviour.stop())
    while True:
        try:
            consume(options, behaviour)
            break
        except (pika.exceptions.AMQPError, OSError) as problem:
            if not options.log:
                raise
            behaviour.lost(problem)
            if behaviour.done:
                break
            time.sleep(0.2)
    behaviour.end()


if __name__ == "__main__":
    main()
