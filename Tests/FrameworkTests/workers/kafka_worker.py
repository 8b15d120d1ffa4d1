"""confluent-kafka by hand. Options: `kind`, one of:

retryable   after Spring Kafka's RetryableTopic (imitated): a failure is produced to Q-retry-0, -1, -2, each consumed
            by the same group, and after them to Q-dlt, with retry_topic-attempts and kafka_original-* headers
same_topic  a failure is produced to its own topic with its key and value and x-retry-count + 1; the fourth to Q.DLT
controls, in which nothing fails:
mirror      copies a topic into another with keys, headers and values
pipeline    three stages, A to B to C, in one process; each passes the record on with key and headers
replay      produces the records of Q.DLT to Q again, with key, value and headers
pages       a record leads to the next page in its own topic: the same key and job id, page + 1
again       a record is produced again to its own topic, equal, until it is done
events      every second record leads to an event in the topic payment.failed, with an error field, and one in `errors`
"""

import json
import signal
import struct
import uuid

from confluent_kafka import Consumer, Producer

from plan import Failed, Plan, TRIES

plan = Plan()
kind, Q = plan.options["kind"], plan.queue
PAGES = 3
TOPICS = {
    "retryable": [Q, f"{Q}-retry-0", f"{Q}-retry-1", f"{Q}-retry-2"],
    "pipeline": [Q, f"{Q}.enriched", f"{Q}.priced"],
    "replay": [f"{Q}.DLT"],
}.get(kind, [Q])


def publish():
    producer = Producer({"bootstrap.servers": plan.bootstrap})
    for number in plan.numbers:
        value = {"number": number, "order": str(uuid.uuid4())}
        headers = [("trace", uuid.uuid4().hex.encode()), ("tenant", b"north")]
        if kind == "pages":
            value = {"number": number, "job_id": str(uuid.uuid4()), "page": 0}
        elif kind == "again":
            value = {"number": number, "job": f"refresh-{number:06}"}
        elif kind == "replay":
            headers.append(("x-exception", b"Declined: no money"))
        producer.produce(TOPICS[0], json.dumps(value).encode(), key=b"key-%d" % number, headers=headers)
    producer.flush(20)


class Work:
    def __init__(self):
        self.consumer = Consumer(
            {
                "bootstrap.servers": plan.bootstrap,
                "group.id": Q,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        self.producer = Producer({"bootstrap.servers": plan.bootstrap})
        self.runs, self.is_stopping = {}, False

    def run(self):
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "is_stopping", True))
        self.consumer.subscribe(TOPICS)
        while not self.is_stopping:
            record = self.consumer.poll(0.2)
            if record is None or record.error():
                continue
            value = json.loads(record.value())
            getattr(self, kind)(record, value)
            self.producer.flush(10)
            self.consumer.commit(record, asynchronous=False)
            plan.note("acked", value["number"])
        self.consumer.close()

    def send(self, topic, record, value=None, headers=None):
        payload = record.value() if value is None else json.dumps(value).encode()
        self.producer.produce(
            topic, payload, key=record.key(), headers=headers if headers is not None else record.headers()
        )

    def success(self, value):
        plan.note("success", value["number"])

    def retryable(self, record, value):
        number = value["number"]
        try:
            plan.handle(number)
        except Failed as problem:
            headers = dict(record.headers())
            attempts = (
                struct.unpack(">i", headers["retry_topic-attempts"])[0] if "retry_topic-attempts" in headers else 1
            )
            headers.setdefault("kafka_original-topic", record.topic().encode())
            headers.setdefault("kafka_original-partition", struct.pack(">i", record.partition()))
            headers.setdefault("kafka_original-offset", struct.pack(">q", record.offset()))
            headers["kafka_exception-message"] = str(problem).encode()
            headers["retry_topic-attempts"] = struct.pack(">i", attempts + 1)
            final = attempts >= TRIES
            self.send(f"{Q}-dlt" if final else f"{Q}-retry-{attempts - 1}", record, headers=list(headers.items()))
            plan.note("failure" if final else "retry", number)
        else:
            self.success(value)

    def same_topic(self, record, value):
        number = value["number"]
        try:
            plan.handle(number)
        except Failed:
            headers = dict(record.headers())
            retries = int(headers.get("x-retry-count", b"0"))
            headers["x-retry-count"] = b"%d" % (retries + 1)
            final = retries + 1 >= TRIES
            self.send(f"{Q}.DLT" if final else Q, record, headers=list(headers.items()))
            plan.note("failure" if final else "retry", number)
        else:
            self.success(value)

    def mirror(self, record, value):
        self.send(f"{Q}.mirror", record)
        self.success(value)

    def pipeline(self, record, value):
        place = TOPICS.index(record.topic())
        if place < 2:
            self.send(TOPICS[place + 1], record, {**value, f"stage_{place}": True})
        else:
            self.success(value)

    def replay(self, record, value):
        self.send(Q, record)
        self.success(value)

    def pages(self, record, value):
        if value["page"] < PAGES - 1:
            self.send(Q, record, {**value, "page": value["page"] + 1}, headers=[])
        else:
            self.success(value)

    def again(self, record, value):
        runs = self.runs[value["number"]] = self.runs.get(value["number"], 0) + 1
        if runs < PAGES:
            self.send(Q, record)
        else:
            self.success(value)

    def events(self, record, value):
        if value["number"] % 2:
            self.send(
                "payment.failed",
                record,
                {"event": "payment.failed", "order": value["order"], "error": "declined"},
                headers=[],
            )
            self.send("errors", record, {"level": "warning", "order": value["order"]}, headers=[])
        self.success(value)


if __name__ == "__main__":
    plan.main(publish=publish, work=lambda: Work().run())
