"""The cases: which framework with which setting, and what its hooks' counts are in the report's terms.

Of 60 messages 12 fail at every try, 12 fail twice, 36 succeed at once; with four tries that is: 120 tries, 60 retries,
48 successes, 12 final failures. What is said here of the truth is how the framework maps these to the wire.
"""

import controls
from stage import Case


def key(queue):
    return f"rabbitmq:%2F:{queue}"


def only(queue, **terms):
    return {key(queue): {name: count for name, count in terms.items() if count}}


def cases():
    found = [*rabbitmq_cases(), *kafka_cases(), *controls.cases()]
    return {case.name: case for case in found}


def rabbitmq_cases():
    return [
        *celery(), *dramatiq(), *remoulade(), *taskiq(), *kombu(), *nameko(), *faststream(), *eventiq(), *propan(),
        *oslo(), *symfony(), *by_hand(), later(),
    ]


def plain(queue, *, hidden=False, paired=False):
    """A retry goes back to the broker as `requeued`; a final failure is acked (hidden) or rejected. `paired`: both are
    the settlement of a copy."""

    def truth(counts):
        return only(
            queue, delivered=counts["try"], acked=counts["success"] + (counts["failure"] if hidden else 0),
            acked_paired=counts["retry"] if paired else 0, requeued=counts["retry"],
            rejected=0 if hidden else counts["failure"], attempts_max=counts["attempts"],
        )

    return truth


def copied(queue):
    """A retry and a dead letter are copies; what was given is acked."""
    return lambda counts: only(
        queue, delivered=counts["try"], acked=counts["success"], acked_paired=counts["retry"] + counts["failure"],
        requeued=counts["retry"], dead_lettered=counts["failure"], attempts_max=counts["attempts"],
    )


# --- Celery -------------------------------------------------------------------------------------------------------


def celery():
    """A retry is published to the own queue with the same id and `retries` + 1, then (late) or before (early) the
    message is acked. A final failure is acked as a success is, unless the worker rejects what failed."""

    why = "Celery: a retry is a publish to the own queue with the same id and retries + 1; a final failure is acked"
    rows = [
        ("celery_early", dict(), {}, why + "; early acks"),
        ("celery_early_50", dict(prefetch=50, during=True), {}, why + "; early acks, prefetch 50, published during it"),
        ("celery_late", dict(), {"late": True}, why + "; late acks"),
        ("celery_late_50", dict(prefetch=50), {"late": True}, why + "; late acks, prefetch 50"),
        ("celery_two_workers", dict(prefetch=4, workers=2), {"late": True}, why + "; late acks, two workers"),
        ("celery_countdown", dict(prefetch=4), {"late": True, "countdown": 1},
         why + "; late acks; a retry is due after 1 s, until then the worker keeps it unacked"),
        ("celery_talk", dict(prefetch=4, messages=30), {"talk": True},
         why + "; early acks; gossip, mingle and events as by default"),
    ]
    found = [
        Case(name, "celery_worker.py", plain(name, hidden=True, paired=True), text, options=options, **settings)
        for name, settings, options, text in rows
    ]
    found.append(Case(
        "celery_late_reject", "celery_worker.py", plain("celery_late_reject", paired=True),
        "Celery with acks_late and task_acks_on_failure_or_timeout=False: a final failure is a reject without requeue",
        options={"late": True, "reject": True}, prefetch=4,
    ))
    return found


# --- dramatiq -----------------------------------------------------------------------------------------------------


def dramatiq_truth(queue):
    return lambda counts: {
        **only(
            queue, delivered=counts["try"], acked=counts["success"], acked_paired=counts["retry"],
            requeued=counts["retry"], rejected=counts["failure"], attempts_max=counts["attempts"],
        ),
        **only(f"{queue}.DQ", delivered=counts["retry"], moved=counts["retry"]),
    }


