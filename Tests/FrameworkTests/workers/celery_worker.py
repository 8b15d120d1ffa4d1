"""Celery. Options: late (acks_late), reject (a final failure rejects the message), countdown (s before a retry; 0
unless said), pool (prefork unless said), talk (gossip, mingle, heartbeat and events, as they are by default), chain
(control: chains of two and a group of two), again (control: a task enqueues its next page with the same job
id), later (control: how a task enqueues another one, and itself with equal arguments: `countdown` or `expires`, in
seconds)."""

from celery import Celery, chain, group, signals
from kombu import Queue

from plan import Failed, Plan, TRIES

plan = Plan()
app = Celery("worker", broker=plan.url)
app.conf.update(
    task_default_queue=plan.queue,
    task_queues=[Queue(plan.queue, routing_key=plan.queue)],
    task_default_routing_key=plan.queue,
    task_ignore_result=True,
    worker_prefetch_multiplier=plan.prefetch,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    task_acks_late=plan.options.get("late", False),
    task_acks_on_failure_or_timeout=not plan.options.get("reject", False),
    broker_heartbeat=60,
)


@app.task(bind=True, max_retries=TRIES - 1, name="prices.update")
def update(self, number):
    try:
        plan.handle(number)
    except Failed as problem:
        raise self.retry(exc=problem, countdown=plan.options.get("countdown", 0))


@app.task(name="prices.step")
def step(number, *_):
    plan.handle(number)
    return number


@app.task(bind=True, name="prices.page")
def page(self, number, number_of_page):
    plan.handle(number * 3 + number_of_page)
    if number_of_page < 2:
        self.apply_async((number, number_of_page + 1), headers={"job": f"job-{number:06}"})


@app.task(name="prices.order")
def order(number):
    plan.handle(number)
    remind.apply_async((number + 1000,), **plan.options["later"])
    poll.apply_async((number + 2000,), **plan.options["later"])


@app.task(name="prices.remind")
def remind(number):
    plan.handle(number)


@app.task(name="prices.poll")
def poll(number):
    if plan.tried(number) < 3:
        poll.apply_async((number,), **plan.options["later"])


@signals.task_success.connect
def succeeded(sender=None, result=None, **_):
    plan.note("success", sender.request.args[0])


@signals.task_retry.connect
def retried(request=None, **_):
    plan.note("retry", request.args[0])


@signals.task_failure.connect
def failed(args=None, **_):
    plan.note("failure", args[0])


def publish():
    for number in plan.numbers:
        if plan.options.get("chain"):
            base = number * 5
            (chain(step.si(base), step.si(base + 1)) | group(step.si(base + 2), step.si(base + 3))).apply_async()
        elif plan.options.get("later"):
            order.delay(number)
        elif plan.options.get("again"):
            page.apply_async((number, 0), headers={"job": f"job-{number:06}"})
        else:
            update.delay(number)


def work():
    arguments = ["worker", "--loglevel", "ERROR", "--concurrency", "1", "--pool", plan.options.get("pool", "prefork")]
    if not plan.options.get("talk"):
        arguments += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    else:
        arguments += ["--task-events"]
    app.worker_main([*arguments, "--hostname", f"worker-{plan.options.get('name', 'a')}@localhost"])


if __name__ == "__main__":
    plan.main(publish=publish, work=work)
