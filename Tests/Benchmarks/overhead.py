"""What tracing costs the traced, and what it costs everybody else.

Ratios of pairs that run one after the other: with ÷ without. The client's CPU is its own user and system time. On
loopback the receiving side's hook runs on the sender's time, so the client's and the server's CPU together are given as
well; over a real network that part would be interrupts of the client's machine.
"""

import json
import pathlib
import select
import subprocess
import sys
import tempfile
import time

from measure import Failure, Row, paired, ratio
from processes import (
    HERE, PYTHON, broker, cpu_s, finish, idle_sidecar, kafka, metered, publish, publish_kafka, redis, running, sidecar,
)  # fmt: skip

CLIENT_CPU = ("≤", 1.05)
BYSTANDER = ("≤", 1.01)
# (body, messages a run): about a second of work each.
PIKA = ((100, 12_000), (10_000, 6_000))
# (body, messages, passes a run): of what the mock broker keeps, so many passes that a run is about a second of work. After
# one pass of 10,000 B, 0.15 s, most of what is measured would be how the sidecar begins.
KAFKA = ((100, 500_000, 1), (1_000, 200_000, 3), (10_000, 20_000, 8))
# Of a traced run that loses something.
TRIES = 3
SIDECAR_RATE, SIDECAR_MESSAGES = 8_000, 40_000
SIDECAR_START_S, SIDECAR_LONGEST_S = 1.5, 60
# (pipeline, requests a run)
REDIS = ((1, 300_000), (16, 1_500_000))


def rows(case, pairs, each, aim):
    """`each`: what is counted."""
    return [
        ratio(case, f"client CPU per {each}", pairs, "client_us", "µs", aim),
        ratio(case, "client + server CPU", pairs, "both_us", "µs"),
        ratio(case, "throughput", pairs, "per_s", "/s"),
    ]


def is_lossy(path):
    """The traced run was too fast for this machine: what the sidecar left out it did not pay for."""
    lost = json.loads(path.read_text())["capture"]["lost_bytes"]
    if lost:
        print(f"bench: a traced run lost {lost:,} bytes of its traffic and is repeated", file=sys.stderr)
    return lost > 0


def check_report(path, expected):
    """The traced run must have seen what happened, or its cost means nothing."""
    report = json.loads(path.read_text())
    acked = sum(group["totals"]["acked"] for group in report["groups"])
    if acked != expected or report["capture"]["connections"] == 0:
        raise Failure(
            f"the traced run saw {acked} acks of {expected} on {report['capture']['connections']} connections: "
            "its cost would mean nothing; run the same with `stormfuse run` and look at its report")


def measure_consumer(program, where, pid, directory, source, count, traced, passes=None):
    """`passes`: each run finds the same in the source, reads it so often, and can be repeated if a traced one lost some."""
    usage, report = directory / "usage.json", directory / "report.json"
    command = [PYTHON, HERE / program, where, source, count, usage]
    if passes:
        command.append(passes)
        count *= passes
    for _ in range(TRIES):
        before = cpu_s(pid)
        finish(sidecar(command, "--report", report) if traced else command)
        server_s = cpu_s(pid) - before
        used = json.loads(usage.read_text())
        if not (traced and passes and is_lossy(report)):
            break
    if traced:
        check_report(report, count)
    return {
        "client_us": used["cpu_s"] / count * 1e6, "both_us": (used["cpu_s"] + server_s) / count * 1e6,
        "per_s": count / used["wall_s"],
    }


def measure_redis(port, pid, directory, pipeline, count, traced):
    usage, report = directory / "usage.json", directory / "report.json"
    command = ["redis-benchmark", "-p", port, "-t", "set", "-d", 100, "-n", count, "-P", pipeline, "--csv"]
    before = cpu_s(pid)
    if traced:
        output = finish(sidecar([sys.executable, HERE / "metered.py", usage, *command], "--report", report))
        used = json.loads(usage.read_text())
        check_report(report, 0)
    else:
        used = metered(command, directory)
        output = used["output"]
    server_s = cpu_s(pid) - before
    return redis_figures(output, used["cpu_s"], server_s, count)


def redis_figures(output, client_s, server_s, count):
    """What `count` requests of a redis-benchmark cost, from its output and the CPU time of both sides."""
    per_s = [float(line.split(",")[1].strip('"')) for line in output.splitlines() if line.startswith('"SET"')]
    if not per_s:
        raise Failure(f"redis-benchmark printed no result: {output.strip()[-500:]}")
    return {"client_us": client_s / count * 1e6, "both_us": (client_s + server_s) / count * 1e6, "per_s": per_s[0]}


