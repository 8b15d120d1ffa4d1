"""The brokers that the demonstration can be shown with: how each is started, asked and cleared, and who works with it."""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
LIVE = HERE.parent.parent / "Tests/LiveTests"
NAME = "orders"


class TakenLetters(threading.Thread):
    """Takes messages out of RabbitMQ's dead-letter queue as they come. `moments`: seconds since the epoch."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.moments = []
        self.ending = threading.Event()
        self.start()

    def run(self):
        import pika

        try:
            connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port))
            channel = connection.channel()
            channel.basic_consume(f"{NAME}.dlq", lambda *_: self.moments.append(time.time()), auto_ack=True)
            while not self.ending.is_set():
                connection.process_data_events(0.2)
            connection.close()
        except pika.exceptions.AMQPError:
            pass  # the broker is gone; what is missing shows when all is added up

    def count(self, left):
        """`left`: what `depths` says of dead letters."""

    def total(self, left):
        return len(self.moments) + left

    def end(self):
        self.ending.set()
        self.join(10)


class CountedLetters:
    """Counts those of a log, which stay where they are, whenever it is looked at. `moments`: as above."""

    def __init__(self):
        self.moments = []

    def count(self, left):
        self.moments += [time.time()] * (left - len(self.moments))

    def total(self, left):
        return left

    def end(self):
        pass


class RabbitMQ:
    title = "RabbitMQ"
    per_second = 60
    key = f"rabbitmq:%2F:{NAME}"
    where = f"queue {NAME}"

    def __init__(self, directory, prefetch):
        self.directory = directory / "broker"
        self.prefetch = prefetch
        self.how = f"consumer: prefetch {prefetch}"
        self.connection = None
        self.is_started = False

    def start(self):
        """Whether it is there now."""
        self.is_started = True
        broker = subprocess.run(
            [LIVE / "broker", "start", self.directory, "0", "--owner", str(os.getpid()), "--cluster", "demo"],
            stdout=subprocess.PIPE,
        )
        self.port = json.loads(broker.stdout)["port"] if broker.returncode == 0 else None
        return broker.returncode == 0

    def stop(self):
        if self.is_started:
            subprocess.run([LIVE / "broker", "stop", self.directory], stderr=subprocess.DEVNULL)

    def publisher(self):
        return [sys.executable, HERE / "publisher.py", self.port, NAME]

    def consumer(self):
        return [sys.executable, HERE / "consumer.py", self.port, NAME, self.prefetch]

    def settings(self):
        """What `stormfuse run` is told; nothing: its defaults."""
        return []

    def depths(self):
        """Messages ready in the queue and in its dead-letter queue, as the broker counts them."""
        import pika

        if self.connection is None:
            self.connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port))
            self.channel = self.connection.channel()
        names = (NAME, f"{NAME}.dlq")
        return [self.channel.queue_declare(name, passive=True).method.message_count for name in names]

    def letters(self):
        return TakenLetters(self.port)

    def clear(self):
        """Between two acts: everything as it was before the first."""
        for name in (NAME, f"{NAME}.dlq"):
            self.channel.queue_delete(name)
        self.channel.exchange_delete(f"{NAME}.dlx")
        self.connection.close()
        self.connection = None

    def errors(self):
        """What asking it may raise."""
        import pika

        return (pika.exceptions.AMQPError,)

    def losses(self, counts):
        return {"connections_lost": counts["connections_lost"]}


class Kafka:
    title = "Kafka (librdkafka's mock cluster)"
    per_second = 40
    key = f"kafka:{NAME}"
    where = f"topic {NAME}, 3 partitions"
    how = "consumer: 6 attempts by seeking back, then the dead-letter topic; session timeout 6 s"

    def __init__(self, directory, prefetch):
        self.process = self.reader = None

    def start(self):
        command = [LIVE / "kafka_broker", "--owner", str(os.getpid()), "--topic", f"{NAME}:3", "--topic", f"{NAME}.DLT"]
        self.process = subprocess.Popen(
            [sys.executable, *map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
        line = self.process.stdout.readline()
        self.bootstrap = json.loads(line)["bootstrap"] if line else None
        return bool(line)

    def stop(self):
        if self.reader is not None:
            self.reader.close()
            self.reader = None
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def publisher(self):
        return [sys.executable, HERE / "kafka_publisher.py", self.bootstrap, NAME]

    def consumer(self):
        return [sys.executable, HERE / "kafka_consumer.py", self.bootstrap, NAME, NAME]

    def settings(self):
        return ["--config", HERE / "kafka.yaml"]

    def depths(self):
        """Messages not yet committed by the group, and in the dead-letter topic, as the broker counts them."""
        from confluent_kafka import Consumer, TopicPartition

        if self.reader is None:
            self.reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": NAME})
        partitions = [TopicPartition(NAME, number) for number in range(3)]
        backlog = 0
        for partition in self.reader.committed(partitions, timeout=10):
            backlog += self.end(partition) - max(0, partition.offset)
        return [backlog, self.end(TopicPartition(f"{NAME}.DLT", 0))]

    def letters(self):
        return CountedLetters()

    def end(self, partition):
        return self.reader.get_watermark_offsets(partition, timeout=10)[1]

    def clear(self):
        self.stop()
        self.start()

    def errors(self):
        from confluent_kafka import KafkaException

        return (KafkaException,)

    def losses(self, counts):
        return {"rebalances": counts["rebalances"], "members_lost": counts["members_lost"]}


class Celery(RabbitMQ):
    """RabbitMQ with a Celery worker. A retry is a copy that the worker publishes: it goes to the end of the queue."""

    title = "RabbitMQ, for a Celery worker"
    per_second = 20
    python = HERE.parent.parent / ".venv-frameworks/main/bin/python"

    def __init__(self, directory, prefetch):
        super().__init__(directory, prefetch)
        self.how = f"Celery worker: prefetch {prefetch}, late acks, six retries, then a reject"

    def publisher(self):
        return [self.python, HERE / "celery_publisher.py", self.port, NAME, self.per_second]

    def consumer(self):
        return [self.python, HERE / "celery_worker.py", self.port, NAME, self.prefetch]

    def settings(self):
        return ["--config", HERE / "celery.yaml"]


KINDS = {"rabbitmq": RabbitMQ, "kafka": Kafka, "celery": Celery}
