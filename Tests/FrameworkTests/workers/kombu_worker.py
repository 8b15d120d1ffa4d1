"""kombu's ConsumerMixin, with retries by hand as programs have them. Options: `how`:

copy      publishes to the own queue with the same message id and x-retries + 1, acks; a final failure is published to
          Q.error with x-exception
counter   the same without message ids, and a final failure is acked after a line in the log
waiting   publishes to Q.wait, which has a TTL and returns to Q; a final failure is rejected without requeue
requeue   requeues; a final failure is rejected without requeue
"""

import signal
import uuid

from kombu import Connection, Exchange, Queue
from kombu.mixins import ConsumerProducerMixin

from plan import Failed, Plan, TRIES

plan = Plan()
how = plan.options["how"]
prices = Queue(plan.queue, Exchange(plan.queue, type="direct"), routing_key=plan.queue)
waiting = Queue(
    f"{plan.queue}.wait",
    Exchange(""),
    routing_key=f"{plan.queue}.wait",
    queue_arguments={
        "x-message-ttl": 300,
        "x-dead-letter-exchange": plan.queue,
        "x-dead-letter-routing-key": plan.queue,
    },
)
errors = Queue(f"{plan.queue}.error", Exchange(""), routing_key=f"{plan.queue}.error")


class Worker(ConsumerProducerMixin):
    def __init__(self, connection):
        self.connection = connection
        self.tries = {}

    def get_consumers(self, consumer, channel):
        return [consumer([prices], callbacks=[self.on_message], prefetch_count=plan.prefetch)]

    def on_message(self, body, message):
        number = body["number"]
        try:
            plan.handle(number)
        except Failed as problem:
            self.on_failure(number, body, message, problem)
        else:
            message.ack()
            plan.note("success", number)

    def on_failure(self, number, body, message, problem):
        retries = int((message.headers or {}).get("x-retries", 0))
        if how == "requeue":
            retries = self.tries[number] = self.tries.get(number, -1) + 1
        final = retries + 1 >= TRIES
        if final and how in ("waiting", "requeue"):
            message.reject()
        elif how == "requeue":
            message.requeue()
        else:
            if not final or how == "copy":
                self.publish_copy(body, message, retries, problem, final)
            message.ack()
        plan.note("failure" if final else "retry", number)

    def publish_copy(self, body, message, retries, problem, final):
        headers = {**(message.headers or {}), "x-retries": retries + 1}
        if final:
            headers["x-exception"] = repr(problem)
        exchange, key = prices.exchange, plan.queue
        if final:
            exchange, key = errors.exchange, errors.name
        elif how == "waiting":
            exchange, key = waiting.exchange, waiting.name
        self.producer.publish(body, exchange=exchange, routing_key=key, headers=headers, **self.identity(message))

    def identity(self, message):
        found = message.properties.get("message_id")
        return {"message_id": found} if found else {}


def publish():
    with Connection(plan.url) as connection, connection.Producer() as producer:
        for queue in (prices, waiting, errors):
            queue(connection.default_channel).declare()
        for number in plan.numbers:
            identity = {} if how == "counter" else {"message_id": str(uuid.uuid4())}
            producer.publish({"number": number}, exchange=prices.exchange, routing_key=plan.queue, **identity)


def work():
    with Connection(plan.url) as connection:
        worker = Worker(connection)

        def stop(*_):
            worker.should_stop = True

        signal.signal(signal.SIGTERM, stop)
        worker.run()


if __name__ == "__main__":
    plan.main(publish=publish, work=work)