def dramatiq():
    why = (
        "dramatiq: a retry is a publish to Q.DQ with the same message_id in the JSON body, which the same worker"
        " consumes and publishes to Q when it is due; a final failure is a nack without requeue"
    )
    return [
        Case("dramatiq_prefetch_1", "dramatiq_worker.py", dramatiq_truth("dramatiq_prefetch_1"), why),
        Case("dramatiq_prefetch_50", "dramatiq_worker.py", dramatiq_truth("dramatiq_prefetch_50"),
             why + "; prefetch 50", prefetch=50, during=True),
        Case("dramatiq_two_workers", "dramatiq_worker.py", dramatiq_truth("dramatiq_two_workers"),
             why + "; two workers", workers=2, prefetch=4, messages=50),
    ]


def remoulade():
    why = "remoulade: as dramatiq, whose fork it is, with another client library (amqpstorm)"
    return [
        Case("remoulade_prefetch_1", "remoulade_worker.py", dramatiq_truth("remoulade_prefetch_1"), why),
        Case("remoulade_two_workers", "remoulade_worker.py", dramatiq_truth("remoulade_two_workers"), why,
             workers=2, prefetch=4),
    ]


# --- taskiq -------------------------------------------------------------------------------------------------------


def taskiq():
    simple = (
        "taskiq, SimpleRetryMiddleware: a retry is a new message with the same task_id and _retries + 1 in the own"
        " queue; everything is acked, a final failure too"
    )
    smart = (
        "taskiq, SmartRetryMiddleware with a delay queue: a retry has the same task_id and _retries + 1 and an"
        " expiration; the queue's dead-letter exchange returns it; a final failure is acked"
    )
    rows = [
        ("taskiq_simple", simple, dict(), {}),
        ("taskiq_simple_early", simple + "; acked when received", dict(prefetch=50, during=True), {"early": True}),
        ("taskiq_simple_two_workers", simple + "; two workers", dict(prefetch=10, workers=2), {}),
        ("taskiq_smart", smart, dict(), {"smart": True}),
        ("taskiq_smart_50", smart + "; prefetch 50", dict(prefetch=50), {"smart": True}),
    ]
    return [
        Case(name, "taskiq_worker.py", plain(name, hidden=True, paired=True), why, options=options, **settings)
        for name, why, settings, options in rows
    ]


# --- kombu and nameko ---------------------------------------------------------------------------------------------


def kombu():
    return [
        Case("kombu_copy", "kombu_worker.py", copied("kombu_copy"),
             "kombu by hand: a retry is published to the own exchange with the same message id and x-retries + 1, a"
             " final failure to Q.error with x-exception; then an ack", options={"how": "copy"}, prefetch=10),
        Case("kombu_counter", "kombu_worker.py", plain("kombu_counter", hidden=True, paired=True),
             "kombu by hand: a retry is published to the own exchange, equal but for x-retries + 1, without any id; a"
             " final failure is acked", options={"how": "counter"}, prefetch=10),
        Case("kombu_waiting", "kombu_worker.py", plain("kombu_waiting", paired=True),
             "kombu by hand: a retry is published to Q.wait (TTL, returns) with the same message id; a final failure"
             " is a reject", options={"how": "waiting"}, prefetch=10),
        Case("kombu_requeue", "kombu_worker.py", plain("kombu_requeue"),
             "kombu by hand: a failure is a reject with requeue, the fourth one without", options={"how": "requeue"}),
    ]


def nameko():
    return [
        Case("nameko_requeue", "nameko_worker.py", plain("nameko_requeue", hidden=True),
             "nameko, requeue_on_error: a failure is a reject with requeue; the handler swallows the fourth one,"
             " which is acked",
             prefetch=4),
    ]


# --- FastStream, eventiq, Propan, oslo.messaging ------------------------------------------------------------------


