"""Programs by hand in which nothing fails, though something of them looks as if. Options: `kind`, one of:

pipeline     three stages, A to B to C, in one process; each passes the message on with its ids and headers
rpc          answers to reply_to with the correlation id; every fifth answer carries an error field and header
saga         an orchestrator and two services in one process; all messages of a saga share a correlation id
pages        a job publishes its next page to its own queue: the same job id in the body, page + 1
pages_id     the same, and the message's own id is new each time
again        a job publishes itself again with an equal body until it is done
later        the same through a waiting queue (TTL) that returns it
events       a service that publishes events called payment.failed, with an error field, and lines to a queue `errors`
errors       a consumer of a queue called `errors`
mirror       copies a queue into another with ids, headers and bodies
replay       moves a dead-letter queue back into the queue that it came from
replay_work  the same, in one process with the worker of that queue
"""

import json
import signal
import uuid

import pika

from plan import Plan

plan = Plan()
kind = plan.options["kind"]
Q = plan.queue
STAGES = {"pipeline": [Q, f"{Q}.enriched", f"{Q}.priced"], "saga": [Q, f"{Q}.payment", f"{Q}.stock"]}
PAGES = 3


def connect():
    host = plan.options.get("host", "127.0.0.1")
    return pika.BlockingConnection(pika.ConnectionParameters(host, plan.port, heartbeat=60))


