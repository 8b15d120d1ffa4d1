"""dramatiq. Options: delay_ms before a retry (200 unless said), follow (control: every actor enqueues a follow-up job,
every third one delayed)."""

import os
import signal
import threading

from plan import Plan, TRIES

plan = Plan()
# Read when the consumer is made.
os.environ["dramatiq_queue_prefetch"] = str(plan.prefetch)

import dramatiq  # noqa: E402
from dramatiq.brokers.rabbitmq import RabbitmqBroker  # noqa: E402
from dramatiq.middleware import AgeLimit, Middleware, Retries, TimeLimit  # noqa: E402


class Hooks(Middleware):
    def __init__(self):
        self.failed = set()

    def after_process_message(self, broker, message, *, result=None, exception=None):
        if exception is not None:
            self.failed.add(message.message_id)

    def after_ack(self, broker, message):
        # The queue of delayed messages hands over without processing.
        if message.queue_name == plan.queue:
            failed = message.message_id in self.failed
            self.failed.discard(message.message_id)
            plan.note("retry" if failed else "success", message.args[0])

    def after_nack(self, broker, message):
        plan.note("failure", message.args[0])


delay_ms = plan.options.get("delay_ms", 200)
retries = Retries(max_retries=TRIES - 1, min_backoff=delay_ms, max_backoff=delay_ms)
broker = RabbitmqBroker(url=plan.url, middleware=[AgeLimit(), TimeLimit(), Hooks(), retries])
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name=plan.queue)
def update(number):
    plan.handle(number)
    if plan.options.get("follow") and number < plan.messages // 2:
        update.send_with_options(args=(number + plan.messages // 2,), delay=300 if number % 3 == 0 else None)


def publish():
    for number in plan.numbers:
        update.send(number)


def work():
    worker = dramatiq.Worker(broker, worker_threads=1)
    worker.start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ended.wait()
    worker.stop()
    broker.close()


if __name__ == "__main__":
    plan.main(publish=publish, work=work)