def with_broker(runs, sizes, case, aim, one):
    result = []
    with broker() as (port, pid), tempfile.TemporaryDirectory(prefix="stormfuse-bench-") as place:
        directory = pathlib.Path(place)
        for size, count in sizes:
            queue = f"bench-{size}"
            publish(port, queue, count, size)
            measure_consumer("consumer.py", port, pid, directory, queue, count, False)  # warms the caches; not counted

            def run(variant):
                publish(port, queue, count, size)
                time.sleep(0.3)  # the broker tidies up after it
                return one(
                    variant,
                    lambda traced: measure_consumer("consumer.py", port, pid, directory, queue, count, traced))

            pairs = paired(runs, run)
            result += rows(case.format(size=f"{size:,} B"), pairs, "message", aim)
    return result


def with_kafka(runs, sizes, case, aim, one):
    result = []
    for size, count, passes in sizes:
        with kafka() as (bootstrap, pid), tempfile.TemporaryDirectory(prefix="stormfuse-bench-") as place:
            publish_kafka(bootstrap, count, size)

            def measure(traced):
                program = "kafka_consumer.py"
                return measure_consumer(program, bootstrap, pid, pathlib.Path(place), "bench", count, traced, passes)

            measure(False)  # warms the caches; not counted
            pairs = paired(runs, lambda variant: one(variant, measure))
            result += rows(case.format(size=f"{size:,} B"), pairs, "message", aim)
    return result


def with_redis(runs, cases, case, aim, one):
    result = []
    with redis() as (port, pid), tempfile.TemporaryDirectory(prefix="stormfuse-bench-") as place:
        directory = pathlib.Path(place)
        for pipeline, count in cases:
            measure_redis(port, pid, directory, pipeline, count // 4, False)  # warms the caches; not counted
            pairs = paired(
                runs,
                lambda variant: one(
                    variant, lambda traced: measure_redis(port, pid, directory, pipeline, count, traced)))
            result += rows(case.format(pipeline=pipeline, count=f"{count:,}"), pairs, "request", aim)
    return result


def targeted(variant, run):
    return run(variant == "traced")


def beside(variant, run):
    if variant == "untraced":
        return run(False)
    with idle_sidecar():
        return run(False)


def pika(runs):
    """A pika consumer that acks each message, traced ÷ untraced."""
    return with_broker(runs, PIKA, "pika, {size} bodies", CLIENT_CPU, targeted)


def confluent(runs):
    """A confluent-kafka consumer that commits every hundredth message, traced ÷ untraced; librdkafka's mock cluster."""
    return with_kafka(runs, KAFKA, "confluent-kafka, {size} bodies", CLIENT_CPU, targeted)


def redis_benchmark(runs):
    """redis-benchmark -t set -d 100, traced ÷ untraced. Its connections are ruled out by their first bytes."""
    return with_redis(runs, REDIS, "redis-benchmark -P {pipeline} -n {count}", CLIENT_CPU, targeted)


def sidecar_cpu(runs):
    """The sidecar's own CPU for each message of a pika consumer that acks 8,000 a second, from its first to its last."""
    used = []
    with broker() as (port, _), tempfile.TemporaryDirectory(prefix="stormfuse-bench-") as place:
        usage, report = (pathlib.Path(place) / name for name in ("usage.json", "report.json"))
        for _ in range(runs):
            publish(port, "sidecar", SIDECAR_MESSAGES, 100)
            consumer = [PYTHON, HERE / "consumer.py", port, "sidecar", SIDECAR_MESSAGES, usage, SIDECAR_RATE]
            # The shell waits before the consumer and after it: the sidecar's start and end are not counted.
            with running(
                sidecar(["sh", "-c", 'read _; "$@"; echo done; read _', "sh", *consumer], "--report", report),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            ) as process:
                time.sleep(SIDECAR_START_S)
                before = cpu_s(process.pid)
                process.stdin.write(b"\n")
                process.stdin.flush()
                ready, _, _ = select.select([process.stdout], [], [], SIDECAR_LONGEST_S)
                if not ready or b"done" not in process.stdout.readline():
                    raise Failure(f"the consumer did not take its messages within {SIDECAR_LONGEST_S} s")
                used.append((cpu_s(process.pid) - before) / SIDECAR_MESSAGES * 1e6)
                process.communicate(b"\n", timeout=20)
            check_report(report, SIDECAR_MESSAGES)
    return [Row("pika, 100 B bodies, 8,000 messages/s", "sidecar's CPU per message", "µs", used, aim=("≤", 3))]


def bystander(runs):
    """The same programs, not the target, beside a sidecar that watches something idle, ÷ without a sidecar."""
    return with_broker(runs, PIKA[:1], "pika, {size} bodies, beside", BYSTANDER, beside) + with_redis(
        runs, REDIS[:1], "redis-benchmark -P {pipeline}, beside", BYSTANDER, beside)
