"""How soon traffic is held, and what a hold costs those who are not."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

from measure import Failure, Row, paired, percentile, ratio
from overhead import redis_figures
from processes import HERE, PYTHON, await_line, binary, broker, cpu_s, finish, metered, publish, redis, running, sidecar
from relay import Relay

ROUNDS = 100
LONGEST_S = 60
P99 = ("≤", 2.0)
# What came this much later than it was sent was held: the breaker stays open for longer after the last that was sent.
HELD_NS = 50_000_000
CONFIGURATION = """\
mode: enforce
window: 1s
rules:
  dead-letter-storm: off
  slow-partition: off
  stalled: off
  dead-letter-flood: {dead_letter_rate: 0, min_settlements: 1, min_distinct: 1}
breaker: {open_base: 100ms, open_maximum: 100ms, jitter: 0, probes: 1}
"""
TRIPS = 200
HOLD_COST_REQUESTS = 200_000


def place():
    return tempfile.TemporaryDirectory(prefix="stormfuse-bench-")


def tail(path):
    return path.read_text(errors="replace").strip()[-1000:]


# --- from the failure to the first held packet --------------------------------------------------------------------


def holding(_):
    """Failing settlement's system call → first held packet of its connection: of the heartbeats sent every 50 µs, the
    first that the other side did not get at once. The hold began between it and the last that passed.
    Runs are openings."""
    with broker() as (port, _), place() as name, Relay(port) as relay:
        directory = pathlib.Path(name)
        configuration, notes, events, errors = (directory / file for file in ("yaml", "notes", "events", "errors"))
        configuration.write_text(CONFIGURATION)
        publish(port, "holding", 4 * ROUNDS + 8, 100)
        command = [PYTHON, HERE / "held_consumer.py", relay.port, "holding", ROUNDS, LONGEST_S, notes]
        with open(errors, "wb") as file, running(
            sidecar(command, "--config", configuration, "--events", events), stdout=subprocess.DEVNULL, stderr=file
        ) as process:
            try:
                status = process.wait(2 * LONGEST_S)
            except subprocess.TimeoutExpired:
                raise Failure(f"the run did not end within {2 * LONGEST_S} s: {tail(errors)}") from None
        if status != 0 or not notes.exists():
            raise Failure(f"the run ended with status {status}: {tail(errors)}")
        relay.finished()
        rounds = [json.loads(line) for line in notes.read_text().splitlines()]
        return holding_rows(rounds, relay, *told(events))


def told(path):
    """By the event log: how often a rule opened the breaker, and how often something was held from then on."""
    events = [json.loads(line) for line in path.read_text().splitlines()]
    openings = sum("transition" in event and event["transition"]["cause"] == "rule" for event in events)
    return openings, sum(event.get("kind") == "held" and event["state"] == "open" for event in events)


def holding_rows(rounds, relay, openings, holds):
    delays, passed, blurred, unheld = [], [], 0, 0
    for note in rounds:
        passed_ns = note["call_ns"]
        for heartbeat_ns, end_bytes, unsent_bytes in note["heartbeats"]:
            came_ns = relay.arrival_ns(end_bytes)
            # Two witnesses: the sender's kernel kept it back, and it came late. Late alone, the relay was not looking.
            is_late = came_ns is None or came_ns - heartbeat_ns >= HELD_NS
            if unsent_bytes and is_late:
                delays.append((heartbeat_ns - note["call_ns"]) / 1e6)
                passed.append((passed_ns - note["call_ns"]) / 1e6)
                break
            if unsent_bytes:
                # It waited for something else than a hold: when the hold began can't be told.
                blurred += 1
                break
            passed_ns = heartbeat_ns
        else:
            # Not left out: that would make the worst rounds disappear.
            unheld += 1
            delays.append((passed_ns - note["call_ns"]) / 1e6)
            passed.append(delays[-1])
    if len(delays) == unheld:
        raise Failure(f"nothing was held in {len(rounds)} rounds ({openings} openings, {holds} holds in the event log)")
    amiss = ((unheld, "not held in 40 ms"), (blurred, "not told apart"))
    without = [f"{count} {what}" for count, what in amiss if count]
    case = f"{len(rounds)} failures, {openings} openings, {holds} holds" + "".join(f", {text}" for text in without)
    return [
        Row(case, "call → first held packet, median", "ms", delays),
        Row(case, "call → first held packet, p99", "ms", delays, aim=P99, centre=percentile(delays, 99)),
        Row(case, "call → last that passed, median", "ms", passed),
        Row(case, "call → last that passed, p99", "ms", passed, centre=percentile(passed, 99)),
    ]


# --- from the operator's word to the hold -------------------------------------------------------------------------


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(connection, method, path):
    body = json.dumps({"reason": "benchmark", "author": "bench"}) if method == "POST" else None
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def trip(_):
    """`POST …/trip` on a kept connection to the Unix socket → answer read that says "held": true. Runs are trips, each
    undone by a reset."""
    result = []
    with broker() as (port, _), place() as name:
        publish(port, "trip", 1, 100)
        directory = pathlib.Path(name)
        result += trip_rows("without --state", trips(port, directory, []))
        state = directory / "state"
        state.mkdir()
        kind = finish(["stat", "-f", "-c", "%T", state]).strip()
        result += trip_rows(f"with --state on {kind}", trips(port, directory, ["--state", state]))
    return result


def trips(port, directory, options):
    admin, errors = directory / "admin", directory / "errors"
    path = "/v1/breakers/" + urllib.parse.quote("rabbitmq:%2F:trip", safe="")
    consumer = [PYTHON, HERE / "consumer.py", port, "trip", 10_000_000, directory / "usage"]
    command = [binary(), "run", "--admin", f"unix:{admin}", "--mode", "enforce", *options, "--", *consumer]
    with open(errors, "wb") as file, running(command, stdout=subprocess.DEVNULL, stderr=file) as process:
        connection = UnixConnection(admin)
        with contextlib.closing(connection):
            await_breaker(connection, path, process, errors)
            delays = []
            for _ in range(TRIPS):
                began_ns = time.monotonic_ns()
                status, answer = ask(connection, "POST", f"{path}/trip")
                delays.append((time.monotonic_ns() - began_ns) / 1e6)
                if status != 200 or not answer["held"]:
                    raise Failure(f"trip {len(delays)} held nothing: {json.dumps(answer)[:500]}")
                if connection.sock is None:
                    raise Failure("the admin API ended the connection after an answer: connecting anew would be timed")
                status, answer = ask(connection, "POST", f"{path}/reset")
                if status != 200 or answer["held"] or not answer["changed"]:
                    raise Failure(f"reset {len(delays)} released nothing: {json.dumps(answer)[:500]}")
                time.sleep(0.01)
    return delays


def await_breaker(connection, path, process, errors, seconds=20):
    """Until the consumer's group is known."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            status, _ = ask(connection, "GET", path)
            if status == 200:
                return
        except OSError:
            connection.close()  # not listening yet; the next request connects anew
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failure(f"the consumer's breaker never came up: {tail(errors)}")
        time.sleep(0.1)


