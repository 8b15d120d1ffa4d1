"""Programs in which nothing fails, though something of them looks like a failure. Nothing may be counted as one."""

from stage import Case


def key(queue):
    return f"rabbitmq:%2F:{queue}"


QUIET = {"quiet": True, "verdict_not": ["storm", "poison", "failing"]}
# What is acked, by the end of the queue's name, as the worker notes it.
HAND = {
    "pipeline": (
        "messages are passed from A to B to C in one process, each with its ids and headers",
        ["", ".enriched", ".priced"],
    ),
    "saga": (
        "an orchestrator and two services in one process share a correlation id per saga",
        ["", ".payment", ".stock"],
    ),
    "pages": (
        "a job publishes its next page into its own queue: the same job id in the body, page + 1, no message id",
        [""],
    ),
    "pages_id": ("the same with a new message id for each page", [""]),
    "again": ("a job publishes itself again, three times in all, with an equal body: returned, no failure", [""]),
    "events": (
        "every second message leads to an event payment.failed with an error field, and to a line in `errors`",
        [""],
    ),
    "mirror": ("a queue is copied into another with ids, headers and bodies", [""]),
    "replay": (
        "a dead-letter queue is moved back into the queue it came from, with ids, headers and x-death",
        [".dlq"],
    ),
    "replay_work": ("the same in one process with that queue's worker, which acks all", ["", ".dlq"]),
}

KAFKA = {
    "mirror": ("a topic is copied into another with keys, headers and values", [".mirror"], 1),
    "pipeline": (
        "records are passed from A to B to C in one process, with keys and headers",
        [".enriched", ".priced"],
        3,
    ),
    "replay": (
        "a dead-letter topic is produced into the topic it came from, with keys, headers and values",
        [".DLT"],
        1,
    ),
    "pages": ("a record leads to the next page in its own topic: the same key and job id, page + 1", [], 3),
    "again": ("a record is produced again into its own topic, three times in all, equal: returned, no failure", [], 3),
    "events": (
        "every second record leads to an event in payment.failed with an error field, and to one in errors",
        [],
        1,
    ),
}


def cases():
    found = []

    def control(name, program, why, truth, **settings):
        found.append(Case(name, program, truth, why, outcome=QUIET, **settings))

    def all_acked(name):
        return lambda counts: {
            key(name): {"delivered": counts["success"], "acked": counts["success"], "attempts_max": 1}
        }

    def by_hand(kind, name, queues):
        def truth(counts):
            groups = {}
            for queue in queues:
                acked = counts[f"acked:{queue}"]
                groups[key(name + queue)] = {"delivered": acked, "acked": acked}
                if kind == "again":
                    groups[key(name + queue)]["returned"] = acked - counts["success"]
            return groups

        return truth

    control(
        "control_celery_chain",
        "celery_worker.py",
        "Celery: chains of two and a group of two; children carry parent_id and root_id of what came before",
        all_acked("control_celery_chain"),
        options={"chain": True, "healthy": True, "late": True},
        prefetch=4,
        messages=15,
        ends=lambda messages: 4 * messages,
    )
    control(
        "control_celery_pages",
        "celery_worker.py",
        "Celery: each of 20 tasks enqueues its next page twice, with the same job id in a header and page + 1",
        all_acked("control_celery_pages"),
        options={"again": True, "healthy": True},
        prefetch=4,
        messages=20,
        ends=lambda messages: 3 * messages,
    )
    for name, later, text in (
        ("control_celery_countdown", {"countdown": 0.5}, "to run after half a second, which the worker keeps unacked"),
        ("control_celery_expires", {"expires": 600}, "that expires after ten minutes"),
    ):
        control(
            name,
            "celery_worker.py",
            f"Celery: a task enqueues another one, and one that enqueues itself twice with equal arguments, {text}",
            all_acked(name),
            options={"later": later, "healthy": True},
            prefetch=4,
            messages=12,
            ends=lambda messages: 5 * messages,
        )
    control(
        "control_dramatiq_follow",
        "dramatiq_worker.py",
        "dramatiq: 30 actors enqueue one follow-up job each into their own queue, every third delayed through Q.DQ",
        all_acked("control_dramatiq_follow"),
        options={"follow": True, "healthy": True},
        prefetch=4,
        published=0.5,
    )
    control(
        "control_taskiq_follow",
        "taskiq_worker.py",
        "taskiq: 30 tasks enqueue one follow-up task each into their own queue",
        all_acked("control_taskiq_follow"),
        options={"follow": True, "healthy": True},
        prefetch=4,
        published=0.5,
    )
    control(
        "control_symfony_follow",
        "symfony_worker.php",
        "Symfony Messenger: 20 handlers enqueue one follow-up job each into their own queue, every third delayed",
        all_acked("control_symfony_follow"),
        options={"follow": True, "healthy": True},
        messages=40,
        published=0.5,
    )
    for kind, (why, queues) in HAND.items():
        name = f"control_{kind}"
        control(
            name,
            "control_worker.py",
            f"pika by hand: {why}",
            by_hand(kind, name, queues),
            options={"kind": kind},
            prefetch=4,
            messages=20 if kind in ("pages", "pages_id", "again") else 40,
        )
    control(
        "control_errors",
        "control_worker.py",
        "pika by hand: a consumer of a queue of errors acks them all",
        all_acked("errors.payment_failed"),
        options={"kind": "errors"},
        prefetch=4,
        messages=40,
        queue="errors.payment_failed",
    )
    control(
        "control_rpc",
        "control_worker.py",
        "pika by hand: an RPC server answers with the correlation id, every fifth time with an error field and header",
        by_hand("rpc", "control_rpc", [""]),
        options={"kind": "rpc"},
        prefetch=1,
        messages=40,
        during="all",
        publisher={"call": True, "host": "::1"},
    )
    control(
        "control_nameko_rpc",
        "nameko_worker.py",
        "nameko: an RPC service answers with the correlation id, every fifth time with an error",
        all_acked("rpc-control_nameko_rpc"),
        options={"rpc": True, "healthy": True},
        prefetch=4,
        messages=40,
        during="all",
    )
    control(
        "control_oslo_rpc",
        "oslo_worker.py",
        "oslo.messaging: an RPC server answers with the correlation id, every fifth time with an exception",
        all_acked("control_oslo_rpc"),
        options={"rpc": True, "healthy": True},
        prefetch=4,
        messages=40,
        during="all",
    )
    for kind, (why, topics, runs) in KAFKA.items():
        name = f"control_kafka_{kind}"

        def truth(counts, name=name, kind=kind):
            terms = {"delivered": counts["acked"], "acked": counts["acked"]}
            if kind == "again":
                terms["returned"] = counts["acked"] - counts["success"]
            return {f"kafka:{name}": terms}

        control(
            name,
            "kafka_worker.py",
            f"confluent-kafka by hand: {why}",
            truth,
            options={"kind": kind},
            broker="kafka",
            topics=[f"{name}{topic}" for topic in topics] + ["payment.failed", "errors"],
            messages=60 // runs,
        )
    return found
