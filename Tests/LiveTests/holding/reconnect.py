"""A client whose connection the broker closes while it is held, and which connects again: that is held as well."""

import subprocess
import sys
import time

from holds import PREFETCH, RATE
from load import Load
from notes import Note
from processes import LIVE, Failure, wait_until
from sidecar import Sidecar, client_command

CLIENTS = ("pika", "aio-pika", "go", "c")
WATCH_S = 8
TRICKLE_S = 4  # of a heartbeat of 10 s


def ctl(stage, *words):
    done = subprocess.run(
        [sys.executable, LIVE / "broker", "ctl", stage.broker, *words], stdout=subprocess.PIPE, text=True, timeout=60)
    if done.returncode:
        raise Failure(f"rabbitmqctl {words[0]} ended with status {done.returncode}")
    return done.stdout


def local_ports(pid):
    """Of its TCP connections."""
    lines = subprocess.run(["ss", "-tnpH"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return {line.split()[3].rpartition(":")[2] for line in lines if f"pid={pid}," in line}


def run(stage):
    queues = {client: f"hold.reconnect.{client}" for client in CLIENTS}
    load = Load(stage.port, queues.values(), RATE)
    rows, differences, sidecars = [], [], {}
    try:
        for client, queue in queues.items():
            name = f"reconnect-{client}"
            journal = stage.directory / name / "journal"
            command = client_command(stage, client, "127.0.0.1", queue, 10, PREFETCH, journal)
            sidecars[client] = Sidecar(stage, name, command, queue)
        for sidecar in sidecars.values():
            sidecar.wait_ready()
        load.start()
        for client, sidecar in sidecars.items():
            if not wait_until(lambda: len(sidecar.journal.deliveries()) >= 20, 20):
                raise Failure(f"{client}: no messages before the hold")
        for client, sidecar in sidecars.items():
            status, text = sidecar.fusectl("override", sidecar.key, "open", "--for", "120s", "--reason", "hold test")
            if status != 0:
                differences.append(f"{client}: fusectl ended with status {status}: {text}")
        time.sleep(1)
        ports = {port for sidecar in sidecars.values() for port in local_ports(sidecar.client_pid)}
        lines = [line.split("\t") for line in ctl(stage, "list_connections", "pid", "peer_port").splitlines()]
        closing = [line[0] for line in lines if len(line) == 2 and line[1] in ports]
        if len(closing) != len(CLIENTS):
            raise Failure(f"{len(closing)} connections of {len(CLIENTS)} clients were found at the broker")
        for connection in closing:
            ctl(stage, "close_connection", connection, "a test")
        again = {}
        for client, sidecar in sidecars.items():
            if not wait_until(lambda: len(sidecar.journal.times("connected")) >= 2, 20):
                raise Failure(f"{client}: did not connect again")
            again[client] = sidecar.journal.times("connected")[1]
        time.sleep(WATCH_S)
        for client, sidecar in sidecars.items():
            breaker = sidecar.breaker()["breaker"]
            watched_s = (time.time_ns() - again[client]) / 1e9
            came = sum(at >= again[client] for at, _, _ in sidecar.journal.deliveries())
            # What it prefetches when it connects, and that once more for each segment that has to pass.
            most = PREFETCH + (PREFETCH + 1) * (int(watched_s / TRICKLE_S) + 1)
            rows.append(Note(f"{client}: messages in {watched_s:.1f} s after it connected again", came))
            if not breaker["held"]:
                differences.append(f"{client}: not held after it connected again: {breaker['why']}")
            if came > most:
                differences.append(f"{client}: {came} messages after it connected again, {most} could be explained")
        for client, sidecar in sidecars.items():
            sent, status, _ = sidecar.command("DELETE", "override")
            first = wait_until(
                lambda: next((at for at, _, _ in sidecar.journal.deliveries() if at >= sent), None), 10)
            if status != 200 or first is None:
                differences.append(f"{client}: nothing came after the release (status {status})")
            else:
                rows.append(Note(f"{client}: release → first message, ms", round((first - sent) / 1e6, 1)))
        load.stop()
        for client, sidecar in sidecars.items():
            published = load.published[queues[client]]
            def missing():
                return published - len({number for _, number, _ in sidecar.journal.deliveries()})

            wait_until(lambda: missing() == 0, 20, 0.1)
            if sidecar.close_client() is None:
                differences.append(f"{client}: could not close its connection")
            if sidecar.wait() != 0:
                differences.append(f"{client}: stormfuse ended badly; last words: {sidecar.last_words()}")
            lost = missing() - load.left(queues[client])
            redelivered = sum(redelivered for _, _, redelivered in sidecar.journal.deliveries())
            rows.append(Note(f"{client}: messages lost, redelivered by the closing", f"{lost}, {redelivered}"))
            if lost:
                differences.append(f"{client}: {lost} messages lost")
            if len(sidecar.journal.times("lost")) != 1:
                differences.append(f"{client}: {len(sidecar.journal.times('lost'))} connections lost, we closed one")
        return rows, differences
    finally:
        load.close()
