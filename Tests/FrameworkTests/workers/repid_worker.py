"""repid with Kafka: a retry (`reject`) is produced to the same topic, equal and without a count; what is given up
(`nack`) goes to repid_Q_dlq with x-original-topic and x-original-offset."""

import asyncio
import signal
from contextvars import ContextVar

from repid import Repid, Router
from repid.connections import KafkaServer

from plan import Failed, Plan, TRIES

plan = Plan()
handled = ContextVar("handled")
app = Repid(title="prices", version="1.0.0")
app.servers.register_server("default", KafkaServer(plan.bootstrap, group_id=plan.queue), is_default=True)
router = Router()


def on_error(problem):
    number, tries = problem.args[1:]
    plan.note("retry" if tries < TRIES else "failure", number)
    return "reject" if tries < TRIES else "nack"


@router.actor(name="update", channel=plan.queue, on_error=on_error)
async def update(number: int) -> None:
    tries = plan.tried(number)
    if plan.fails(number, tries):
        raise Failed(f"message {number} failed", number, tries)
    plan.note("success", number)


app.include_router(router)


async def publishing():
    async with app.servers.default.connection():
        for number in plan.numbers:
            await app.send_message_json(channel=plan.queue, payload={"number": number}, headers={"topic": "update"})


async def working():
    async with app.servers.default.connection():
        await app.run_worker(graceful_shutdown_time=5, register_signals=[signal.SIGTERM])


if __name__ == "__main__":
    plan.main(publish=lambda: asyncio.run(publishing()), work=lambda: asyncio.run(working()))
