"""Propan: `retry=3` requeues a failure three times, then rejects it."""

import asyncio
import logging
import signal
import uuid

from propan import RabbitBroker
from propan.annotations import RabbitMessage
from propan.brokers.rabbit import RabbitQueue

from plan import Plan, TRIES

plan = Plan()
broker = RabbitBroker(plan.url, consumers=plan.prefetch, logger=None)
prices = RabbitQueue(plan.queue, durable=True)


@broker.handle(prices, retry=TRIES - 1)
async def update(body: dict, message: RabbitMessage):
    number = body["number"]
    tries = plan.tried(number)
    if not plan.fails(number, tries):
        plan.note("success", number)
        return
    plan.note("retry" if tries < TRIES else "failure", number)
    raise RuntimeError(f"message {number} failed")


async def publishing():
    # One without handlers, which would begin to consume.
    async with RabbitBroker(plan.url, logger=None) as publisher:
        await publisher.declare_queue(prices)
        for number in plan.numbers:
            await publisher.publish({"number": number}, prices, message_id=str(uuid.uuid4()))


async def working():
    logging.disable(logging.CRITICAL)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await broker.start()
    await ended.wait()
    await broker.close()


if __name__ == "__main__":
    plan.main(publish=lambda: asyncio.run(publishing()), work=lambda: asyncio.run(working()))
