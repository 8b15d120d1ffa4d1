"""remoulade. Options: delay_ms before a retry (200 unless said)."""

import signal
import threading

import remoulade
from remoulade import Worker
from remoulade.brokers.rabbitmq import RabbitmqBroker
from remoulade.middleware import AgeLimit, Middleware, Retries

from plan import Plan, TRIES

plan = Plan()


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
retries = Retries(
    max_retries=TRIES - 1, min_backoff=delay_ms, max_backoff=delay_ms, backoff_strategy="constant", jitter=False
)
broker = RabbitmqBroker(url=plan.url.rstrip("/"), middleware=[AgeLimit(), Hooks(), retries])
remoulade.set_broker(broker)


@remoulade.actor(queue_name=plan.queue)
def update(number):
    plan.handle(number)


remoulade.declare_actors([update])


def publish():
    for number in plan.numbers:
        update.send(number)


def work():
    worker = Worker(broker, worker_threads=1, prefetch_multiplier=plan.prefetch)
    worker.start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ended.wait()
    worker.stop()
    broker.close()


if __name__ == "__main__":
    plan.main(publish=publish, work=work)
