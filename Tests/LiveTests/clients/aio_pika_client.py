#!/usr/bin/env python3
"""A consumer on aio-pika that behaves as told and says what it did; see behaviour.py."""

import asyncio
import os
import signal
import time

import aio_pika

from behaviour import Behaviour, consumer_arguments, queue_arguments


async def consume(options, behaviour):
    """One connection from its beginning to its end in good order; whatever else ends it is an exception."""
    connection = await aio_pika.connect(
        host=options.host, port=options.port, virtualhost=options.vhost, heartbeat=options.heartbeat
    )
    channel = await connection.channel()
    if options.prefetch:
        await channel.set_qos(prefetch_count=options.prefetch)
    if options.declare:
        queue = await channel.declare_queue(options.queue, durable=True, arguments=queue_arguments(options))
    else:
        queue = await channel.get_queue(options.queue, ensure=False)
    last = time.monotonic()
    outstanding = {}  # messages by delivery tag: aio-pika settles through the message

    async def carry_out(decisions):
        for decision in decisions:
            message = outstanding[decision.tag]
            if decision.kind == "ack":
                await message.ack(multiple=decision.multiple)
                ended = [tag for tag in outstanding if tag <= decision.tag] if decision.multiple else [decision.tag]
            else:
                await (message.nack if decision.kind == "nack" else message.reject)(requeue=decision.requeue)
                ended = [decision.tag]
            for tag in ended:
                del outstanding[tag]

    async def received(message):
        nonlocal last
        last = time.monotonic()
        if options.delay_ms:
            await asyncio.sleep(options.delay_ms / 1000)
        if not options.no_ack:
            outstanding[message.delivery_tag] = message
        count = message.headers.get("x-delivery-count", 0)
        await carry_out(behaviour.received(message.delivery_tag, message.redelivered, count, message.body))
        if behaviour.dead:
            behaviour.end(crashed=True)
            os.kill(os.getpid(), signal.SIGKILL)

    # aio-pika runs callbacks as tasks, side by side; an inbox keeps the broker's order.
    inbox = asyncio.Queue()
    if not options.get:
        await queue.consume(inbox.put, no_ack=options.no_ack)
    behaviour.connected()
    while not behaviour.done:
        if options.get:
            message = await queue.get(no_ack=options.no_ack, fail=False)
        else:
            try:
                message = await asyncio.wait_for(inbox.get(), 0.1)
            except asyncio.TimeoutError:
                message = None
        if message:
            await received(message)
            continue
        if channel.is_closed:
            raise ConnectionError("the channel or its connection was closed")
        if options.get:
            await asyncio.sleep(0.01)
        if time.monotonic() - last > 0.1:
            await carry_out(behaviour.flush(final=True))
        if options.idle_ms and time.monotonic() - last > options.idle_ms / 1000 and not behaviour.outstanding:
            break
    await connection.close()
    behaviour.journal.write("closed")


async def main():
    options = consumer_arguments(__doc__)
    behaviour = Behaviour(options, "aio-pika")
    if options.log:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, behaviour.stop)
    while True:
        try:
            await consume(options, behaviour)
            break
        # Whatever way the library has of saying that the connection is gone: AMQP errors, states, time limits.
        except (aio_pika.exceptions.AMQPError, OSError, RuntimeError, asyncio.TimeoutError) as problem:
            if not options.log:
                raise
            behaviour.lost(problem)
            if behaviour.done:
                break
            await asyncio.sleep(0.2)
    behaviour.end()


if __name__ == "__main__":
    asyncio.run(main())
