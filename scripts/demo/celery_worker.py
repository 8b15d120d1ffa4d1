#!/usr/bin/env python3
"""A Celery worker that prices orders and retries what failed, six times. It knows nothing of stormfuse.

    celery_worker.py PORT QUEUE PREFETCH

Between the moments OUTAGE_FROM and OUTAGE_TO (seconds since the epoch) the service that it asks for prices is down.
When it ends, it prints what it did as a line of JSON.
"""

import json
import os
import sys
import tempfile
import time

from celery import bootsteps, signals

from celery_shop import application, declare

WORKING_S, FAILING_S = 0.003, 0.004
RETRIES = 6
OUTAGE = float(os.environ.get("OUTAGE_FROM", "inf")), float(os.environ.get("OUTAGE_TO", "inf"))

port, queue, prefetch = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
app = application(port, queue, prefetch)
# Tasks run in a child process: each success is a byte in a file.
successes = tempfile.TemporaryFile(buffering=0)
connections = []


@app.task(bind=True, name="shop.price", max_retries=RETRIES)
def price(self, order):
    try:
        if OUTAGE[0] <= time.time() < OUTAGE[1]:
            time.sleep(FAILING_S)
            raise ConnectionError("the price service is down")
        time.sleep(WORKING_S)
    except ConnectionError as problem:
        raise self.retry(exc=problem, countdown=0)


@signals.task_success.connect
def succeeded(**_):
    successes.write(b".")


class Connections(bootsteps.StartStopStep):
    """Starts anew with every connection of the worker."""

    requires = {"celery.worker.consumer.connection:Connection"}

    def start(self, consumer):
        connections.append(time.time())


app.steps["consumer"].add(Connections)


def main():
    # As a worker does that is deployed with its queues. Where rejected tasks go is then seen: they are dead letters.
    declare(app, queue)
    try:
        app.worker_main(
            [
                "worker",
                "--loglevel",
                "ERROR",
                "--concurrency",
                "1",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
                "--hostname",
                "shop@localhost",
            ]
        )
    finally:
        counts = {"acked": os.fstat(successes.fileno()).st_size, "connections_lost": len(connections) - 1}
        # Celery has put its logger in place of standard output.
        os.write(1, b"\n" + json.dumps(counts).encode() + b"\n")


if __name__ == "__main__":
    main()
