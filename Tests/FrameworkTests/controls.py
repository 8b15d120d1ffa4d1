"""Programs in which nothing fails, though something of them looks like a failure. Nothing may be counted as one."""

from stage import Case


def key(queue):
    return f"rabbitmq:%2F:{queue}"


QUIET = {"quiet": True, "verdict_not": ["storm", "poison", "failing"]}


def cases():
    found = []

    def control(name, program, why, truth, **settings):
        found.append(Case(name, program, truth, why, outcome=QUIET, **settings))

    def all_acked(name):
        return lambda counts: {key(name): {"delivered": counts["success"], "acked": counts["success"], "attempts_max": 1}}

    control(
        "control_celery_chain", "celery_worker.py",
        "Celery: chains of two and a group of two; children carry parent_id and root_id of what came before",
        all_acked("control_celery_chain"), options={"chain": True, "healthy": True, "late": True}, prefetch=4,
        messages=15, ends=lambda messages: 4 * messages,
    )
    control(
        "control_celery_pages", "celery_worker.py",
        "Celery: each of 20 tasks enqueues its next page twice, with the same job id in a header and page + 1",
        all_acked("control_celery_pages"), options={"again": True, "healthy": True}, prefetch=4,
        messages=20, ends=lambda messages: 3 * messages,
    )
    control(
        "control_dramatiq_follow", "dramatiq_worker.py",
        "dramatiq: 30 actors enqueue one follow-up job each into their own queue, every third delayed through Q.DQ",
        all_acked("control_dramatiq_follow"), options={"follow": True, "healthy": True}, prefetch=4,
        messages=60, ends=lambda messages: messages // 2 * 2,
    )
    return found