def trip_rows(case, delays):
    return [
        Row(case, "request → held, median", "ms", delays),
        Row(case, "request → held, p99", "ms", delays, centre=percentile(delays, 99)),
    ]


# --- what a hold costs its neighbours -----------------------------------------------------------------------------


def hold_cost(runs):
    """redis-benchmark -t set -d 100 in a cgroup where another connection is held, ÷ there without a hold."""
    with redis() as (port, pid), place() as name, cgroup() as group, contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        other = listener.getsockname()[1]
        idle = "import socket, sys, time; s = socket.create_connection(('127.0.0.1', sys.argv[1])); time.sleep(3600)"
        stack.enter_context(running(entering(group, [sys.executable, "-c", idle, other])))
        listener.settimeout(10)
        stack.enter_context(listener.accept()[0])

        def measure(variant, count=HOLD_COST_REQUESTS):
            command = ["redis-benchmark", "-p", port, "-t", "set", "-d", 100, "-n", count, "--csv"]
            with held(group, other) if variant == "held" else contextlib.nullcontext():
                before = cpu_s(pid)
                used = metered(entering(group, command), name)
                return redis_figures(used["output"], used["cpu_s"], cpu_s(pid) - before, count)

        measure("free", HOLD_COST_REQUESTS // 4)  # warms the caches; not counted
        pairs = paired(runs, measure, "free", "held")
    case = f"redis-benchmark -P 1 -n {HOLD_COST_REQUESTS:,}, other connection held"
    return [
        ratio(case, "client CPU per request", pairs, "client_us", "µs"),
        ratio(case, "client + server CPU", pairs, "both_us", "µs"),
        ratio(case, "throughput", pairs, "per_s", "/s"),
    ]


@contextlib.contextmanager
def held(group, port):
    """A hold by hand of the group's one connection to `port`."""
    fusectl = pathlib.Path(binary()).with_name("fusectl")
    if not os.access(fusectl, os.X_OK):
        raise Failure(f"{fusectl} is not there: run scripts/setup")
    only = ["--cgroup", group, "--to", f"127.0.0.1:{port}"]
    command = [fusectl, "hold", *only, "--action", "pause", "--duration", "120s"]
    with running(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        await_line(process, "1 open connection ")
        yield
        if process.poll() is not None:
            raise Failure(f"the hold ended before the run did, with status {process.returncode}")


def entering(group, command):
    """The command line of `command` in the cgroup, entered before its first socket: its sockets belong to it then."""
    return ["sh", "-c", 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"', "sh", group, *command]


@contextlib.contextmanager
def cgroup():
    """A cgroup for this benchmark, below its own."""
    mounts = re.findall(r"^\S+ (\S+) cgroup2 ", pathlib.Path("/proc/self/mounts").read_text(), re.MULTILINE)
    if not mounts:
        raise Failure("no cgroup v2 is mounted: mount one, as in 'mount -t cgroup2 none /sys/fs/cgroup'")
    own = re.search(r"^0::(.*)$", pathlib.Path("/proc/self/cgroup").read_text(), re.MULTILINE)[1]
    group = pathlib.Path(mounts[0]) / own.strip("/") / f"stormfuse-bench-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as problem:
        raise Failure(f"{group} could not be made: {problem.strerror}; run as a user who may") from None
    try:
        yield group
    finally:
        deadline = time.monotonic() + 5
        while True:
            try:
                group.rmdir()
                break
            except OSError as problem:
                # Busy until its last process has been collected.
                if time.monotonic() > deadline:
                    print(f"bench: {group} is left behind: {problem.strerror}", file=sys.stderr)
                    break
                time.sleep(0.05)
