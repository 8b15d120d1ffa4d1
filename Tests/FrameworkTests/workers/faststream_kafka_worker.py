"""FastStream with Kafka. Options: `client` (aiokafka, confluent), `how`:

seek    AckPolicy.NACK_ON_ERROR: a failure seeks back to the record; the fourth is published to Q.DLT, with key and
        value, and committed
copies  AckPolicy.ACK: a failure is published to Q.retry, which the same group consumes, with x-attempt + 1 and the
        correlation id; the fourth to Q.DLT
"""

import asyncio
import signal

from faststream import AckPolicy, BaseMiddleware, Context

from plan import Failed, Plan, TRIES

plan = Plan()
how, client = plan.options["how"], plan.options["client"]
if client == "aiokafka":
    from faststream.kafka import KafkaBroker
else:
    from faststream.confluent import KafkaBroker
Q = plan.queue


class Hooks(BaseMiddleware):
    async def consume_scope(self, call_next, msg):
        try:
            result = await call_next(msg)
        except Failed:
            plan.note("retry", int(msg.headers["number"]))
            raise
        plan.note(result, int(msg.headers["number"]))
        return result


# The mock broker does not know the request that creates topics.
creation = {} if client == "aiokafka" else {"allow_auto_create_topics": False}
broker = KafkaBroker(plan.bootstrap, middlewares=[Hooks], **creation)
policy = AckPolicy.NACK_ON_ERROR if how == "seek" else AckPolicy.ACK


@broker.subscriber(
    Q, *([f"{Q}.retry"] if how == "copies" else []), group_id=Q, auto_offset_reset="earliest", ack_policy=policy
)
async def update(body: dict, message=Context("message")):
    number = body["number"]
    tries = plan.tried(number)
    if not plan.fails(number, tries):
        return "success"
    raw = message.raw_message
    key = raw.key if client == "aiokafka" else raw.key()
    if tries >= TRIES:
        await broker.publish(body, f"{Q}.DLT", key=key, correlation_id=message.correlation_id)
        return "failure"
    if how == "seek":
        raise Failed(f"message {number} failed")
    headers = {**message.headers, "x-attempt": str(int(message.headers.get("x-attempt", 1)) + 1)}
    await broker.publish(body, f"{Q}.retry", key=key, headers=headers, correlation_id=message.correlation_id)
    return "retry"


async def publishing():
    async with KafkaBroker(plan.bootstrap, **creation) as publisher:
        for number in plan.numbers:
            await publisher.publish({"number": number}, Q, key=b"%d" % number, headers={"number": str(number)})


async def working():
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await broker.start()
    await ended.wait()
    await broker.stop()


if __name__ == "__main__":
    plan.main(publish=lambda: asyncio.run(publishing()), work=lambda: asyncio.run(working()))
