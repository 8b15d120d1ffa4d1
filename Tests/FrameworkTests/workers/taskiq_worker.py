"""taskiq with taskiq-aio-pika. Options: smart (SmartRetryMiddleware with a delay queue; else SimpleRetryMiddleware),
early (acknowledged when received), follow (control: a task enqueues a follow-up task)."""

import asyncio
import signal

from taskiq import SimpleRetryMiddleware, SmartRetryMiddleware, TaskiqMiddleware
from taskiq.acks import AcknowledgeType
from taskiq.api import run_receiver_task
from taskiq.exceptions import NoResultError
from taskiq_aio_pika import AioPikaBroker, Exchange, Queue, QueueType

from plan import Plan, TRIES

plan = Plan()


class Hooks(TaskiqMiddleware):
    """Errors pass the middlewares in reverse order: the one for retries has marked the result of what it sent again."""

    async def on_error(self, message, result, exception):
        plan.note("retry" if isinstance(result.error, NoResultError) else "failure", message.args[0])

    async def post_execute(self, message, result):
        if not result.is_err:
            plan.note("success", message.args[0])


def made_broker():
    delay = Queue(name=f"{plan.queue}.delay", type=QueueType.CLASSIC) if plan.options.get("smart") else None
    broker = AioPikaBroker(
        plan.url,
        qos=plan.prefetch,
        delay_queue=delay,
        exchange=Exchange(name=f"{plan.queue}.exchange"),
        task_queues=[Queue(name=plan.queue, type=QueueType.CLASSIC)],
        dead_letter_queue=Queue(name=f"{plan.queue}.dead_letter", type=QueueType.CLASSIC),
    )
    if plan.options.get("smart"):
        retry = SmartRetryMiddleware(default_retry_count=TRIES, default_retry_label=True, default_delay=0.3)
    else:
        retry = SimpleRetryMiddleware(default_retry_count=TRIES, default_retry_label=True)
    return broker.with_middlewares(Hooks(), retry)


broker = made_broker()


@broker.task(task_name="prices:update")
async def update(number):
    plan.handle(number)
    if plan.options.get("follow") and number < plan.messages // 2:
        await update.kiq(number + plan.messages // 2)


async def publishing():
    await broker.startup()
    for number in plan.numbers:
        await update.kiq(number)
    await broker.shutdown()


async def working():
    receiver = asyncio.create_task(
        run_receiver_task(
            broker,
            run_startup=True,
            max_async_tasks=plan.prefetch,
            ack_time=AcknowledgeType.WHEN_RECEIVED if plan.options.get("early") else None,
        )
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, receiver.cancel)
    try:
        await receiver
    except asyncio.CancelledError:
        pass
    await broker.shutdown()


if __name__ == "__main__":
    plan.main(publish=lambda: asyncio.run(publishing()), work=lambda: asyncio.run(working()))
