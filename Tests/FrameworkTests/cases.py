"""The cases: which framework with which setting, and what its hooks' counts are in the report's terms.

Of 60 messages 12 fail at every try, 12 fail twice, 36 succeed at once; with four tries that is: 120 tries, 60 retries, 48
successes, 12 final failures. What is said here of the truth is how the framework maps these to the wire.
"""

import controls
from stage import Case


def key(queue):
    return f"rabbitmq:%2F:{queue}"


def only(queue, **terms):
    return {key(queue): {name: count for name, count in terms.items() if count}}


def cases():
    found = [*rabbitmq_cases(), *controls.cases()]
    return {case.name: case for case in found}


def rabbitmq_cases():
    return [*celery(), *dramatiq()]


# --- Celery -------------------------------------------------------------------------------------------------------


def celery():
    """A retry is published to the own queue with the same id and `retries` + 1, then (late) or before (early) the message
    is acked. A final failure is acked as a success is, unless the worker rejects what failed."""

    def hidden(queue):
        return lambda counts: only(
            queue, delivered=counts["try"], acked=counts["success"] + counts["failure"], acked_paired=counts["retry"],
            requeued=counts["retry"], attempts_max=counts["attempts"],
        )

    def shown(queue):
        return lambda counts: only(
            queue, delivered=counts["try"], acked=counts["success"], acked_paired=counts["retry"],
            requeued=counts["retry"], rejected=counts["failure"], attempts_max=counts["attempts"],
        )

    why = "Celery: a retry is a publish to the own queue with the same id and retries + 1; a final failure is acked"
    rows = [
        ("celery_early", dict(), {}, why + "; early acks"),
        ("celery_early_50", dict(prefetch=50, during=True), {}, why + "; early acks, prefetch 50, published during it"),
        ("celery_late", dict(), {"late": True}, why + "; late acks"),
        ("celery_late_50", dict(prefetch=50), {"late": True}, why + "; late acks, prefetch 50"),
        ("celery_two_workers", dict(prefetch=4, workers=2), {"late": True}, why + "; late acks, two workers"),
        ("celery_countdown", dict(prefetch=4), {"late": True, "countdown": 1},
         why + "; late acks; a retry is due after 1 s, until then the worker keeps it unacked"),
        ("celery_talk", dict(prefetch=4), {"talk": True},
         why + "; early acks; gossip, mingle and events as by default"),
    ]
    found = [
        Case(name, "celery_worker.py", hidden(name), text, options=options, **settings)
        for name, settings, options, text in rows
    ]
    found.append(Case(
        "celery_late_reject", "celery_worker.py", shown("celery_late_reject"),
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
        "dramatiq: a retry is a publish to Q.DQ with the same message_id in the JSON body, which the same worker consumes"
        " and publishes to Q when it is due; a final failure is a nack without requeue"
    )
    return [
        Case("dramatiq_prefetch_1", "dramatiq_worker.py", dramatiq_truth("dramatiq_prefetch_1"), why),
        Case("dramatiq_prefetch_50", "dramatiq_worker.py", dramatiq_truth("dramatiq_prefetch_50"), why + "; prefetch 50",
             prefetch=50, during=True),
        Case("dramatiq_two_workers", "dramatiq_worker.py", dramatiq_truth("dramatiq_two_workers"), why + "; two workers",
             workers=2, prefetch=4),
    ]
