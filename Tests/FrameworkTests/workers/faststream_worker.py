"""FastStream with RabbitMQ. Options: `how`:

reject   the default, AckPolicy.REJECT_ON_ERROR: whatever raises is rejected without requeue
nack     AckPolicy.NACK_ON_ERROR; the fourth failure raises RejectMessage
copies   AckPolicy.ACK, and the handler publishes: a retry to Q.retry (TTL, returns to Q) with the same message id and
         x-retry-count, a final failure to Q.dead
first    AckPolicy.ACK_FIRST: acknowledged on receipt, the handler publishes what failed to Q.dead
"""

import asyncio
import signal
import uuid

from faststream import AckPolicy, BaseMiddleware
from faststream.exceptions import RejectMessage
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage, RabbitQueue

from plan import Failed, Plan, TRIES

plan = Plan()
how = plan.options["how"]
policy = {
    "reject": AckPolicy.REJECT_ON_ERROR,
    "nack": AckPolicy.NACK_ON_ERROR,
    "copies": AckPolicy.ACK,
    "first": AckPolicy.ACK_FIRST,
}[how]
prices = RabbitQueue(plan.queue, durable=True)
back = {"x-message-ttl": 300, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": plan.queue}
retry = RabbitQueue(f"{plan.queue}.retry", durable=True, arguments=back)
dead = RabbitQueue(f"{plan.queue}.dead", durable=True)


class Hooks(BaseMiddleware):
    async def consume_scope(self, call_next, msg):
        number = int(msg.headers["number"])
        try:
            result = await call_next(msg)
        except RejectMessage:
            plan.note("failure", number)
            raise
        except Failed:
            plan.note("failure" if how == "reject" else "retry", number)
            raise
        if result in ("retry", "failure"):
            plan.note(result, number)
        else:
            plan.note("success", number)
        return result


broker = RabbitBroker(plan.url, middlewares=[Hooks], default_channel=Channel(prefetch_count=plan.prefetch))


@broker.subscriber(prices, ack_policy=policy, no_reply=True)
async def update(body: dict, message: RabbitMessage):
    number = body["number"]
    tries = plan.tried(number)
    if not plan.fails(number, tries):
        return "success"
    if how == "nack" and tries >= TRIES:
        raise RejectMessage()
    if how in ("reject", "nack"):
        raise Failed(f"message {number} failed")
    is_final = how == "first" or tries >= TRIES
    headers = {**message.headers, "x-retry-count": int(message.headers.get("x-retry-count", 0)) + 1}
    if is_final:
        headers["x-error"] = f"message {number} failed"
    await broker.publish(
        body,
        dead if is_final else retry,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        headers=headers,
    )
    return "failure" if is_final else "retry"


async def publishing():
    async with broker:
        for queue in (prices, retry, dead):
            await broker.declare_queue(queue)
        for number in plan.numbers:
            await broker.publish({"number": number}, prices, message_id=str(uuid.uuid4()), headers={"number": number})


async def working():
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await broker.start()
    await ended.wait()
    await broker.stop()


if __name__ == "__main__":
    plan.main(publish=lambda: asyncio.run(publishing()), work=lambda: asyncio.run(working()))
