"""What Celery's publisher and worker of the demonstration share: the queue with its dead-letter queue, and the
application.

One setting differs from Celery's own: a task that fails for good is rejected, after late acks, and goes to the dead-letter
queue. By default Celery acks it, and nothing outside the worker can tell it from one that went well.
"""

from celery import Celery
from kombu import Exchange, Queue


def application(port, queue, prefetch=1):
    app = Celery("shop", broker=f"amqp://guest:guest@127.0.0.1:{port}//")
    dead = {"x-dead-letter-exchange": f"{queue}.dlx"}
    app.conf.update(
        task_queues=[Queue(queue, Exchange(queue, type="direct"), routing_key=queue, queue_arguments=dead)],
        task_default_queue=queue,
        task_default_exchange=queue,
        task_default_routing_key=queue,
        task_ignore_result=True,
        task_acks_late=True,
        task_acks_on_failure_or_timeout=False,
        worker_prefetch_multiplier=prefetch,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
    )
    return app


def declare(app, queue):
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        letters = Exchange(f"{queue}.dlx", type="fanout")
        Queue(f"{queue}.dlq", letters, durable=True)(channel).declare()
        app.amqp.queues[queue](channel).declare()