def faststream():
    return [
        Case("faststream_reject", "faststream_worker.py", plain("faststream_reject"),
             "FastStream by default: whatever raises is rejected without requeue, at its first"
             " try", options={"how": "reject"},
             prefetch=10),
        Case("faststream_nack", "faststream_worker.py", plain("faststream_nack"),
             "FastStream, NACK_ON_ERROR: a failure is a nack with requeue; the fourth raises RejectMessage",
             options={"how": "nack"}, prefetch=10),
        Case("faststream_copies", "faststream_worker.py", copied("faststream_copies"),
             "FastStream, ACK: the handler publishes a retry to Q.retry (TTL, returns to Q) and a final failure to"
             " Q.dead, each with the message id and x-retry-count", options={"how": "copies"}, prefetch=10),
        Case("faststream_first", "faststream_worker.py", copied("faststream_first"),
             "FastStream, ACK_FIRST: acknowledged on receipt; the handler publishes what failed to Q.dead afterwards",
             options={"how": "first"}, prefetch=10),
    ]


def eventiq():
    def truth(counts):
        return {key("eventiq_requeue%3Aupdate"): plain("x", hidden=True)(counts)[key("x")]}

    return [
        Case("eventiq_requeue", "eventiq_worker.py", truth,
             "eventiq: a failure is a reject with requeue; what the strategy gives up is acked", prefetch=4),
    ]


def propan():
    return [
        Case("propan_retry", "propan_worker.py", plain("propan_retry"),
             "Propan, retry=3: a failure is a nack with requeue, the fourth a reject", prefetch=4),
    ]


def oslo():
    def truth(counts):
        return {key("oslo_requeue.info"): plain("x", hidden=True)(counts)[key("x")]}

    return [
        Case("oslo_requeue", "oslo_worker.py", truth,
             "oslo.messaging, a notification listener with allow_requeue: a failure is a reject with requeue; what"
             " the listener gives up is acked", prefetch=4),
    ]


# --- PHP and Ruby -------------------------------------------------------------------------------------------------


def symfony():
    """basic.get; a retry is a copy in an exchange for delays, whose queue (TTL) returns it; then a nack without
    requeue."""
    why = (
        "Symfony Messenger: a retry is published to an exchange for delays, whose queue returns it; then a nack without"
        " requeue"
    )
    failed = {"failed": True}
    return [
        Case("symfony_failed", "symfony_worker.php", copied("symfony_failed"),
             why + "; a final failure is published to the failure transport", options=failed, messages=40),
        Case("symfony_no_failed", "symfony_worker.php", plain("symfony_no_failed", paired=True),
             why + "; without a failure transport a final failure is a nack without requeue", messages=40),
        Case("symfony_two_workers", "symfony_worker.php", copied("symfony_two_workers"),
             why + "; a failure transport, two workers", options=failed, workers=2, messages=40),
        Case("symfony_json", "symfony_worker.php", copied("symfony_json"),
             why + "; JSON bodies with the stamps as headers, a failure transport", options={**failed, "json": True},
             messages=40),
    ]


def by_hand():
    def returned_by_reject(queue):
        return lambda counts: only(
            queue, delivered=counts["try"], acked=counts["success"], acked_paired=counts["failure"],
            requeued=counts["retry"], dead_lettered=counts["failure"], attempts_max=counts["attempts"],
        )

    return [
        Case("amqplib_retry", "amqplib_worker.php", copied("amqplib_retry"),
             "php-amqplib by hand: a retry is published to Q.retry (TTL, returns) with x-retry-count + 1, a final"
             " failure to Q.failed, each with its message id; then an ack", prefetch=10),
        Case("bunny_copy", "bunny_worker.rb", plain("bunny_copy", paired=True),
             "Bunny by hand: a retry is published to the own queue with the same message id and x-retries + 1, then"
             " acked; a final failure is a reject without requeue", options={"how": "copy"}, prefetch=10),
        Case("bunny_maxretry", "bunny_worker.rb", returned_by_reject("bunny_maxretry"),
             "Sneakers' Maxretry, imitated with Bunny: a retry is a reject into an exchange whose queue (TTL) returns"
             " it; a final failure is published to Q-error, then acked", options={"how": "maxretry"}, prefetch=10),
    ]


