"""What the queues of a case are filled with, and what is left in them."""

import sys
import threading
import time

import pika

from processes import CLIENTS

sys.path.insert(0, str(CLIENTS))
from behaviour import body  # noqa: E402  (found through the path set above)


class Load:
    """Publishes numbered messages to several queues side by side, on a connection and a thread of its own."""

    BODY_BYTES = 100

    def __init__(self, port, queues, rate, host="127.0.0.1"):
        """`rate`: messages per second, to each of `queues`."""
        self.parameters = pika.ConnectionParameters(host, port, heartbeat=0)
        self.queues, self.rate = list(queues), rate
        self.published = dict.fromkeys(self.queues, 0)
        self.stopping = threading.Event()
        self.problem = None
        self.control = pika.BlockingConnection(self.parameters)
        self.channel = self.control.channel()
        for queue in self.queues:
            self.channel.queue_declare(queue, durable=True)
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def run(self):
        try:
            connection = pika.BlockingConnection(self.parameters)
            channel = connection.channel()
            # Confirms, so that what counts as published is in the queue.
            channel.confirm_delivery()
            began, done = time.monotonic(), 0
            while not self.stopping.is_set():
                for queue in self.queues:
                    number = self.published[queue]
                    channel.basic_publish("", queue, body(number, self.BODY_BYTES))
                    self.published[queue] = number + 1
                done += 1
                self.stopping.wait(max(0, began + done / self.rate - time.monotonic()))
            connection.close()
        except Exception as problem:  # of a thread: told by whoever joins it
            self.problem = problem

    def stop(self):
        """After it nothing is published any more, and `published` is final."""
        self.stopping.set()
        self.thread.join(30)
        if self.problem:
            raise self.problem

    def left(self, queue):
        """Messages that nobody has."""
        return self.channel.queue_declare(queue, passive=True).method.message_count

    def close(self):
        self.stopping.set()
        if self.thread.ident is not None:
            self.thread.join(30)
        for queue in self.queues:
            try:
                self.channel.queue_delete(queue)
            except pika.exceptions.AMQPError:
                break
        try:
            self.control.close()
        except pika.exceptions.AMQPError:
            pass
