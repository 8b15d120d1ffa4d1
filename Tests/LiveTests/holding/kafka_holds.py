"""Kafka consumers, held side by side: no member may be lost and nothing rebalanced, whatever the session timeout."""

import json
import os
import subprocess
import sys
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition

import holds
from processes import CLIENTS, LIVE, PYTHON, Failure, end
from spaces import enter_own

sys.path.insert(0, str(CLIENTS))
from kafka_behaviour import body  # noqa: E402  (found through the path set above)

SESSION_S = 6
PARTITIONS = 3
PROGRAMS = {"confluent": "confluent_client.py", "aiokafka": "aiokafka_client.py", "kafka-python": "kafka_python_client.py"}


class Broker:
    """librdkafka's mock cluster; see LiveTests/kafka_broker."""

    def __init__(self, stage, library, topics):
        command = [PYTHON, LIVE / "kafka_broker", "--library", library, "--owner", str(os.getpid())]
        for topic in topics:
            command += ["--topic", f"{topic}:{PARTITIONS}"]
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
        stage.on_end(lambda: end(self.process))
        line = self.process.stdout.readline()
        if not line:
            raise Failure("the broker did not start; its reason is above")
        self.bootstrap = json.loads(line)["bootstrap"]


class Load:
    """Publishes numbered messages to several topics side by side; what is left is what no group has committed."""

    BODY_BYTES = 100

    def __init__(self, bootstrap, topics, rate):
        self.bootstrap, self.topics, self.rate = bootstrap, list(topics), rate
        self.published = dict.fromkeys(self.topics, 0)
        self.stopping = threading.Event()
        self.problem = None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def run(self):
        try:
            producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0})
            began, done = time.monotonic(), 0
            while not self.stopping.is_set():
                for topic in self.topics:
                    number = self.published[topic]
                    producer.produce(topic, body(number, self.BODY_BYTES), partition=number % PARTITIONS)
                    self.published[topic] = number + 1
                producer.poll(0)
                done += 1
                self.stopping.wait(max(0, began + done / self.rate - time.monotonic()))
            if producer.flush(20):
                raise Failure("the broker did not take everything that was published")
        except Exception as problem:  # of a thread: told by whoever joins it
            self.problem = problem

    def stop(self):
        """After it nothing is published any more, and `published` is final."""
        self.stopping.set()
        self.thread.join(30)
        if self.problem:
            raise self.problem

    def left(self, topic):
        """Messages that the group of the same name has not committed."""
        reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": topic})
        try:
            partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            return sum(
                reader.get_watermark_offsets(partition, timeout=10)[1] - max(0, partition.offset)
                for partition in reader.committed(partitions, timeout=10)
            )
        finally:
            reader.close()

    def close(self):
        self.stopping.set()
        self.thread.join(30)


class Held(holds.Held):
    """A member of a group of its own, which is named like its topic."""

    def __init__(self, stage, bootstrap, client, seconds, released_by, tcp_retries2):
        self.bootstrap = bootstrap
        super().__init__(stage, client, SESSION_S, 4, None, seconds, released_by, tcp_retries2, None)
        self.key = f"kafka:{self.queue}"

    def client(self, stage, client, host, heartbeat, journal):
        return [
            PYTHON, CLIENTS / PROGRAMS[client], "--bootstrap", self.bootstrap, "--topic", self.queue, "--group", self.queue,
            "--session-ms", SESSION_S * 1000, "--log", journal,
        ]

    def most_leaked(self):
        """A fetch that has to pass brings whatever has been published by then."""
        return self.row.published

    def finish(self, load):
        super().finish(load)
        words = [(word, int(rest[0])) for _, word, rest in self.sidecar.journal.lines() if word in ("assigned", "revoked")]
        closing = next(iter(self.sidecar.journal.times("closing")), None)
        before = [word for at, word, _ in self.sidecar.journal.lines() if word == "revoked" and (not closing or at < closing)]
        if len([word for word, _ in words if word == "assigned"]) != 1 or before:
            self.differs(f"partitions were assigned anew: {words}")
        if self.released_by == "SIGKILL":
            return  # Nobody is left to write a report.
        totals = (self.sidecar.report_group() or {}).get("totals", {})
        for name in ("rebalances", "commit_failures", "requeued", "crashed"):
            if totals.get(name) != 0:
                self.differs(f"{name} is {totals.get(name)} in the report")


def run(library, seconds, released_by="override end", tcp_retries2=None):
    """A case: every client, each with a topic and a group of its own. In a namespace of its own if `tcp_retries2` is set."""
    def play(stage):
        if tcp_retries2:
            enter_own(tcp_retries2)
        span, way = (holds.HOLD_LIMIT_S, "limit") if seconds >= holds.HOLD_LIMIT_S else (seconds, released_by)
        topics = [f"hold.{client}.{SESSION_S}.v4" for client in PROGRAMS]
        broker = Broker(stage, library, topics)
        held = [Held(stage, broker.bootstrap, client, span, way, tcp_retries2 or 15) for client in PROGRAMS]
        return holds.play(held, Load(broker.bootstrap, [each.queue for each in held], holds.RATE))

    return play
