"""eventiq: a failure is a reject with requeue, as long as the strategy says so; what fails for good is acked."""

import asyncio
import logging
import signal

from eventiq import CloudEvent, Middleware, Service
from eventiq.backends.rabbitmq import RabbitmqBroker
from eventiq.middlewares.retries import RetryMiddleware, RetryWhen, constant

from plan import Plan, TRIES

plan = Plan()
tries = {}
service = Service(
    name=plan.queue, broker=RabbitmqBroker(url=plan.url, exchange_name=f"{plan.queue}.events"), title=plan.queue
)


class Hooks(Middleware):
    async def after_retry_message(self, *, consumer, message, exc):
        plan.note("retry", message.data["number"])

    async def after_fail_message(self, *, consumer, message, exc):
        plan.note("failure", message.data["number"])

    async def after_process_message(self, *, consumer, message, result=None, exc=None):
        if exc is None:
            plan.note("success", message.data["number"])


service.add_middleware(Hooks)
service.add_middleware(
    RetryMiddleware,
    retry_strategy=RetryWhen(
        retry_when=lambda message, exc: tries[message.data["number"]] < TRIES, delay_generator=constant(0), min_delay=0
    ),
)


@service.subscribe(topic=f"{plan.queue}.update", name="update", concurrency=max(1, plan.prefetch // 2))
async def update(message: CloudEvent[dict]):
    number = message.data["number"]
    tries[number] = plan.tried(number)
    if plan.fails(number, tries[number]):
        raise RuntimeError(f"message {number} failed")


async def publishing():
    import aio_pika

    # The queue is the consumer's to declare; here it must be there before the messages are.
    connection = await aio_pika.connect(plan.url)
    channel = await connection.channel()
    exchange = await channel.declare_exchange(f"{plan.queue}.events", aio_pika.ExchangeType.TOPIC, durable=True)
    queue = await channel.declare_queue(f"{plan.queue}:update", durable=True)
    await queue.bind(exchange, routing_key=f"{plan.queue}.update")
    await connection.close()
    await service.broker.connect()
    for number in plan.numbers:
        await service.publish(CloudEvent(topic=f"{plan.queue}.update", data={"number": number}, source="shop"))
    await service.broker.disconnect()


async def working():
    logging.disable(logging.CRITICAL)
    running = asyncio.create_task(service.run(enable_signal_handler=False))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        pass


if __name__ == "__main__":
    plan.main(publish=lambda: asyncio.run(publishing()), work=lambda: asyncio.run(working()))