def later():
    """Nothing fails here, but it looks as a retry does."""
    return Case(
        "later_equal_body", "control_worker.py",
        lambda counts: only("later_equal_body", delivered=counts["acked:"], acked=counts["success"],
                            requeued=counts["acked:"] - counts["success"],
                            acked_paired=counts["acked:"] - counts["success"]),
        "pika by hand: a job publishes itself again through a waiting queue (TTL) with an equal body. Equal content and"
        " a delay are the two signs of a retry: a job that is to run again later looks the same, and needs its waiting"
        " queue under `normal`", options={"kind": "later"}, prefetch=4, messages=20, outcome={},
    )


# --- Kafka --------------------------------------------------------------------------------------------------------


def kafka_cases():
    def group(name, truth):
        return lambda counts: {f"kafka:{name}": next(iter(truth(counts).values()))}

    def seeks(counts):
        terms = copied("x")(counts)[key("x")]
        return {"x": {**terms, "acked_paired": counts["failure"]}}

    def returned(counts):
        return only("x", delivered=counts["try"], acked=counts["success"] + counts["retry"], returned=counts["retry"],
                    acked_paired=counts["failure"], dead_lettered=counts["failure"])

    found = []

    def case(name, program, truth, why, topics=(), **settings):
        topics = [f"{name}{topic}" for topic in topics]
        found.append(Case(
            name, program, group(name, truth), why, broker="kafka", topics=topics, settle_s=2.5, **settings
        ))

    # On confluent-kafka FastStream commits all partitions at once, failed records of others too: one partition.
    for client, partitions, messages in (("aiokafka", 2, 60), ("confluent", 1, 50)):
        case(f"kafka_faststream_{client}_seek", "faststream_kafka_worker.py", seeks,
             f"FastStream on {client}, NACK_ON_ERROR: a failure seeks back; the fourth is published to Q.DLT, with key"
             " and value",
             [".DLT"], options={"how": "seek", "client": client}, partitions=partitions, messages=messages)
    case("kafka_faststream_copies", "faststream_kafka_worker.py", copied("x"),
         "FastStream on confluent-kafka, ACK: a failure is published to Q.retry, which the same group consumes, with"
         " x-attempt + 1; the fourth to Q.DLT", [".DLT", ".retry"], options={"how": "copies", "client": "confluent"})
    case("kafka_faust_dead", "faust_worker.py", copied("x"),
         "Faust: the agent sends what failed to Q.dead with its key and value; commits happen in the"
         " background", [".dead"],
         partitions=2)
    found.append(Case(
        "kafka_repid_reject", "repid_worker.py", group("kafka_repid_reject", returned),
        "repid: a retry is produced to the same topic, equal and without a count: returned; what is given up goes to"
        " repid_Q_dlq with x-original-topic and"
        " x-original-offset", broker="kafka", topics=["repid_kafka_repid_reject_dlq"], settle_s=2.5,
    ))
    case("kafka_retryable_topic", "kafka_worker.py", copied("x"),
         "Spring Kafka's RetryableTopic, imitated with confluent-kafka: a failure is produced to Q-retry-N, which the"
         " same group consumes, in the end to Q-dlt, with retry_topic-attempts and kafka_original-* headers",
         ["-retry-0", "-retry-1", "-retry-2", "-dlt"], options={"kind": "retryable"})
    case("kafka_same_topic", "kafka_worker.py", copied("x"),
         "confluent-kafka by hand: a failure is produced to its own topic with its key and value and x-retry-count +"
         " 1, the fourth to Q.DLT", [".DLT"], options={"kind": "same_topic"}, partitions=2)
    return found
