#!/usr/bin/env python3
"""failing_consumer.py PORT QUEUE,… ROUNDS FILE [LOAD…]: fails in each QUEUE in turn, recovers in each, ROUNDS times.

Writes to FILE one JSON line for each failure: {"queue":…, "before_ns":…, "after_ns":…}, CLOCK_REALTIME just before and
just after the library's call that sends it. What follows FILE is a command that runs beside it as one more process.
"""

import json
import random
import subprocess
import sys
import time

import pika

HALF_OPEN_S = 0.2  # after this an open breaker is half-open, with the benchmark's configuration


def main():
    port, queues, rounds, path = int(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3]), sys.argv[4]
    load = sys.argv[5:]
    beside = subprocess.Popen(load) if load else None
    try:
        notes = fail(port, queues, rounds)
    finally:
        if beside:
            beside.terminate()
            beside.wait()
    with open(path, "w") as file:
        file.writelines(json.dumps(note) + "\n" for note in notes)


def fail(port, queues, rounds):
    channel = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port)).channel()
    notes = []
    varied = random.Random(1)
    for _ in range(rounds):
        for queue in queues:
            method, _, _ = channel.basic_get(queue)
            time.sleep(varied.uniform(0.005, 0.02))  # not in step with anything
            before = time.time_ns()
            channel.basic_nack(method.delivery_tag, requeue=False)
            notes.append({"queue": queue, "before_ns": before, "after_ns": time.time_ns()})
        time.sleep(HALF_OPEN_S)
        for queue in queues:
            method, _, _ = channel.basic_get(queue)
            channel.basic_ack(method.delivery_tag)
        time.sleep(0.01)
    channel.connection.close()
    return notes


if __name__ == "__main__":
    main()