def declare(channel):
    for queue in STAGES.get(kind, [Q]):
        channel.queue_declare(queue, durable=True)
    if kind == "later":
        back = {"x-message-ttl": 300, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": Q}
        channel.queue_declare(f"{Q}.later", durable=True, arguments=back)
    if kind == "events":
        channel.exchange_declare(f"{Q}.events", "topic", durable=True)
        channel.queue_declare("errors", durable=True)
        channel.queue_declare("payment.failed", durable=True)
        channel.queue_bind("payment.failed", f"{Q}.events", "payment.failed")
    if kind == "mirror":
        channel.queue_declare(f"{Q}.mirror", durable=True)
    if kind in ("replay", "replay_work"):
        channel.queue_declare(f"{Q}.dlq", durable=True)


def publish():
    connection = connect()
    channel = connection.channel()
    declare(channel)
    if kind == "rpc" and plan.options.get("call"):
        call(connection, channel)
        return connection.close()
    for number in plan.numbers:
        body = {"number": number, "order": str(uuid.uuid4())}
        properties = pika.BasicProperties(
            message_id=str(uuid.uuid4()),
            content_type="application/json",
            headers={"tenant": "north", "trace": uuid.uuid4().hex},
        )
        queue = Q
        if kind == "saga":
            properties.correlation_id, body["step"] = str(uuid.uuid4()), "begun"
        elif kind in ("pages", "pages_id"):
            body = {"number": number, "job_id": str(uuid.uuid4()), "page": 0}
            if kind == "pages":
                properties.message_id = None
        elif kind in ("again", "later"):
            properties.message_id, body = None, {"number": number, "job": f"refresh-{number:06}"}
        elif kind == "errors":
            body["error"], properties.headers["x-exception"] = "card declined", "Declined: no money"
        elif kind in ("replay", "replay_work"):
            death = {"queue": Q, "reason": "rejected", "count": 1, "exchange": "", "routing-keys": [Q]}
            queue, properties.headers["x-death"] = f"{Q}.dlq", [death]
        channel.basic_publish("", queue, json.dumps(body).encode(), properties)
    connection.close()


def call(connection, channel):
    """RPC calls, one after the other, from an address of their own."""
    answers = channel.queue_declare("", exclusive=True).method.queue
    got = []
    channel.basic_consume(
        answers, lambda _, method, properties, body: got.append(properties.correlation_id), auto_ack=True
    )
    for number in plan.numbers:
        wanted = str(uuid.uuid4())
        properties = pika.BasicProperties(correlation_id=wanted, reply_to=answers, message_id=str(uuid.uuid4()))
        channel.basic_publish("", Q, json.dumps({"number": number}).encode(), properties)
        while wanted not in got:
            connection.process_data_events(time_limit=1)


class Work:
    def __init__(self):
        self.connection = connect()
        self.channel = self.connection.channel()
        declare(self.channel)
        self.channel.basic_qos(prefetch_count=plan.prefetch)
        self.runs = {}
        queues = STAGES.get(kind, [Q])
        if kind in ("replay", "replay_work"):
            queues = [f"{Q}.dlq"] + ([Q] if kind == "replay_work" else [])
        for queue in queues:
            self.channel.basic_consume(
                queue,
                lambda channel, method, properties, body, queue=queue: self.handle(queue, method, properties, body),
            )

    def handle(self, queue, method, properties, body):
        message = json.loads(body)
        getattr(self, kind)(queue, properties, body, message)
        self.channel.basic_ack(method.delivery_tag)
        # Counted by queue, so that each group has its truth.
        plan.note(f"acked:{queue.removeprefix(Q)}", message["number"])
        if self.ends(queue, message):
            plan.note("success", message["number"])

    def ends(self, queue, message):
        if kind == "pipeline":
            return queue == STAGES["pipeline"][-1]
        if kind == "saga":
            return message["step"] == "stocked"
        if kind in ("pages", "pages_id"):
            return message["page"] == PAGES - 1
        if kind in ("again", "later"):
            return self.runs[message["number"]] == PAGES
        if kind == "replay_work":
            return queue == Q
        return True

    def send(self, queue, message, properties, exchange=""):
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.channel.basic_publish(exchange, queue, body, properties)

    def pipeline(self, queue, properties, body, message):
        place = STAGES["pipeline"].index(queue)
        if place < 2:
            self.send(STAGES["pipeline"][place + 1], {**message, f"stage_{place}": True}, properties)

    def rpc(self, queue, properties, body, message):
        number, answer = message["number"], pika.BasicProperties(correlation_id=properties.correlation_id, headers={})
        content = {"number": number, "result": number * 2}
        if number % 5 == 1:
            content, answer.headers = {"number": number, "error": "no such price"}, {"x-error": "NoSuchPrice"}
        self.send(properties.reply_to, content, answer)

    def saga(self, queue, properties, body, message):
        following = {"begun": ("pay", 1), "pay": ("paid", 0), "paid": ("stock", 2), "stock": ("stocked", 0)}.get(
            message["step"]
        )
        if following:
            fresh = pika.BasicProperties(message_id=str(uuid.uuid4()), correlation_id=properties.correlation_id)
            self.send(STAGES["saga"][following[1]], {**message, "step": following[0]}, fresh)

    def pages(self, queue, properties, body, message):
        if message["page"] < PAGES - 1:
            fresh = pika.BasicProperties(message_id=str(uuid.uuid4()) if kind == "pages_id" else None)
            self.send(Q, {**message, "page": message["page"] + 1}, fresh)

    pages_id = pages

    def again(self, queue, properties, body, message):
        runs = self.runs[message["number"]] = self.runs.get(message["number"], 0) + 1
        if runs < PAGES:
            fresh = pika.BasicProperties(content_type="application/json", headers=properties.headers)
            # What comes back from the waiting queue has its death on it; a job that starts anew leaves that out.
            fresh.headers = {key: value for key, value in fresh.headers.items() if not key.startswith("x-")}
            self.send(Q if kind == "again" else f"{Q}.later", body, fresh)

    later = again

    def events(self, queue, properties, body, message):
        if message["number"] % 2:
            event = {"event": "payment.failed", "order": message["order"], "error": "card declined"}
            fresh = pika.BasicProperties(message_id=str(uuid.uuid4()), type="payment.failed")
            self.send("payment.failed", event, fresh, exchange=f"{Q}.events")
            self.send(
                "errors",
                {"level": "warning", "message": "card declined", "order": message["order"]},
                pika.BasicProperties(),
            )

    def errors(self, queue, properties, body, message):
        pass

    def mirror(self, queue, properties, body, message):
        self.send(f"{Q}.mirror", body, properties)

    def replay(self, queue, properties, body, message):
        if queue != Q:
            self.send(Q, body, properties)

    replay_work = replay


def work():
    worker = Work()

    def stop(*_):
        worker.connection.add_callback_threadsafe(worker.channel.stop_consuming)

    signal.signal(signal.SIGTERM, stop)
    worker.channel.start_consuming()
    worker.connection.close()


if __name__ == "__main__":
    plan.main(publish=publish, work=work)
