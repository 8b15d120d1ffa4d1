"""From the failing settlement's system call to the transition.

With a window of a second and thresholds of one settlement every rejection opens the breaker of its queue, an ack closes
it again, and so a short run has hundreds of openings. The consumer notes the time just before its library's call, so that
the library's own time is counted, too. Two moments end it: the transition's own time (that of the segment) and the moment
at which this process has read its line from a pipe, which counts the whole way and a wakeup of this process.
"""

import calendar
import collections
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from measure import Failure, Row, percentile
from processes import CLIENTS, HERE, PYTHON, broker, publish, running, sidecar

QUEUES = [f"detection-{index}" for index in range(8)]
ROUNDS = 40
LOAD_PER_S = 2000
LONGEST_S = 90
P99 = ("≤", 2.0)
TRANSITION = "stormfuse.event/1"
CONFIGURATION = """\
window: 1s
rules:
  dead-letter-storm: off
  slow-partition: off
  stalled: off
  dead-letter-flood: {dead_letter_rate: 0, min_settlements: 1, min_distinct: 1}
breaker: {open_base: 10ms, open_maximum: 10ms, jitter: 0, probes: 1}
"""


def nanoseconds(text):
    """RFC 3339 in UTC to nanoseconds after the epoch."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 1_000_000_000 + int(fraction.ljust(9, "0")[:9])


def read_events(process):
    """[(when it was read, event)] until the other end closes."""
    events, rest = [], b""
    deadline = time.monotonic() + LONGEST_S
    while more := os.read(process.stdout.fileno(), 1 << 20):
        read_ns = time.time_ns()
        *lines, rest = (rest + more).split(b"\n")
        events += [(read_ns, json.loads(line)) for line in lines]
        if time.monotonic() > deadline:
            raise Failure(f"the run did not end within {LONGEST_S} s")
    return events


def measure(port, directory, load):
    """[(call → segment, call → line read, the library's call)] in ms, and how many failures opened nothing."""
    configuration, notes, errors = (directory / name for name in ("detection.yaml", "notes", "errors"))
    configuration.write_text(CONFIGURATION)
    notes.unlink(missing_ok=True)
    for queue in QUEUES:
        publish(port, queue, 2 * ROUNDS, 100)
    command = [PYTHON, HERE / "failing_consumer.py", port, ",".join(QUEUES), ROUNDS, notes, *load]
    with open(errors, "wb") as file, running(
        sidecar(command, "--config", configuration, "--events", "-"), stdout=subprocess.PIPE, stderr=file
    ) as process:
        events = read_events(process)
        status = process.wait(10)
    if status != 0 or not notes.exists():
        raise Failure(f"the run ended with status {status}: {errors.read_text(errors='replace').strip()[-1000:]}")
    openings = collections.defaultdict(list)
    for read_ns, event in events:
        if event["schema"] != TRANSITION:
            continue  # what is held, and what not
        if event["transition"]["to"] == "open" and event["transition"]["cause"] == "rule":
            openings[event["group"]].append((nanoseconds(event["transition"]["at"]), read_ns))
    return matched([json.loads(line) for line in notes.read_text().splitlines()], openings)


def matched(notes, openings):
    """Each failure with the first opening of its queue from then on, unless the queue's next failure comes before it."""
    following = {}
    delays, missing = [], 0
    for note in reversed(notes):
        queue, before_ns = note["queue"], note["before_ns"]
        until = following.get(queue, float("inf"))
        following[queue] = before_ns
        found = [opening for opening in openings[queue] if before_ns <= opening[1] and opening[0] < until]
        if not found:
            missing += 1
            continue
        at_ns, read_ns = found[0]
        delays.append(((at_ns - before_ns) / 1e6, (read_ns - before_ns) / 1e6, (note["after_ns"] - before_ns) / 1e6))
    if not delays:
        raise Failure("no failure opened a breaker: run the same with `stormfuse run` and look at its report")
    return delays, missing


def rows(case, delays, missing):
    segment, line, call = (list(column) for column in zip(*delays))
    if missing:
        case += f" ({missing} opened nothing)"
    return [
        Row(case, "call → segment's time, median", "ms", segment, centre=statistics.median(segment)),
        Row(case, "call → line read, median", "ms", line, centre=statistics.median(line)),
        Row(case, "call → line read, p99", "ms", line, aim=P99, centre=percentile(line, 99)),
        Row(case, "the library's call alone, median", "ms", call, centre=statistics.median(call)),
    ]


def detection(_):
    """Failing settlement's system call → transition. Spread is over all openings, of which there are as many as runs."""
    result = []
    with broker() as (port, _), tempfile.TemporaryDirectory(prefix="stormfuse-bench-") as place:
        directory = pathlib.Path(place)
        result += rows("otherwise quiet", *measure(port, directory, []))
        publish(port, "load", 1, 100)
        with contextlib.ExitStack() as stack:
            stack.enter_context(running([
                PYTHON, CLIENTS / "publisher.py", "--port", port, "--queue", "load", "--count", 10_000_000, "--rate",
                LOAD_PER_S,
            ], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))  # fmt: skip
            load = [PYTHON, HERE / "consumer.py", port, "load", 10_000_000, directory / "usage.json"]
            result += rows(f"beside {LOAD_PER_S:,} messages/s", *measure(port, directory, load))
    return result
