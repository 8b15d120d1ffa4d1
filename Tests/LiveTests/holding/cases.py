"""The cases by name. A case takes a stage and gives rows for the tables and what differs from what should be."""

import sys

import cycles
import holds
import kafka_holds
import kills
import reconnect
import sharing
import spaces
from processes import Stage

CLIENTS = ("pika", "aio-pika", "go", "c")
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
DURATIONS = (5, 20, 60, 150, 600)
RELEASES = ("success", "reset", "override end", "time", "limit", "close", "SIGKILL", "SIGSTOP")


class Case:
    """`run(stage)` gives (rows, differences). `is_apart`: in a network namespace of its own, so with an own broker.
    `is_kafka`: it brings its own broker."""

    def __init__(self, name, run, is_quick=False, is_apart=False, is_kafka=False, table="holds"):
        self.name, self.run, self.is_quick, self.is_apart, self.table = name, run, is_quick, is_apart, table
        self.is_kafka = is_kafka


def matrix(seconds, tcp_retries2, prefetch=holds.PREFETCH):
    def run(stage):
        spaces.enter_own(tcp_retries2)
        stage.start_broker()
        members = [(client, heartbeat, ip) for ip in (4, 6) for client in CLIENTS for heartbeat in (10, 60)]
        return holds.run(stage, members, seconds, "override end", LOOPBACK, tcp_retries2, prefetch=prefetch)

    return run


def release(way):
    # With a heartbeat of 60 s nothing has to pass before 5 s: what comes within 3 s of the end of this hold is its end.
    def run(stage):
        return holds.run(stage, [(client, 60, 4) for client in CLIENTS], 2, way, LOOPBACK)

    return run


def loopback(seconds):
    def run(stage):
        return holds.run(stage, [(client, 10, 4) for client in CLIENTS], seconds, "override end", LOOPBACK)

    return run


def bad_link(seconds):
    def run(stage):
        spaces.enter_own()
        loss = 0.01
        neighbour = spaces.Neighbour(stage, delay_ms=20, loss=loss)
        stage.start_broker(*spaces.NEAR)
        hosts = {4: spaces.NEAR[0], 6: spaces.NEAR[1]}
        members = [(client, heartbeat, 4) for client in ("pika", "c") for heartbeat in (10, 60)]
        rows, differences = holds.run(stage, members, seconds, "override end", hosts, inside=neighbour.inside)
        carried, dropped = neighbour.end()
        print(f"{dropped} of {carried + dropped} packets were dropped between the namespaces", file=sys.stderr)
        if not loss / 3 < dropped / max(1, carried + dropped) < loss * 3:
            differences.append(f"the link was not as bad as it should be: {dropped} of {carried + dropped} dropped")
        return rows, differences

    return run


def cases():
    found = [Case("loopback-5s", loopback(5), is_quick=True)]
    quick = ("reset", "close", "SIGKILL", "SIGSTOP")
    for way in RELEASES:
        found.append(Case(f"released-by-{way.replace(' ', '-')}", release(way), is_quick=way in quick))
    for retries in (15, 5):
        for seconds in DURATIONS:
            found.append(Case(f"hold-{seconds}s-retries2-{retries}", matrix(seconds, retries), is_apart=True))
    for prefetch in (1, 200):
        found.append(Case(f"hold-60s-prefetch-{prefetch}", matrix(60, 15, prefetch), is_apart=True))
    for seconds in (5, 20, 60):
        found.append(Case(f"bad-link-{seconds}s", bad_link(seconds), is_apart=True))
    found.append(Case("kafka-5s", kafka_holds.run("new", 5), is_quick=True, is_kafka=True))
    for library in ("old", "new"):
        for seconds in (20, 60, 150, 600):
            found.append(Case(f"kafka-{library}-{seconds}s", kafka_holds.run(library, seconds), is_kafka=True))
    for way in ("reset", "close", "SIGKILL", "SIGSTOP"):
        found.append(Case(f"kafka-released-by-{way}", kafka_holds.run("new", 2, way), is_kafka=True))
    found.append(Case("shared-connection", sharing.shared_connection, is_quick=True, table="notes"))
    found.append(Case("auto-ack", sharing.auto_ack, is_quick=True, table="notes"))
    found.append(Case("reconnect-while-held", reconnect.run, table="notes"))
    for count, is_quick in ((300, True), (10_000, False)):
        found.append(Case(f"cycles-{count}", cycles.run(count), is_quick=is_quick, table="notes"))
    for count, is_quick in ((10, True), (200, False)):
        found.append(Case(f"kills-{count}", kills.run(count), is_quick=is_quick, table="notes"))
    return {case.name: case for case in found}


stages = []


def abandon():
    """Ends everything that the case under way has started, whatever its threads are waiting for."""
    while stages:
        stages.pop().close()


def run_case(case, broker, keep):
    """(rows, differences). `broker`: directory of one to use, unless the case needs its own."""
    stage = Stage(None if case.is_apart else broker)
    stages.append(stage)
    try:
        if not case.is_apart and not case.is_kafka and not broker:
            stage.start_broker()
        return case.run(stage)
    finally:
        stages.remove(stage)
        stage.close(keep)
